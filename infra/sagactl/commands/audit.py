"""`saga audit`: do the deployed orders keep what docs/reliability.md promises?"""

from functools import partial
from typing import Annotated

import typer

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName, moment
from sagactl.stack import journal
from sagactl.stack.audit import audit_deployed
from sagactl.stack.deployed_stack import find
from sagactl.terminal import err, plural, progress, result

ORDERS_MAX = 100_000
DAY = "24h"

Since = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Orders opened since, such as 2026-01-31T12:00Z, or 2h ago.")
]


def audit(
    since: Since = DAY,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Check every order against what always holds.

    Orders come from the journal; each is compared with what every service has
    recorded. An open order is right as long as the watchdog is not late with it.
    Reads four items an order and changes nothing. Exits with 1 if anything is
    wrong.
    """
    start = moment(since, "--since")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    with err.status("Reading the journal"):
        orders = journal.orders(stack, limit=ORDERS_MAX, since=start)
    title = f"Checking {plural(len(orders), 'order')}"
    problems = audit_deployed(stack, orders, partial(progress, title=title, total=len(orders)))
    shown = [*problems, f"{plural(len(orders), 'order')} since {start} checked, {plural(len(problems), 'problem')}."]
    is_whole = len(orders) < ORDERS_MAX
    if not is_whole:
        shown.append(f"There may be more: only the newest {ORDERS_MAX:,} are checked.")
    fields = {"since": start, "orders": len(orders), "isWhole": is_whole, "problems": problems}
    result(fields, "\n".join(shown), as_json=as_json)
    if problems:
        raise typer.Exit(1)
