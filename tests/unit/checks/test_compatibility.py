"""A state that changes: what the last release has stored is still read, and what is written now is read by its code."""

import io
import json
import shutil
from pathlib import Path
from typing import Literal
from zipfile import ZipFile

import pytest
from msgspec import field
from support.copies import Copy

from contracts.values import Amount
from saga.ledger import State
from sagactl.checks import baseline, compatibility


class Parcel(State, frozen=True):
    status: Literal["PACKED", "SENT"]
    weight: int
    price: Amount | None = None
    insured: bool = False


class WithAnOptionalField(Parcel, frozen=True):
    carrier: str | None = None


class Renamed(State, frozen=True):
    status: Literal["PACKED", "SHIPPED"]
    weight: int
    price: Amount | None = None
    insured: bool = False


class WithAnotherStatus(State, frozen=True):
    status: Literal["PACKED", "SENT", "LOST"]
    weight: int
    price: Amount | None = None
    insured: bool = False


class WithoutAField(State, frozen=True):
    status: Literal["PACKED", "SENT"]
    weight: int
    insured: bool = False


class WithARequiredField(Parcel, frozen=True, kw_only=True):
    carrier: str


class NoLongerRequired(State, frozen=True):
    status: Literal["PACKED", "SENT"]
    weight: int = 1
    price: Amount | None = None
    insured: bool = False


class OfAnotherType(State, frozen=True):
    status: Literal["PACKED", "SENT"]
    weight: str
    price: Amount | None = None
    insured: bool = False


class WithAnotherDefault(State, frozen=True):
    status: Literal["PACKED", "SENT"]
    weight: int
    price: Amount | None = None
    insured: bool = True


class UnderAnotherName(State, frozen=True):
    status: Literal["PACKED", "SENT"]
    weight: int = field(name="grams")
    price: Amount | None = None
    insured: bool = False


# fmt: off
CHANGES: dict[type[State], list[str]] = {
    Parcel: [],
    WithAnOptionalField: [],
    Renamed: ["status can no longer be SENT: items stored before are refused",
              "status can also be SHIPPED: code of the last release refuses that"],
    WithAnotherStatus: ["status can also be LOST: code of the last release refuses that"],
    WithoutAField: ["price is gone: code of the last release that uses it finds nothing"],
    WithARequiredField: ["carrier is newly required: items stored before lack it, and are refused"],
    NoLongerRequired: ["weight may be missing: code of the last release that relies on it fails"],
    OfAnotherType: ["weight can no longer be integer: items stored before are refused",
                    "weight can also be string: code of the last release refuses that"],
    WithAnotherDefault: ["insured is true if left out, no longer false: items stored before left it out at false"],
    UnderAnotherName: ["weight is gone: code of the last release that uses it finds nothing",
                       "grams is newly required: items stored before lack it, and are refused"],
}
# fmt: on


@pytest.mark.parametrize(("now", "said"), CHANGES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_change_of_a_state(now: type[State], said: list[str]) -> None:
    assert list(compatibility.changes_of_item(baseline.item(Parcel), baseline.item(now))) == said


def test_a_service_that_is_gone() -> None:
    [said] = compatibility.changes_of_item(baseline.item(Parcel), None)
    assert said == "it is gone: nobody reads the service's items any more"


def test_what_an_entry_itself_holds_is_compared_too() -> None:
    before = baseline.item(Parcel)
    now = baseline.item(Parcel)
    now["$defs"]["Heard"]["prefixItems"].append({"type": "integer"})
    [said] = compatibility.changes_of_item(before, now)
    assert said.startswith("heard holds values of another shape")


def test_events_whose_fields_come_in_another_order() -> None:
    """They would have another fingerprint, and old and new code would count contradictions."""
    before = {"source": "saga.a", "detail": {"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}}
    now = before | {"detail": {"properties": {"a": {}, "b": {}}, "required": ["b", "a"]}}
    [said] = compatibility.changes(before, now)
    assert said.startswith("its required fields come in another order")


def test_the_check_says_which_service_and_which_field_and_what_to_do(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    path = "functions/shipping/reactions.py"
    copy.replace(path, 'Literal["WAITING", "SHIPPED"', 'Literal["OPEN", "SHIPPED"')
    copy.replace(path, "    paid: bool = False", "    paid: bool")
    status, message = copy.check()
    assert status == 1
    assert (
        message
        == """\
Shipment, the state of shipping, is not what was released:
    - status can no longer be WAITING: items stored before are refused
    - status can also be OPEN: code of the last release refuses that
    - paid is newly required: items stored before lack it, and are refused
  docs/evolving-events.md says how to change a state so that nobody breaks. If no item and no code is left that it
  breaks, accept it as it is:
    make baseline
"""
    )


def test_a_new_event_is_told_only_once_it_is_heard(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.replace("template.yaml", "    DependsOn: [OrderFunctionHears, ShippingFunctionHears]\n", "")
    status, message = copy.check()
    assert status == 1
    assert message.startswith("OrderHttpFunction may be updated before who hears its new events")
    assert message.endswith("    DependsOn: [OrderFunctionHears, ShippingFunctionHears]\n")


def test_the_baseline_is_the_same_wherever_it_is_written(tmp_path: Path) -> None:
    """Bytes and all, whatever line ends the checkout has; it holds the sources, and nothing that Python compiled."""
    archives = list[bytes]()
    for ends in ("\n", "\r\n"):
        copy = Copy(tmp_path / str(len(archives)))
        for path in (copy.folder / "functions").rglob("*.py"):
            path.write_text(path.read_text(), newline=ends)
        assert copy.run("-m", "sagactl.checks.baseline").returncode == 0
        archives.append((copy.folder / "events/released.zip").read_bytes())
    assert archives[0] == archives[1]
    with ZipFile(io.BytesIO(archives[0])) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == baseline.sources()
        assert {Path(name).suffix for name in archive.namelist()} == {".py"}


def test_what_was_released_is_what_the_code_in_the_archive_says(tmp_path: Path) -> None:
    """So nobody has changed one and not the other."""
    copy = Copy(tmp_path)
    shutil.rmtree(copy.folder / "functions")  # a service that is new since imports what there was not
    with ZipFile(baseline.CODE) as archive:
        archive.extractall(copy.folder / "functions")
        packages = {name.split("/")[0] for name in archive.namelist()}
    said = copy.run("-c", "import json; from sagactl.checks import baseline; print(json.dumps(baseline.present()))")
    present = json.loads(said.stdout)
    present["items"] = {service: item for service, item in present["items"].items() if service in packages}
    assert present == baseline.released()


def test_an_item_has_the_fields_that_a_table_has() -> None:
    for schema in baseline.present()["items"].values():
        assert {"orderId", "status"} <= schema["properties"].keys()
        assert not {"state", "unknown"} & schema["properties"].keys()
