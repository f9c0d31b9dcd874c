"""What the checks say about a part of template.yaml that should follow from the code and does not."""

from sagactl.design import template, template_sections


def difference(found: set[tuple[str, str]], wanted: set[tuple[str, str]]) -> str:
    """Returns a line for what is missing, and one for what is too much. Pairs are of source and detail-type."""
    lines = ""
    for word, pairs in (("missing", wanted - found), ("too much", found - wanted)):
        if pairs:
            lines += f"\n    {word}: {', '.join(f'{name} from {source}' for source, name in sorted(pairs))}"
    return lines


def remedy(title: str) -> str:
    """Returns what to do if the template differs from what the section of this title should say."""
    if title not in template_sections.titles(template.TEXT):
        return (
            "  template.yaml lacks the section that says so. Put these two lines in its place, then run: make derive\n"
            f"    # derived: {title}\n"
            "    # end derived"
        )
    if title in template_sections.stale(template.TEXT):
        return "  Write it again:\n    make derive"
    return f"  The section `# derived: {title}` is right. Delete what else in template.yaml says otherwise."
