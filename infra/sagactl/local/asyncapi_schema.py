"""AsyncAPI's JSON Schema for AsyncAPI documents, which `make setup` fetches and a test validates ours with."""

from sagactl.local import programs
from sagactl.local.npm import unpacked
from sagactl.paths import STATE

SPECIFICATION = STATE / "asyncapi/3.0.0.json"
_PACKAGE = "@asyncapi/specs@6.11.1"
_PACKAGE_SHA512 = (
    "0375812ea00a1a8276fba15616da63065090d6814272ce06c45ef3b081af36aa"
    "7f9251941e3940dda01c67d5cc3292c613cccf7980f3db1f4598ee834ae2ab69"
)


def fetch_specification() -> None:
    with unpacked(programs.npm(), _PACKAGE, _PACKAGE_SHA512, "schemas/3.0.0.json", SPECIFICATION.parent) as schema:
        schema.rename(SPECIFICATION)
