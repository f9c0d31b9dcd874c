"""`saga graph`: every event, and what it leads to, in each format."""

import json
from xml.etree import ElementTree

from deployment import PROJECT
from typer.testing import CliRunner

from saga.events import EVENTS
from sagactl import choreography, graph
from sagactl.cli import app

LEADS_TO = {(event.name, told.name) for event, facts in choreography.leads_to().items() for told in facts}
ENDS = {("ShipmentOK", "order COMPLETED"), ("OrderFailed", "order FAILED")}


def printed(as_format: str) -> str:
    result = CliRunner().invoke(app, ["graph", "--format", as_format])
    assert result.exit_code == 0
    return result.stdout


def test_an_order_ends_by_what_completes_it_or_tells_that_it_failed() -> None:
    assert {(event.name, f"order {end}") for event, end in choreography.ends().items()} == ENDS


def test_the_edges_are_what_leads_to_what() -> None:
    assert {(start, end) for start, end, _ in graph.edges()} == LEADS_TO | ENDS


def test_all_goes_well_from_the_first_event_to_completion() -> None:
    well = {(start, end) for start, end, well in graph.edges() if well}
    assert {("OrderCreated", "PaymentOK"), ("StockReserved", "ShipmentOK"), ("ShipmentOK", "order COMPLETED")} <= well
    assert not {end for _, end in well} & {"PaymentFail", "PaymentCancel", "StockFailed", "OrderFailed", "order FAILED"}


def test_time_goes_from_left_to_right() -> None:
    column = {node.name: node.column for node in graph.nodes()}
    assert all(column[start] < column[end] for start, end, _ in graph.edges())


def test_the_table_has_a_line_for_each_event_that_a_reaction_hears() -> None:
    header, *lines = printed("table").splitlines()
    assert header.split() == ["service", "hears", "may", "tell", "reaction"]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        (s.service, s.name) for s in choreography.steps()
    ]


def test_json_says_who_hears_and_tells_what() -> None:
    content = json.loads(printed("json"))
    assert content["services"]["shipping"] == {
        "hears": ["OrderExpired", "PaymentOK", "StockReserved"],
        "tells": ["ShipmentOK", "ShipmentFail"],
    }
    assert {(event, told) for event in content["events"] for told in content["events"][event]["leadsTo"]} == LEADS_TO


def test_the_svg_has_each_event_once_and_an_arrow_for_each_edge() -> None:
    drawing = ElementTree.fromstring(printed("svg"))  # noqa: S314  # our own
    names = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text") if text.get("font-weight")]
    assert sorted(map(str, names)) == sorted([*EVENTS, "order COMPLETED", "order FAILED"])
    arrows = [path for path in drawing.iter("{http://www.w3.org/2000/svg}path") if path.get("marker-end")]
    assert len(arrows) == len(graph.edges())


def test_no_two_boxes_of_the_svg_overlap() -> None:
    places = sorted(graph._places().values())
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[number + 1 :]:
            assert abs(x - other_x) >= graph.WIDTH or abs(y - other_y) >= graph.HEIGHT


def test_the_readme_shows_the_diagram() -> None:
    assert "](events/choreography.svg)" in (PROJECT / "README.md").read_text()


def test_a_mermaid_line_for_each_edge() -> None:
    arrows = [line.split() for line in printed("mermaid").splitlines() if "->" in line]
    assert {(start, end.replace("order_", "order ")) for start, _, end in arrows} == LEADS_TO | ENDS
