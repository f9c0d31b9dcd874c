"""Says what is wrong, and what to write instead. What is derived is looked at once what it derives from is right."""

import sys

from sagactl.checks import compatibility, grants, graph, rules
from sagactl.design import catalogue

CHECKS = (graph.cycles, graph.problems, rules.problems, grants.problems, compatibility.problems, catalogue.problems)


def main() -> int:
    for check in CHECKS:
        if problems := list(check()):
            print("\n\n".join(problems), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
