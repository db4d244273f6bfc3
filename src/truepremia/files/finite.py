"""The border before the disk: numbers that are not finite are refused by name."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from truepremia.errors import NumericalError


def require_finite(columns: Mapping[str, Any], what: str, missing: Collection[str] = ()) -> None:
    """Refuse numbers that are not finite, before they are written.

    Parameters
    ----------
    columns : mapping of str to array
    what : str
        What holds the columns, for the message.
    missing : collection of str
        Columns that may be NaN where a value is undefined.

    Raises
    ------
    NumericalError
        Naming each column with its first such number.
    """
    wrong = []
    for name, values in columns.items():
        if getattr(values, "dtype", np.dtype(object)).kind not in "fc":
            continue
        bad = ~np.isfinite(values)
        if name in missing:
            bad &= ~np.isnan(values)
        if bad.any():
            wrong.append(f"{name} is {values[bad][0]:g} in {bad.sum()} of {bad.size} entries")
    if wrong:
        raise NumericalError(
            f"{what}: {', '.join(wrong)}: must be finite; nothing is written. The calibration is "
            "beyond what the economy can be computed for: move it towards the shipped one"
        )
