"""What is derived from the code is what `make derive` would write, to the letter."""

from collections.abc import Iterator

from sagactl.design import derived_files, template, template_sections


def problems() -> Iterator[str]:
    found = [_named(path) for path in derived_files.stale()] + derived_files.left_over()
    if found:
        yield f"Not what the event types and signatures say: {', '.join(found)}. Write them again:\n    make derive"


def _named(path: str) -> str:
    if path == template.PATH.name:
        return f"{path} ({', '.join(template_sections.stale(template.TEXT))})"
    return path
