"""What is deployed on AWS, drawn from template.yaml: a row for each function, from what invokes it to its tables."""

from collections import defaultdict
from collections.abc import Iterator
from html import escape
from itertools import chain, groupby
from typing import NamedTuple

from sagactl.design.connections import API, QUEUE, RULE, SCHEDULE, Row, rows

# Where each column begins, and how wide it is.
BUS = (16, 92)
WAY_IN = (146, 168)
FUNCTION = (378, 144)
TABLE = (586, 136)
DEAD_LETTERS = (778, 106)
PANEL = (130, 608)
WIDTH = 900

HEAD = 46  # above the first row
ROW = 60
GAP = 12  # between services
BOX = 36
TABLE_BOX = 22
TABLE_STEP = 25  # from one table of a service to the next
FUNCTION_BOX = 52
UPPER = 18  # where in a row a function is invoked, and reads and writes
LOWER = 46  # where it tells, and where what it can't handle leaves it

CLASSES = {API: "api", RULE: "events", SCHEDULE: "events", QUEUE: "queue"}
STYLE = """
text { fill: #1f2937; font-size: 14px; text-anchor: middle }
.small { font-size: 12px; opacity: .75 }
.name { font-weight: 600 }
.page { fill: #ffffff }
.panel { fill: #f3f4f6 }
.api { fill: #ede4fb; stroke: #7c4dbd }
.events { fill: #fbe4ef; stroke: #c2407f }
.function { fill: #fdebd3; stroke: #c76a10 }
.table { fill: #dfeafc; stroke: #3f6fd0 }
.queue { fill: #fbe3e0; stroke: #b5433a }
path { fill: none; stroke-width: 1.6 }
.event { stroke: #c2407f }
.invoke { stroke: #7b8494 }
.data { stroke: #3f6fd0 }
.failure { stroke: #b5433a; stroke-dasharray: 5 4 }
.tip-event { fill: #c2407f } .tip-invoke { fill: #7b8494 } .tip-data { fill: #3f6fd0 } .tip-failure { fill: #b5433a }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb }
  .page { fill: #0d1117 }
  .panel { fill: #1b212b }
  .api { fill: #33224f } .events { fill: #4a1c34 } .function { fill: #4a2f10 }
  .table { fill: #1a2f5a } .queue { fill: #4d201c }
}
"""


class Place(NamedTuple):
    """A row, and how far down it is drawn."""

    row: Row
    y: int


def svg() -> str:
    panels = _panels()
    places = list(chain.from_iterable(panels))
    bottom = places[-1].y + ROW
    shapes = [_panel(panel) for panel in panels]
    for place in places:
        shapes += _row_lines(place)
    for panel in panels:
        shapes += _tables(panel)
    for place in places:
        shapes += _row_boxes(place)
    shapes += [_bus(places), *_dead_letter_queues(places), *_headings(), *_legend(bottom + 26)]
    head = f'viewBox="0 0 {WIDTH} {bottom + 48}" font-family="system-ui, sans-serif"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {head}>', _head(), *shapes, "</svg>"])


def _panels() -> list[list[Place]]:
    """The rows of each service, one below the other."""
    panels: list[list[Place]] = []
    y = HEAD
    for _, group in groupby(rows(), key=lambda row: row.service):
        panel: list[Place] = []
        for row in group:
            panel.append(Place(row, y))
            y += ROW
        panels.append(panel)
        y += GAP
    return panels


def _head() -> str:
    markers = [
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path class="tip-{kind}" d="M0 0L8 4L0 8z"/></marker>'
        for kind in ("event", "invoke", "data", "failure")
    ]
    title = "<title>The deployment on AWS: what invokes each function, and the tables that it has</title>"
    return "\n".join([title, f"<style>{STYLE}</style>", '<rect class="page" width="100%" height="100%"/>', *markers])


def _panel(panel: list[Place]) -> str:
    return _rect("panel", PANEL, panel[0].y - 8, len(panel) * ROW + 8)


