"""Errors that a user can act on: each message names the value, the rule and the remedy."""


class TruepremiaError(Exception):
    """Base of every error this package raises on purpose; its text is one line."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


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
    return f"truepremia: error: {' '.join(str(error).split())}"


class MethodError(TruepremiaError):
    """A method raised, or gave what the contract does not allow."""
