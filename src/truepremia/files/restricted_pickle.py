"""Reading bundles without trusting them: a pickle can otherwise run any code.

Only the constructors that a bundle needs are let in, each by its full name. Whole modules would
be too much: numpy and pandas hold functions that run code or read other files.
"""

import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

from truepremia.errors import DataError

HARMLESS = frozenset(
    {
        "builtins.slice",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.numeric._frombuffer",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.numeric._frombuffer",
        "pandas.DataFrame",
        "pandas.Index",
        "pandas.RangeIndex",
        "pandas.core.frame.DataFrame",
        "pandas.core.indexes.base.Index",
        "pandas.core.indexes.base._new_Index",
        "pandas.core.indexes.range.RangeIndex",
        "pandas.core.internals.managers.BlockManager",
        "pandas._libs.internals._unpickle_block",
    }
)
"""What frames are made of, under the names of numpy 1 and 2 and of pandas 2 and 3."""

_REMEDY = "name a bundle such as results/bgn_0_fama.pkl, or build it again if it is damaged"


def read_bundle(path: str | Path) -> dict[str, Any]:
    """Read a bundle, running no code but that of numpy and pandas.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        The items of the bundle.

    Raises
    ------
    DataError
        If the file is missing or damaged, holds anything but builtin data, arrays and frames,
        or is no dictionary.
    """
    try:
        with Path(path).open("rb") as handle:
            items = _Data(handle).load()
    except Exception as error:  # a file that is no pickle can break the parser in any way
        raise DataError(f"cannot read {path}: {error}; {_REMEDY}") from error
    if not isinstance(items, dict):
        raise DataError(f"{path} is a {type(items).__name__}, expected a dictionary; {_REMEDY}")
    return items


class _Data(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in HARMLESS:
            raise pickle.UnpicklingError(f"it would run {module}.{name}, which no bundle does")
        # Not the base class: it would follow dots in a name from object to object.
        return getattr(import_module(module), name)
