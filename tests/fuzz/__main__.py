"""`make fuzz`: 10,000 POST bodies, events and cancellations each, valid and not.

Exits with 1 if any was taken wrongly.
"""

import sys
import traceback

from fuzz.doors import doors, fuzz_cancellations, fuzz_events, fuzz_posts

EXAMPLES = 10_000

if __name__ == "__main__":
    wrong = 0
    with doors() as opened:
        for fuzz in (fuzz_posts, fuzz_events, fuzz_cancellations):
            try:
                fuzz(opened, EXAMPLES)
            except Exception:  # noqa: BLE001  # whatever it is, it is printed and counted
                print(*(line[:500] for line in traceback.format_exc().splitlines()), sep="\n")
                wrong += 1
        total = opened.accepted + opened.refused + wrong
        print(f"{total} inputs, {opened.accepted} accepted, {opened.refused} refused, {wrong} wrong")
    if wrong:
        sys.exit(1)
