"""The documentation has no dead links, and names only commands that exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from support.commands import COMMANDS, COMMANDS_AND_GROUPS
from support.documents import IN_JAPANESE, PAGES, README, blocks, prose

from sagactl.paths import PROJECT

RUN_BY_MARK = {
    "docker": "docs/tools.md",
    "compose": "docs/tools.md",
    "aws": "docs/aws.md",
    "bench": "docs/performance.md",
    "tutorial": "docs/tutorial.md",
}
RELIABILITY = PROJECT / "docs/reliability.md"
_LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)\"""")
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_REMEDY = re.compile(r"(?:: |, |; see )(saga [a-z][^.,:;\n`]*)")
of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 150


def test_the_readme_is_the_same_in_japanese() -> None:
    """What a test can compare: blocks, links, pictures, code in the text, and the levels of the headings."""
    assert [block[:3] for block in blocks(IN_JAPANESE)] == [block[:3] for block in blocks(README)]
    assert set(links(IN_JAPANESE)) - {README.name} == set(links(README)) - {IN_JAPANESE.name}
    assert set(_CODE.findall(prose(IN_JAPANESE))) == set(_CODE.findall(prose(README)))
    assert [level for level, _ in headings(IN_JAPANESE)] == [level for level, _ in headings(README)]


def test_the_readme_has_the_figure_that_make_explore_printed() -> None:
    explored = re.search(r"^(\d+) states, \d+ transitions, 0 violations$", RELIABILITY.read_text(), re.MULTILINE)
    assert explored
    millions = int(explored[1]) // 1_000_000
    assert f"{millions} million states" in README.read_text()
    assert f"{millions * 100:,} 万状態" in IN_JAPANESE.read_text()


@of_each_page
def test_no_link_is_dead(page: Path) -> None:
    own = [link for link in links(page) if not re.match("https?:", link)]
    assert [link for link in own if not leads_somewhere(page, link)] == []


@of_each_page
def test_every_block_of_commands_is_run_by_a_test(page: Path) -> None:
    """Those without a mark are run on any page; see tests/support/documents.py."""
    marks = {mark for mark, where in RUN_BY_MARK.items() if where == str(page.relative_to(PROJECT))} | {""}
    shells = [block for block in blocks(page) if block.language in {"bash", "sh", "shell", "console"}]
    assert [block.place for block in shells if block.language != "bash" or block.mark not in marks] == []


@of_each_page
def test_every_command_named_in_the_text_exists(page: Path) -> None:
    for code in _CODE.findall(prose(page)):
        match shlex.split(code):
            case ["saga" | ".venv/bin/saga", *arguments]:
                assert exists(arguments), code
            case ["make", *arguments]:
                assert all(is_a_target(argument) for argument in arguments if "=" not in argument), code


def test_every_command_named_in_a_message_exists() -> None:
    named = list(remedies())
    assert "saga up" in dict(named)
    assert [(command, file) for command, file in named if not exists(shlex.split(command)[1:])] == []


def test_all_name_the_same_image_of_localstack() -> None:
    compose = yaml.safe_load((PROJECT / "infra/compose.yaml").read_text())
    pinned = re.search(
        r"localstack/localstack:\$\{LOCALSTACK_VERSION:-(.+)\}", compose["services"]["localstack"]["image"]
    )
    assert pinned
    for said in ("docs/tools.md", "docs/decisions/README.md", "infra/sagactl/local/localstack.py"):
        assert pinned[1] in (PROJECT / said).read_text(), said


def links(page: Path) -> list[str]:
    """Those in Markdown and in HTML, pictures included."""
    return [written or in_html for written, in_html in _LINK.findall(prose(page))]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for _, heading in headings(page)]
    return {heading.strip().replace(" ", "-") for heading in plain}


def headings(page: Path) -> list[tuple[str, str]]:
    """Each with its level, as so many `#`."""
    return _HEADING.findall(prose(page))


def exists(arguments: list[str]) -> bool:
    """Whether there is such a command, with such options and arguments; values may be placeholders."""
    if not arguments:
        return True
    names = [name for name in COMMANDS_AND_GROUPS if arguments[: len(name.split())] == name.split()]
    if not names:
        return False
    name = max(names, key=len)
    command = COMMANDS_AND_GROUPS[name]
    options = {written: option for option in command.params for written in option.opts}
    places = [place.nargs for place in command.params if place.param_type_name == "argument"]
    given = 0
    rest = iter(arguments[len(name.split()) :])
    for argument in rest:
        if not argument.startswith("-"):
            given += 1
        elif argument not in options:
            return argument == "--help"
        elif not options[argument].is_flag:
            next(rest, None)
    return given == 0 or (name in COMMANDS and (given <= len(places) or -1 in places))


def remedies() -> Iterator[tuple[str, str]]:
    """Yields each of our commands that a message names, and the file."""
    for path in sorted((PROJECT / "infra/sagactl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for command in _REMEDY.findall(node.value):
                    yield command, path.name


def is_a_target(name: str) -> bool:
    makefile = (PROJECT / "Makefile").read_text()
    return re.search(rf"^([\w./ -]+ )?{re.escape(name)}( [\w./ -]+)?:", makefile, re.MULTILINE) is not None
