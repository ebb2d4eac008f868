"""The one error of this room."""


class EngineError(Exception):
    """A part of the engine cannot be had or does not run.

    The message says what was tried, what went wrong and what to do about it; it is meant to be shown as it
    is.
    """
