"""The drawing of the deployment has everything in it that it is there to show."""

from xml.etree import ElementTree

import pytest

from sagactl.design import connections, deployment_drawing
from sagactl.design.template import functions, resources
from sagactl.paths import PROJECT

DRAWN = ElementTree.fromstring(deployment_drawing.svg())  # noqa: S314  # our own
TEXTS = [element.text for element in DRAWN.iter("{http://www.w3.org/2000/svg}text")]
BOXES = [
    tuple(int(element.attrib[name]) for name in ("x", "y", "width", "height"))
    for element in DRAWN.iter("{http://www.w3.org/2000/svg}rect")
    if element.attrib["class"] not in {"page", "panel"}
]


def test_the_readme_shows_it() -> None:
    assert "](docs/deployment.svg)" in (PROJECT / "README.md").read_text()


def test_every_function_and_every_table_is_in_it() -> None:
    assert len(connections.rows()) >= len(functions())
    assert {row.function for row in connections.rows()} - {""} <= set(TEXTS)
    assert resources("AWS::DynamoDB::Table").keys() <= set(TEXTS)


def test_every_queue_is_in_it() -> None:
    dead_letters = {row.dead_letters for row in connections.rows()} - {""}
    polled = {row.way_in for row in connections.rows() if row.kind == connections.QUEUE}
    assert dead_letters | polled == resources("AWS::SQS::Queue").keys()


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_no_box_covers_another(box: tuple[int, int, int, int]) -> None:
    left, top, width, height = box
    for other in BOXES:
        is_beside = other[0] >= left + width or other[0] + other[2] <= left
        is_below = other[1] >= top + height or other[1] + other[3] <= top
        assert other is box or is_beside or is_below
