"""Prints what is wrong and what to do. What is derived is checked last, once the code that it follows from is right."""

import sys

from sagactl.checks import alarms, compatibility, derived_files, event_graph, imports, limits, roles, rules, safeguards
from sagactl.errors import SagaError

CHECKS = (
    imports.problems,
    event_graph.cycles,
    event_graph.problems,
    rules.problems,
    roles.problems,
    alarms.problems,
    limits.problems,
    safeguards.problems,
    compatibility.problems,
    derived_files.problems,
)


def main() -> int:
    for check in CHECKS:
        try:
            problems = list(check())
        except SagaError as error:
            problems = [str(error)]
        if problems:
            print("\n\n".join(problems), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
