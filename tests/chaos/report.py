"""The faults of a storm by kind, what became of them, and what mended the rest."""

from chaos.storm import Storm

from sagactl.design import choreography


def report(storm: Storm) -> str:
    bus, healed, logged, injected = storm.bus, storm.healed, storm.findings.logged, storm.injected
    swallowed = [fact for facts in bus.facts.values() for fact in facts.values() if fact.swallowed]
    on_bus = sum(fact.is_on_bus for fact in swallowed)
    expired = sum("OrderExpired" in facts for facts in bus.facts.values())
    posted_again = sum(placed.posts - 1 for placed in storm.placed if placed.posts)
    statuses = ", ".join(f"{number} {status}" for status, number in sorted(storm.findings.statuses.items()))
    closed = sum(storm.findings.statuses[status] for status in choreography.closed())
    orders = len(storm.placed)
    lines = [
        "Faults, and what became of them",
        f"{injected.kills:6} functions killed: {logged['killed']} at work, the others idle",
        f"{injected.freezes:6} freezes of DynamoDB, {injected.frozen_seconds:.1f} s: {logged['timed out']} time-outs",
        f"{bus.fates['twice']:6} events put twice: {logged['heard again']} heard again, none decided again",
        f"{bus.fates['swallowed']:6} events swallowed: {on_bus} told after all, {len(swallowed) - on_bus} not needed",
        "What mended the rest",
        f"{healed.closed_before:6} orders were closed when the storm was over",
        f"{posted_again:6} POSTs were repeated by their clients",
        f"{healed.put_again:6} orders unknown to the order service were put again by their teller",
        f"{healed.redriven:6} dead letters were redriven",
        f"{expired:6} orders were asked for by the watchdog",
        f"{statuses}; {len(storm.findings.problems) or 'no'} problems",
        *(f"  {problem}" for problem in storm.findings.problems),
        f"{orders} orders, {storm.faults} faults, {closed} closed, {orders - closed} lost",
    ]
    return "\n".join(lines)
