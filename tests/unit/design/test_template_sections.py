"""The derived sections of the templates: each is written in its place, and nothing else is touched."""

import pytest
import yaml

from contracts.events import EVENTS
from saga.event import Event
from sagactl.checks import event_patterns
from sagactl.checks.rules import EVERY, FACTS, STRAYS, Pairs
from sagactl.design import choreography, template, template_sections
from sagactl.errors import SagaError
from sagactl.paths import PROJECT

TEXT = (PROJECT / "template.yaml").read_text()
OBSERVABILITY = (PROJECT / "infra/observability.yaml").read_text()


def test_the_template_is_written_as_it_is() -> None:
    assert template_sections.rewritten(TEXT) == TEXT
    assert template_sections.stale(TEXT) == []


def test_every_section_is_there() -> None:
    titles = template_sections.titles(TEXT) + sorted({*template_sections.titles(OBSERVABILITY)})
    assert sorted(titles) == sorted(template_sections.sections().keys() - HAND_WRITTEN)


HAND_WRITTEN = {"who sends to JournalQueue", "who sends to JournalDeadLetterQueue"}  # one rule, by its name


@pytest.mark.parametrize(
    "title", [title for title in template_sections.titles(TEXT) if template_sections.sections()[title]]
)
def test_a_section_that_is_emptied_is_written_again(title: str) -> None:
    begin = TEXT.index(f"# derived: {title}\n") + len(f"# derived: {title}\n")
    end = TEXT.rindex("\n", begin, TEXT.index("# end derived", begin)) + 1
    emptied = TEXT[:begin] + TEXT[end:]
    assert emptied != TEXT
    assert template_sections.stale(emptied) == [title]
    assert template_sections.rewritten(emptied) == TEXT


def test_comments_and_formatting_around_a_section_stay() -> None:
    text = "a:   1  # one\n   # derived: strays\n   anything: goes\n   # end derived\n\n# two\n"
    written = template_sections.rewritten(text)
    assert written.startswith("a:   1  # one\n   # derived: strays\n   EventPattern:\n     $or:\n")
    assert written.endswith("\n   # end derived\n\n# two\n")


@pytest.mark.parametrize(
    "text",
    [
        "# derived: strays\n",
        "# end derived\n",
        "# derived: strays\n  # end derived\n",
        "# derived: strays\n# derived: strays\n# end derived\n",
    ],
)
def test_a_section_without_beginning_or_end_is_refused(text: str) -> None:
    with pytest.raises(SagaError, match="without its beginning or its end"):
        template_sections.rewritten(text)


def test_a_section_that_nothing_is_derived_for_is_refused() -> None:
    with pytest.raises(SagaError, match="Nothing is derived for `# derived: what paymnt hears`"):
        template_sections.rewritten("# derived: what paymnt hears\n# end derived\n")


# -- patterns


def matched(lines: list[str]) -> Pairs:
    [pattern] = yaml.safe_load("\n".join(lines)).values()
    return {
        (source, name)
        for source, name in EVERY
        if event_patterns.matches(pattern, {"source": source, "detail-type": name})
    }


@pytest.mark.parametrize("service", choreography.services())
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_pattern_matches_what_is_heard_and_nothing_else(service: str, count: int) -> None:
    heard = choreography.hears_of(service)[:count]
    assert matched(template_sections._pattern(heard)) == {(event.source, event.name) for event in heard}


def test_strays_are_what_no_service_may_tell() -> None:
    assert matched(template_sections._strays()) == STRAYS
    assert not STRAYS & FACTS


# -- grants


def granted(*facts: type[Event]) -> list[dict[str, object]]:
    found = template.parsed("\n".join(template_sections._grant(facts))) or []
    return [statement["Condition"]["StringEquals"] for statement in found]


def test_a_grant_names_the_source_and_each_fact() -> None:
    told = [EVENTS["PaymentCancel"], EVENTS["PaymentOK"]]
    assert granted(*told) == [{"events:source": "saga.payment", "events:detail-type": ["PaymentOK", "PaymentCancel"]}]


def test_who_tells_nothing_is_granted_nothing() -> None:
    assert granted() == []