def _row_lines(place: Place) -> Iterator[str]:
    row = place.row
    upper = place.y + UPPER
    lower = place.y + LOWER
    is_heard = row.kind in {RULE, QUEUE}
    if is_heard:
        yield _line("event", _end(BUS), upper, WAY_IN[0], upper)
    if row.function:
        kind = "event" if is_heard else "invoke"
        yield _line(kind, _end(WAY_IN), upper, FUNCTION[0], upper)
    if row.tells:
        yield _line("event", FUNCTION[0], lower, _end(BUS), lower)
    if row.dead_letters and row.function:
        yield _line("failure", _end(FUNCTION), lower, DEAD_LETTERS[0], lower)
    elif row.dead_letters:
        yield _line("failure", _end(WAY_IN), upper, DEAD_LETTERS[0], upper)


def _row_boxes(place: Place) -> Iterator[str]:
    row = place.row
    yield _box(CLASSES[row.kind], WAY_IN, place.y, BOX, row.way_in, row.kind)
    if row.function:
        yield _box("function", FUNCTION, place.y, FUNCTION_BOX, row.function, "Lambda")


def _tables(panel: list[Place]) -> Iterator[str]:
    """A service's tables, halfway down its rows, with a line from each function that reads or writes them."""
    users: dict[str, list[Place]] = defaultdict(list)
    for place in panel:
        for name in place.row.tables:
            users[name].append(place)
    y = (panel[0].y + panel[-1].y) // 2 + UPPER - TABLE_STEP * (len(users) - 1) // 2
    for name, places in users.items():
        for place in places:
            yield _line("data", _end(FUNCTION), place.y + UPPER, TABLE[0], y)
        yield _box("table", TABLE, y - TABLE_BOX // 2, TABLE_BOX, name)
        y += TABLE_STEP


def _bus(places: list[Place]) -> str:
    top = places[0].y
    return _box("events", BUS, top, places[-1].y + BOX - top, "event bus", "EventBridge")


def _dead_letter_queues(places: list[Place]) -> Iterator[str]:
    heights: dict[str, list[int]] = defaultdict(list)
    for place in places:
        if place.row.dead_letters:
            heights[place.row.dead_letters].append(place.y)
    for ys in heights.values():
        yield _box("queue", DEAD_LETTERS, ys[0], ys[-1] + FUNCTION_BOX - ys[0], "dead letters", "SQS")


def _headings() -> Iterator[str]:
    columns = [(WAY_IN, "invoked by"), (FUNCTION, "function"), (TABLE, "reads and writes")]
    for column, heading in columns:
        yield _text("small", _middle(column), HEAD - 20, heading)


def _legend(y: int) -> Iterator[str]:
    kinds = [
        ("event", "events heard and told"),
        ("data", "items read and written"),
        ("failure", "what can't be handled"),
    ]
    for number, (kind, meaning) in enumerate(kinds):
        x = 150 + number * 220
        yield _line(kind, x, y, x + 34, y)
        yield f'<text class="small" style="text-anchor:start" x="{x + 42}" y="{y + 4}">{escape(meaning)}</text>'


def _box(kind: str, column: tuple[int, int], y: int, height: int, name: str, small: str = "") -> str:
    x = _middle(column)
    middle = y + height // 2
    if not small:
        return _rect(kind, column, y, height) + _text("name", x, middle + 5, name)
    return _rect(kind, column, y, height) + _text("name", x, middle - 3, name) + _text("small", x, middle + 13, small)


def _rect(kind: str, column: tuple[int, int], y: int, height: int) -> str:
    return f'<rect class="{kind}" x="{column[0]}" y="{y}" width="{column[1]}" height="{height}" rx="7"/>'


def _text(kind: str, x: int, y: int, content: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(content)}</text>'


def _line(kind: str, x1: int, y1: int, x2: int, y2: int) -> str:
    bend = (x2 - x1) // 2
    curve = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path class="{kind}" d="{curve}" marker-end="url(#{kind})"/>'


def _end(column: tuple[int, int]) -> int:
    return column[0] + column[1]


def _middle(column: tuple[int, int]) -> int:
    return column[0] + column[1] // 2
