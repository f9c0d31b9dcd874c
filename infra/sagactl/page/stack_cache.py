"""The deployed stack, looked up once for many requests."""

from collections.abc import Callable

from sagactl.stack.deployed_stack import Stack


class StackCache:
    """Keeps the stack that `find` found, until it is told to forget it."""

    def __init__(self, find: Callable[[], Stack]) -> None:
        self._find = find
        self._stack: Stack | None = None

    def get(self) -> Stack:
        stack = self._stack or self._find()
        self._stack = stack  # another thread may forget it before this one returns
        return stack

    def forget(self) -> None:
        """For after a failure: the stack that answers next may be another one."""
        self._stack = None
