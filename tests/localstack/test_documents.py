"""Every command of the documentation works as its reader runs it, page by page from the top."""

from pathlib import Path

import pytest
from support.documents import IN_JAPANESE, PAGES, commands, follow, script

from sagactl.stack.deployed_stack import Stack

SETTINGS = {
    "SAM_CLI_POLL_DELAY": "1",  # seconds; a reader's sam asks every 5
    "MAKEFLAGS": "n",  # make's targets would run these tests again: it only says what it would do
}
OF_ITS_OWN = {"AWS_ACCESS_KEY_ID": "200000000002"}  # an account, for a page that deletes the stack in the end

WITH_COMMANDS = [page for page in PAGES if commands(page) and page != IN_JAPANESE]  # whose blocks are the README's


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_every_command_works(page: Path, stack: Stack) -> None:
    text = script(commands(page))
    account = OF_ITS_OWN if "delete-stack" in text else {}
    done = follow(text, stack.where.port, SETTINGS | account)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-3000:]
