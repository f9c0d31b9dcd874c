"""Which event leads to which, drawn from the signatures alone."""

from html import escape
from typing import NamedTuple

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography
from sagactl.design.choreography import ends, kind_of


class Node(NamedTuple):
    """An event, or an end of the order, in a column of the drawing."""

    name: str
    service: str
    kind: str
    column: int


def names(events: choreography.Events) -> list[str]:
    return [event.name for event in events]


def nodes() -> list[Node]:
    """An event is one column further than the last event that leads to it; ends are the last column."""
    depth: dict[type[Event], int] = {}

    def column(event: type[Event]) -> int:
        if event not in depth:
            causes = [cause for cause, told in choreography.leads_to().items() if event in told]
            depth[event] = 1 + max(map(column, causes), default=-1)
        return depth[event]

    found = [
        Node(name, event.source.removeprefix("saga."), kind_of(event.name), column(event))
        for name, event in EVENTS.items()
    ]
    last = max(node.column for node in found) + 1
    closed = [Node(f"order {status}", "", "closed", last) for status in dict.fromkeys(ends().values())]
    return found + closed


def edges() -> list[tuple[str, str, bool]]:
    """From, to, and whether all goes well along it."""
    is_well = {name: kind_of(name) == "progress" for name in EVENTS}
    found = [
        (event.name, fact.name, is_well[event.name] and is_well[fact.name])
        for event, facts in choreography.leads_to().items()
        for fact in facts
    ]
    return found + [(event.name, f"order {end}", is_well[event.name]) for event, end in ends().items()]


COLORS = {  # fill, line, text
    "progress": ("#d9f2e3", "#2c8a57", "#0b2e1b"),
    "failure": ("#fbe3e0", "#b5433a", "#3d0f0b"),
    "compensation": ("#fdf0cf", "#a97a10", "#3a2a02"),
    "closed": ("#e8eaf0", "#555f7a", "#1c2233"),
}


def mermaid() -> str:
    ids = {node.name: node.name.replace(" ", "_") for node in nodes()}
    lines = ["flowchart LR"]
    for node in nodes():
        label = f'(["{node.name}"])' if node.kind == "closed" else f'["{node.name}<br><small>{node.service}</small>"]'
        lines.append(f"    {ids[node.name]}{label}:::{node.kind}")
    for start, end, well in edges():
        lines.append(f"    {ids[start]} {'-->' if well else '-.->'} {ids[end]}")
    for name, (fill, line, color) in COLORS.items():
        lines.append(f"    classDef {name} fill:{fill},stroke:{line},color:{color}")
    return "\n".join(lines)


WIDTH, HEIGHT = 144, 44  # of a node


COLUMN, ROW, MARGIN = 214, 70, 16  # from one node to the next, and around all


def svg() -> str:
    places = _places()
    width, height = (MARGIN + max(place[axis] for place in places.values()) for axis in (0, 1))
    lines = [_arrow(places[start], places[end], well=well) for start, end, well in edges()]
    boxes = [_box(node, *places[node.name]) for node in nodes()]
    head = f'viewBox="0 0 {width + WIDTH} {height + HEIGHT}" font-family="system-ui, sans-serif"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {head}>', _BACKGROUND, *lines, *boxes, "</svg>"])


_BACKGROUND = """\
<title>Which event leads to which</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto" \
markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker>"""


def _places() -> dict[str, tuple[int, int]]:
    """Where each node is: what goes well above what does not, each in the sequence of contracts/events.py."""
    columns = [[node for node in nodes() if node.column == column] for column in range(nodes()[-1].column + 1)]
    split = [([n for n in column if _is_well(n)], [n for n in column if not _is_well(n)]) for column in columns]
    upper_rows = max(len(upper) for upper, _ in split)
    return {
        node.name: (MARGIN + node.column * COLUMN, MARGIN + (first_row + row) * ROW)
        for upper, lower in split
        for first_row, lane in ((0, upper), (upper_rows, lower))
        for row, node in enumerate(lane)
    }


def _is_well(node: Node) -> bool:
    return node.kind == "progress" or node.name == "order COMPLETED"


def _box(node: Node, x: int, y: int) -> str:
    fill, line, color = COLORS[node.kind]
    middle, first_line, corner = x + WIDTH // 2, y + (19 if node.service else 27), 8 if node.service else 22
    return (
        f'<g fill="{color}" text-anchor="middle"><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
        f'rx="{corner}" fill="{fill}" stroke="{line}"/>'
        f'<text x="{middle}" y="{first_line}" font-size="13" font-weight="600">{escape(node.name)}</text>'
        f'<text x="{middle}" y="{y + 35}" font-size="11" opacity=".75">{escape(node.service)}</text></g>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], *, well: bool) -> str:
    (x1, y1), (x2, y2) = (start[0] + WIDTH, start[1] + HEIGHT // 2), (end[0], end[1] + HEIGHT // 2)
    bend = (x2 - x1) // 2
    style = 'stroke="#2c8a57" stroke-width="2"' if well else 'stroke="#9aa1ad" stroke-dasharray="5 4"'
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" {style} marker-end="url(#tip)"/>'
    )
