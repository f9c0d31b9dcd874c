"""What the checks say about a part of template.yaml that follows from the code and differs from it."""

from sagactl.design import sections, template


def difference(found: set[tuple[str, str]], wanted: set[tuple[str, str]]) -> str:
    """A line each for the events that are missing and too much, as pairs of source and detail-type."""
    lines = ""
    for word, pairs in (("missing", wanted - found), ("too much", found - wanted)):
        if pairs:
            lines += f"\n    {word}: {', '.join(f'{name} from {source}' for source, name in sorted(pairs))}"
    return lines


def remedy(title: str) -> str:
    """How to set right what the section should say."""
    if title not in sections.titles(template.TEXT):
        return (
            "  template.yaml lacks the section that says so. Put these two lines in its place, then run: make derive\n"
            f"    # derived: {title}\n"
            "    # end derived"
        )
    if title in sections.stale(template.TEXT):
        return "  Write it anew:\n    make derive"
    return f"  The section `# derived: {title}` is right. Delete what else in template.yaml says otherwise."
