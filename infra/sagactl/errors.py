"""The one kind of failure that the `saga` command reports in a line, without a traceback."""


class SagaError(Exception):
    """Something outside this program is not as it must be; `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}. {remedy}.")
