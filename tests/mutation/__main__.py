"""`make mutate`: everything is changed in turn, and something must notice.

`python -m mutation saga order` changes these packages of functions/ only, `python -m mutation template` the template.
What nothing notices has to be in equivalent.yaml, with the reason why it makes no difference.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from mutation import functions, template
from support.isolation import isolate

EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
TEMPLATE = "template"


def main(wanted: list[str]) -> int:
    started = time.monotonic()
    isolate()
    packages = [name for name in wanted or functions.packages() if name != TEMPLATE]
    made: list[str] = []
    alive: list[str] = []
    if packages:
        some = [mutant for mutant in functions.mutants() if mutant.package in packages]
        made += [mutant.name for mutant in some]
        alive += shown(functions.survivors(some), f"{len(some)} mutants of {', '.join(packages)}")
    if not wanted or TEMPLATE in wanted:
        changed = template.mutants(template.PATH.read_text())
        made += [mutant.name for mutant in changed]
        alive += shown(template.survivors(changed), f"{len(changed)} mutants of the template")
    problems = list(compared(made, alive, equivalent(wanted or [*packages, TEMPLATE])))
    print("\n".join(problems))
    killed = len(made) - len(alive)
    print(
        f"{len(made)} mutants, {killed} killed, {len(alive) - len(problems)} listed as equivalent, "
        f"{len(problems)} problems, {time.monotonic() - started:.0f} s"
    )
    return bool(problems)


def shown(survivors: Iterable[str], title: str) -> list[str]:
    print(title, flush=True)
    return list(survivors)


def equivalent(parts: list[str]) -> list[str]:
    """Returns the names of the mutants in the list that are of these parts: packages, or the template."""
    listed = [name for each in yaml.safe_load(EQUIVALENT.read_text()) for name in each["mutants"]]
    return [name for name in listed if name.startswith(tuple(f"{part}/" for part in parts))]


def compared(made: list[str], alive: list[str], listed: list[str]) -> Iterator[str]:
    for name in alive:
        if name not in listed:
            yield f"Nothing notices it. Have a test notice it, or say in {EQUIVALENT.name} why that can't be:\n  {name}"
    for name in listed:
        if name not in made:
            yield f"There is no such mutant any more. Delete it from {EQUIVALENT.name}:\n  {name}"
        elif name not in alive:
            yield f"A test notices it by now. Delete it from {EQUIVALENT.name}:\n  {name}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
