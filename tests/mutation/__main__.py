"""`make mutate`: everything is changed in turn, and something must notice.

`python -m mutation saga order/due` changes these packages and files of functions/ only, `python -m mutation template`
the template. What nothing notices has to be in equivalent.yaml, with the reason why it makes no difference.
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


def main(named: list[str]) -> int:
    """`named` are beginnings of files' names; without any, it is everything."""
    started = time.monotonic()
    isolate()
    named = named or [""]

    def is_wanted(name: str) -> bool:
        return name.startswith(tuple(named))

    made: list[str] = []
    alive: list[str] = []
    some = [mutant for mutant in functions.mutants(named) if is_wanted(mutant.file)]
    if some:
        made += [mutant.name for mutant in some]
        alive += shown(functions.survivors(some), f"{len(some)} mutants of functions/")
    if is_wanted(TEMPLATE):
        changed = template.mutants(template.PATH.read_text())
        made += [mutant.name for mutant in changed]
        alive += shown(template.survivors(changed), f"{len(changed)} mutants of template.yaml")
    listed = [name for name in equivalent() if is_wanted(name)]
    problems = list(compared(made, alive, listed))
    print(*problems, sep="\n")
    print(
        f"{len(made)} mutants, {len(made) - len(alive)} killed, {len({*alive} & {*listed})} equivalent, "
        f"{len(problems)} problems, {time.monotonic() - started:.0f} s"
    )
    return bool(problems)


def shown(survivors: Iterable[str], title: str) -> list[str]:
    print(title, flush=True)
    return list(survivors)


def equivalent() -> list[str]:
    """Returns the names of the mutants in the list."""
    return [name for each in yaml.safe_load(EQUIVALENT.read_text()) for name in each["mutants"]]


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
