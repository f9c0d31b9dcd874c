"""What `make mutate` changes, how a function is exchanged, and what is said of the list of what makes no difference."""

import runpy
from pathlib import Path

import pytest
from mutation import functions
from mutation.__main__ import compared
from mutation.bodies import bodies, compiled, exchange
from mutation.template import mutants

TEMPLATE = """\
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      Wait: 30
      Policy: {Sent: true, By: [a, b]} # derived by hand
  Rule:
    Type: AWS::Events::Rule
    # derived: what is heard
    Pattern: {Wait: 9}
    # end derived
"""
CHANGES = {
    "Queue: nothing": "Resources:\n  Rule:",
    "Queue/Type: AWS::SQS::Queue -> AWS::Events::Rule": "    Type: AWS::Events::Rule\n    Properties",
    "Queue/Properties/Wait: 30 -> 300": "      Wait: 300\n",
    "Queue/Properties/Policy: nothing": "      Wait: 30 # derived by hand\n",
    "Queue/Properties/Policy/Sent: nothing": "Policy: {By: [a, b]}",
    "Queue/Properties/Policy/Sent: true -> false": "Policy: {Sent: false, By: [a, b]}",
    "Queue/Properties/Policy/By/a: a -> b": "By: [b, b]",
    "Queue/Properties/Policy/By/b: nothing": "By: [a]",
}


def test_every_value_of_a_template_is_changed() -> None:
    found = {mutant.name.removeprefix("template/Resources/"): mutant.text for mutant in mutants(TEMPLATE)}
    for name, text in CHANGES.items():
        assert text in found[name], name
    assert len(set(found.values())) == len(found)
    assert all("Pattern: {Wait: 9}" in text for name, text in found.items() if name.startswith("Queue"))


MODULE = """\
class Sum[T]:
    def add(self, a, b=1):
        return [a + one for one in [b]]
"""


@pytest.mark.parametrize(
    ("old", "new", "sums"),
    [
        ("a + one", "a - one", [2]),
        ("b=1", "b=2", None),
        ("Sum[T]", "Sum[T](dict)", None),
    ],
)
def test_a_function_is_exchanged_where_nothing_around_it_changes(
    tmp_path: Path, old: str, new: str, sums: list[int] | None
) -> None:
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    add = runpy.run_path(str(path))["Sum"]().add
    is_exchanged = exchange(bodies(), compiled(MODULE, path), compiled(MODULE.replace(old, new), path))
    assert (is_exchanged, add(3)) == (sums is not None, sums or [4])


def test_a_file_that_nobody_has_imported_is_left_to_who_does(tmp_path: Path) -> None:
    code = compiled(MODULE, tmp_path / "another.py")
    assert exchange(bodies(), code, compiled(MODULE.replace("b=1", "b=2"), tmp_path / "another.py"))


def test_a_wrong_type_is_refused_even_if_the_file_stays_as_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "TYPES", tmp_path / "types")
    path = tmp_path / "module.py"
    path.write_text("type Number = int | None\n")
    assert not functions.is_refused(path, path.read_text())
    assert functions.is_refused(path, path.read_text().replace("|", "&"))


def test_the_list_has_exactly_what_nothing_notices() -> None:
    made = ["a", "b", "c"]
    assert list(compared(made, ["a"], ["a"])) == []
    [unlisted] = compared(made, ["a", "b"], ["a"])
    assert unlisted.startswith("Nothing notices it.")
    [noticed] = compared(made, ["a"], ["a", "b"])
    assert noticed.startswith("A test notices it by now.")
    [gone] = compared(made, ["a"], ["a", "d"])
    assert gone.startswith("There is no such mutant any more.")
