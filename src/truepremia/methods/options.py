"""Rules that options of methods follow, each a function of a value."""

import math
from collections.abc import Callable
from typing import Any

Rule = Callable[[Any], bool]


def one_of(*choices: str) -> Rule:
    """Return the rule that a value is one of ``choices``."""
    return lambda value: isinstance(value, str) and value in choices


def whole(value: Any, least: int = 1) -> bool:
    """Return whether a value is an integer of at least ``least``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def different(holds: Rule) -> Rule:
    """Return the rule of a list of different values that each follow ``holds``, one at least."""
    return lambda value: (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(holds(item) for item in value)
        and len(set(value)) == len(value)
    )
