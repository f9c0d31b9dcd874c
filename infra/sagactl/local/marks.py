"""The mark of an installation: what it was made from, and what it has on disk, so that a half deleted one is noticed.

Every `make setup` looks, so only this is compared: how many entries folders have, and how large the large files are.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_LEVELS = 4  # of a virtual environment: lib/python3.13/site-packages/PACKAGE
_LARGE_BYTES = 100_000
_CACHE = "__pycache__"  # Python writes it later


def write(mark: Path, made_from: dict[str, str], contents: Iterable[Path]) -> None:
    """Marks as complete what lies in these folders, which are below the mark's own."""
    folders: dict[str, int] = {}
    files: dict[str, int] = {}
    for content in contents:
        for path, entries, large in _walk(content):
            folders[str(path.relative_to(mark.parent))] = entries
            files |= {str(file.relative_to(mark.parent)): size for file, size in large.items()}
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"made_from": made_from, "folders": folders, "files": files}))


def read(mark: Path) -> dict[str, Any]:
    """Returns what was written; nothing if that was another kind of mark."""
    try:
        marked = json.loads(mark.read_text())
        return {key: dict(marked[key]) for key in ("made_from", "folders", "files")}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def is_whole(mark: Path, marked: dict[str, Any]) -> bool:
    """Whether nothing is missing of what was there. There may be more, such as what people installed themselves."""
    place = str(mark.parent)
    try:
        if any(_entries(f"{place}/{folder}") < entries for folder, entries in marked["folders"].items()):
            return False
        return all(Path(place, file).stat().st_size >= size for file, size in marked["files"].items())
    except (OSError, KeyError):
        return False


def _walk(content: Path) -> Iterator[tuple[Path, int, dict[Path, int]]]:
    """For each folder: how many entries it has, and how large its large files are."""
    for path, folders, files in content.walk():
        folders[:] = sorted(set(folders) - {_CACHE})
        large = {path / file: (path / file).stat().st_size for file in files if (path / file).exists()}
        yield path, len(folders) + len(files), {file: size for file, size in large.items() if size >= _LARGE_BYTES}
        if len(path.relative_to(content).parts) == _LEVELS:
            folders.clear()


def _entries(folder: str) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.name != _CACHE for entry in entries)
