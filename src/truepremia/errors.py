"""Errors that a user can act on: each message names the value, the rule and the remedy."""

LONGEST_LINE = 4_000
"""Characters of the longest line that a user is given to read."""


class TruepremiaError(Exception):
    """Base of every error this package raises on purpose; its text is one readable line."""

    def __init__(self, message: str):
        super().__init__(_one_line(message))


class ConfigError(TruepremiaError):
    """The run configuration breaks a rule."""


class CalibrationError(TruepremiaError):
    """The parameters of an economy break a rule; all violations are in one message."""


class DataError(TruepremiaError):
    """A file or an array does not hold what it has to hold."""


class NumericalError(TruepremiaError):
    """A computation did not reach its stated accuracy."""


def error_line(error: BaseException) -> str:
    """Return the one line that a user sees for ``error``."""
    text = str(error) if isinstance(error, TruepremiaError) else _one_line(str(error))
    return f"truepremia: error: {text}"


def _one_line(text: str) -> str:
    return shortened(" ".join(printable(text).split()), LONGEST_LINE)


def printable(text: str) -> str:
    """Return ``text`` with what a terminal would obey or cannot show written as escapes.

    Blanks and line breaks stay, as what they separate is read.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in " \n\t" else ascii(c)[1:-1] for c in text)


def shortened(text: str, most: int) -> str:
    """Return at most ``most`` characters of ``text`` and how many were left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]}... ({len(text) - most:,} more characters)"


class MethodError(TruepremiaError):
    """A method raised, or gave what the contract does not allow."""
