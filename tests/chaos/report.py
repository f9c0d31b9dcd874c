"""The faults of a storm by kind, what they led to, and what repaired the rest."""

from chaos.checks import FAILED, IN_TIME, TOO_LATE
from chaos.faulty_bus import Fact
from chaos.storm import Storm

from sagactl.design import choreography


def report(storm: Storm) -> str:
    bus = storm.bus
    healed = storm.healed
    logged = storm.findings.logged
    injected = storm.injected
    statuses = storm.findings.statuses
    cancelled = storm.findings.cancelled
    became = ", ".join(f"{cancelled[outcome]} {outcome}" for outcome in (IN_TIME, TOO_LATE, FAILED))
    swallowed = _swallowed(storm)
    told_again = sum(fact.is_on_bus for fact in swallowed)
    not_needed = len(swallowed) - told_again
    expired = sum("OrderExpired" in facts for facts in bus.facts.values())
    posted_again = sum(placed.posts - 1 for placed in storm.placed if placed.posts)
    by_status = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
    closed = sum(statuses[status] for status in choreography.closed())
    orders = len(storm.placed)
    gave_up = f"{logged['given up']} calls given up, {logged['timed out']} functions timed out"
    lines = [
        "Faults, and what they led to",
        f"{injected.kills:6} functions killed: {logged['killed']} while they worked, the others idle",
        f"{injected.freezes:6} freezes of DynamoDB, {injected.frozen_seconds:.1f} s: {gave_up}",
        f"     1 outage of shipping, {injected.outage_seconds:.0f} s",
        f"{bus.fates['twice']:6} events put twice: {logged['heard again']} heard again, none decided again",
        f"{bus.fates['swallowed']:6} events swallowed: {told_again} told again, {not_needed} not needed",
        f"{cancelled.total():6} orders were cancelled: {became}",
        "What repaired the rest",
        f"{healed.closed_before:6} orders were closed already when the storm was over",
        f"{posted_again:6} POSTs were repeated by their clients",
        f"{healed.put_again:6} orders that the order service did not know were put on the bus again",
        f"{healed.redriven:6} dead letters were redriven",
        f"{expired:6} orders were expired by the watchdog",
        f"{by_status}; {len(storm.findings.problems) or 'no'} problems",
        *(f"  {problem}" for problem in storm.findings.problems),
        f"{orders} orders, {storm.faults} faults, {closed} closed, {orders - closed} lost",
    ]
    return "\n".join(lines)


def _swallowed(storm: Storm) -> list[Fact]:
    found: list[Fact] = []
    for facts in storm.bus.facts.values():
        found += [fact for fact in facts.values() if fact.swallowed]
    return found
