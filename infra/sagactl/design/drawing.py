"""Which event leads to which, drawn from the signatures alone."""

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography
from sagactl.design.choreography import ends, kind_of, service_of

# A node's size, the steps from one node to the next, and the margin around all, in pixels.
WIDTH = 152
HEIGHT = 44
COLUMN = 190
ROW = 66
MARGIN = 16

COLORS = {  # fill, line, text
    "progress": ("#d9f2e3", "#2c8a57", "#0b2e1b"),
    "failure": ("#fbe3e0", "#b5433a", "#3d0f0b"),
    "compensation": ("#fdf0cf", "#a97a10", "#3a2a02"),
    "closed": ("#e8eaf0", "#555f7a", "#1c2233"),
}

_BACKGROUND = """\
<title>Which event leads to which</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto" \
markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker>"""


class Node(NamedTuple):
    """An event, or an end of the order, in a column of the drawing."""

    name: str
    service: str
    kind: str
    column: int

    @property
    def is_well(self) -> bool:
        """Returns whether the order is on its way to completion, or there."""
        return self.kind == "progress" or self.name == "order COMPLETED"


class Edge(NamedTuple):
    """From one node to another; `is_well` if both are well."""

    start: str
    end: str
    is_well: bool


class Corner(NamedTuple):
    """The upper left corner of a node."""

    x: int
    y: int


def names(events: choreography.Events) -> list[str]:
    return [event.name for event in events]


def nodes() -> list[Node]:
    """Returns events, each a column further than the last event that leads to it, and the ends in the last column."""
    depth: dict[type[Event], int] = {}

    def column(event: type[Event]) -> int:
        if event not in depth:
            causes = [cause for cause, told in choreography.leads_to().items() if event in told]
            depth[event] = 1 + max(map(column, causes), default=-1)
        return depth[event]

    found = [Node(name, service_of(event), kind_of(name), column(event)) for name, event in EVENTS.items()]
    last = max(node.column for node in found) + 1
    closed = [Node(f"order {status}", "", "closed", last) for status in dict.fromkeys(ends().values())]
    return found + closed


def edges() -> list[Edge]:
    return [*_edges_between_events(), *_edges_to_ends()]


def _edges_between_events() -> Iterator[Edge]:
    for event, facts in choreography.leads_to().items():
        for fact in facts:
            is_well = kind_of(event.name) == kind_of(fact.name) == "progress"
            yield Edge(event.name, fact.name, is_well)


def _edges_to_ends() -> Iterator[Edge]:
    for event, status in ends().items():
        yield Edge(event.name, f"order {status}", kind_of(event.name) == "progress")


def svg() -> str:
    places = _places()
    width = max(place.x for place in places.values()) + WIDTH + MARGIN
    height = max(place.y for place in places.values()) + HEIGHT + MARGIN
    arrows = [_arrow(places[edge.start], places[edge.end], edge) for edge in edges()]
    boxes = [_box(node, places[node.name]) for node in nodes()]
    head = f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {head}>', _BACKGROUND, *arrows, *boxes, "</svg>"])


def _places() -> dict[str, Corner]:
    """Returns where each node is. In a column, what is well comes first, then in the order of contracts/events.py."""
    well = _columns(node for node in nodes() if node.is_well)
    others = _columns(node for node in nodes() if not node.is_well)
    lower_rows = max(map(len, well.values()))
    return _laid_out(well, first_row=0) | _laid_out(others, first_row=lower_rows)


def _columns(of: Iterator[Node]) -> dict[int, list[Node]]:
    columns: dict[int, list[Node]] = {}
    for node in of:
        columns.setdefault(node.column, []).append(node)
    return columns


def _laid_out(columns: dict[int, list[Node]], first_row: int) -> dict[str, Corner]:
    places = {}
    for column, lane in columns.items():
        for row, node in enumerate(lane, first_row):
            places[node.name] = Corner(MARGIN + column * COLUMN, MARGIN + row * ROW)
    return places


def _box(node: Node, place: Corner) -> str:
    fill, line, color = COLORS[node.kind]
    corner = 8 if node.service else 22
    first_line = 19 if node.service else 27
    middle = place.x + WIDTH // 2
    return (
        f'<g fill="{color}" text-anchor="middle">'
        f'<rect x="{place.x}" y="{place.y}" width="{WIDTH}" height="{HEIGHT}" '
        f'rx="{corner}" fill="{fill}" stroke="{line}"/>'
        f'<text x="{middle}" y="{place.y + first_line}" font-size="14" font-weight="600">{escape(node.name)}</text>'
        f'<text x="{middle}" y="{place.y + 35}" font-size="12" opacity=".75">{escape(node.service)}</text></g>'
    )


def _arrow(start: Corner, end: Corner, edge: Edge) -> str:
    x1 = start.x + WIDTH
    y1 = start.y + HEIGHT // 2
    x2 = end.x
    y2 = end.y + HEIGHT // 2
    bend = (x2 - x1) // 2
    curve = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    style = 'stroke="#2c8a57" stroke-width="2"' if edge.is_well else 'stroke="#9aa1ad" stroke-dasharray="5 4"'
    return f'<path d="{curve}" fill="none" {style} marker-end="url(#tip)"/>'
