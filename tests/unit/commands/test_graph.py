"""`saga graph`: every event, and what it leads to, in each format."""

from xml.etree import ElementTree

from typer.testing import CliRunner

from contracts.events import EVENTS
from sagactl.cli import app
from sagactl.design import choreography, drawing
from sagactl.paths import PROJECT

LEADS_TO = {(event.name, told.name) for event, facts in choreography.leads_to().items() for told in facts}
ENDS = {("ShipmentOK", "order COMPLETED"), ("OrderFailed", "order FAILED")}


def printed(as_format: str) -> str:
    result = CliRunner().invoke(app, ["graph", "--format", as_format])
    assert result.exit_code == 0
    return result.stdout


def test_an_order_ends_by_what_completes_it_or_tells_that_it_failed() -> None:
    assert {(event.name, f"order {end}") for event, end in choreography.ends().items()} == ENDS


def test_the_edges_are_what_leads_to_what() -> None:
    assert {(edge.start, edge.end) for edge in drawing.edges()} == LEADS_TO | ENDS


def test_all_goes_well_from_the_first_event_to_completion() -> None:
    well = {(edge.start, edge.end) for edge in drawing.edges() if edge.is_well}
    assert {("OrderCreated", "PaymentOK"), ("StockReserved", "ShipmentOK"), ("ShipmentOK", "order COMPLETED")} <= well
    assert not {end for _, end in well} & {"PaymentFail", "PaymentCancel", "StockFailed", "OrderFailed", "order FAILED"}


def test_time_goes_from_left_to_right() -> None:
    column = {node.name: node.column for node in drawing.nodes()}
    assert all(column[edge.start] < column[edge.end] for edge in drawing.edges())


def test_the_table_has_a_line_for_each_event_that_a_reaction_hears() -> None:
    header, *lines = printed("table").splitlines()
    assert header.split() == ["service", "hears", "may", "tell", "reaction"]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        (s.service, s.name) for s in choreography.steps()
    ]


def test_the_svg_has_each_event_once_and_an_arrow_for_each_edge() -> None:
    picture = ElementTree.fromstring(printed("svg"))  # noqa: S314  # our own
    names = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.get("font-weight")]
    assert sorted(map(str, names)) == sorted([*EVENTS, "order COMPLETED", "order FAILED"])
    arrows = [path for path in picture.iter("{http://www.w3.org/2000/svg}path") if path.get("marker-end")]
    assert len(arrows) == len(drawing.edges())


def test_no_two_boxes_of_the_svg_overlap() -> None:
    places = sorted(drawing._places().values())
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[number + 1 :]:
            assert abs(x - other_x) >= drawing.WIDTH or abs(y - other_y) >= drawing.HEIGHT


def test_the_readme_shows_the_diagram() -> None:
    assert "](events/choreography.svg)" in (PROJECT / "README.md").read_text()
