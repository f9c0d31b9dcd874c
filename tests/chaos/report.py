"""The faults of a storm by kind, what became of them, and what mended the rest."""

from chaos.storm import Storm

from sagactl import shop


def report(storm: Storm) -> str:
    bus, healed, logged, injected = storm.bus, storm.healed, storm.findings.logged, storm.injected
    swallowed = [fact for facts in bus.facts.values() for fact in facts.values() if fact.swallowed]
    on_bus = sum(fact.is_on_bus for fact in swallowed)
    expired = sum("OrderExpired" in facts for facts in bus.facts.values())
    posted_again = sum(placed.posts - 1 for placed in storm.placed if placed.posts)
    statuses = ", ".join(f"{number} {status}" for status, number in sorted(storm.findings.statuses.items()))
    closed = sum(storm.findings.statuses[status] for status in shop.CLOSED)
    orders = len(storm.placed)
    lines = [
        f"{injected.kills:5} functions killed: {logged['killed']} at work, the others idle",
        f"{injected.freezes:5} freezes of DynamoDB, {injected.frozen_seconds:.1f} s: {logged['timed out']} time-outs",
        f"{bus.fates['twice']:5} events put twice: {logged['heard again']} heard again, none decided again",
        f"{bus.fates['swallowed']:5} events swallowed: {on_bus} facts told after all, {len(swallowed) - on_bus} never",
        f"{healed.closed_before:5} orders closed by themselves, then",
        f"{posted_again:5} POSTs repeated by their clients, meanwhile",
        f"{healed.put_again:5} orders unknown to the order service put again by their teller",
        f"{healed.redriven:5} dead letters redriven",
        f"{expired:5} orders asked for by the watchdog",
        f"{statuses}. {len(storm.findings.problems) or 'No'} problems.",
        *(f"  {problem}" for problem in storm.findings.problems),
        f"{orders} orders, {storm.faults} faults, {closed} closed, {orders - closed} lost",
    ]
    return "\n".join(lines)
