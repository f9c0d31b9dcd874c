"""Every way in which orders can go: all deliveries in every order, with every fault that a budget allows.

Breadth first, so that the first violation found has one of the shortest schedules that lead to it.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from explore.moves import Moves, State, Step, Trial
from explore.properties import status
from explore.world import HTTP, WATCHDOG


class Violation(AssertionError):
    """What must never be, with the choices that lead to it from the start."""

    def __init__(self, what: str, trial: Trial, choices: list[int], steps: list[Step]) -> None:
        super().__init__(what, trial, choices, steps)
        self.what = what
        self.trial = trial
        self.choices = choices
        self.steps = steps

    def __str__(self) -> str:
        return f"{self.what}\nreplay({self.trial}, {self.choices})\n{mermaid(self.steps)}"


@dataclass
class Found:
    """What there was to see.

    `ends` counts how orders stood when all was quiet, before what was given up is redriven.
    """

    states: int = 0
    transitions: int = 0
    ends: Counter[str] = field(default_factory=Counter)


def explore(trial: Trial) -> Found:
    """Counts what there is to see. Raises Violation."""
    moves = Moves(trial)
    states = [moves.opening()]
    seen = set(states)
    came_from = array("I", [0])  # for each state, the number of the one before
    found = Found()
    for number, state in enumerate(states):
        following = moves.following(state)
        found.transitions += len(following)
        wrong = moves.problem(state)
        if not wrong and moves.wrong:
            wrong = next(step.wrong for step in moves.steps(state) if step.wrong)
        is_over = all(after == state for after in following)  # nothing, or deliveries that fail for ever
        if is_over or moves.is_at_rest(state):
            wrong = wrong or moves.problem_at_rest(state)
            found.ends[_end(moves, state)] += not moves.is_redriven(state)
        if wrong:
            raise Violation(wrong, trial, *_schedule(moves, states, came_from, number))
        for after in following:
            if after not in seen:
                seen.add(after)
                states.append(after)
                came_from.append(number)
    found.states = len(states)
    return found


def _end(moves: Moves, state: State) -> str:
    entries = moves.entries(state)
    return " ".join(status(entries, order, "order") or "unseen" for order in range(moves.world.orders))


def _schedule(moves: Moves, states: list[State], came_from: array[int], number: int) -> tuple[list[int], list[Step]]:
    """The choices and steps that lead to a state, and on to what must not happen next, if that is it."""
    choices = []
    steps = moves.steps(states[number])
    wrong = next((choice for choice, step in enumerate(steps) if step.wrong), None)
    if wrong is not None:
        choices.append(wrong)
    while number:
        before = came_from[number]
        choices.append(moves.following(states[before]).index(states[number]))
        number = before
    choices.reverse()
    return choices, replay(moves.trial, choices)


def replay(trial: Trial, choices: list[int]) -> list[Step]:
    """The steps that these choices make; a violation names the choices that lead to it."""
    moves = Moves(trial)
    state = moves.opening()
    steps = []
    for choice in choices:
        following = moves.following(state)
        steps.append(moves.steps(state)[choice])
        state = following[choice]
    return steps


def mermaid(steps: list[Step]) -> str:
    """The steps as a sequence diagram."""
    lines = ["sequenceDiagram"]
    for step in steps:
        if step.delivery is None:
            lines.append(f"    Note over order: {step.what}")
            continue
        if step.delivery.service == WATCHDOG:
            lines.append(f"    Note over watchdog: {step.what or 'asks'}")
            continue
        name = step.delivery.fact.name
        service = step.delivery.service
        source = "client" if service == HTTP else step.delivery.fact.source.removeprefix("saga.")
        arrow = "--x" if step.what == "lost" else "->>"
        lines.append(f"    {source}{arrow}{service}: {name}")
        notes = [step.what] if step.what else []
        if step.delivery.is_by_last_release:
            notes.insert(0, "code of the last release")
        if step.told:
            notes.append(f"tells {' and '.join(step.told)}")
        if notes:
            lines.append(f"    Note right of {service}: {', '.join(notes)}")
    return "\n".join(lines)
