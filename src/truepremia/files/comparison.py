"""How far two files of the same kind are apart, number by number."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from truepremia.files.formats import reading
from truepremia.files.restricted_pickle import read_bundle
from truepremia.typing import Array

APART = float("inf")


def largest_difference(one: Path, other: Path) -> float:
    """Return the largest difference of two files, relative to the largest value of its column.

    Parameters
    ----------
    one, other : path
        Two tables, bundles or solutions.

    Returns
    -------
    float
        Infinity where they differ in anything but decimal numbers, or are of another kind.

    Raises
    ------
    DataError
        If one cannot be read.
    """
    first, second = _columns(one), _columns(other)
    if first is None or second is None or list(first) != list(second):
        return APART
    return max((_apart(first[name], second[name]) for name in first), default=0.0)


def _columns(path: Path) -> dict[str, Array] | None:
    if path.suffix == ".pkl":
        return _of_bundle(read_bundle(path))
    with reading(path):
        if path.suffix == ".parquet":
            return _of_frame(pq.read_table(path).to_pandas())
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
    return None


def _of_bundle(items: Mapping[str, Any]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for key, value in items.items():
        if isinstance(value, pd.DataFrame):
            found |= {f"{key}.{name}": column for name, column in _of_frame(value).items()}
        else:
            found[key] = np.array(str(value))
    return found


def _of_frame(frame: pd.DataFrame) -> dict[str, Array]:
    return {str(name): _flat(frame[name].to_numpy()) for name in frame}


def _flat(values: Array) -> Array:
    """Return a column whose cells are lists as one long array."""
    if values.dtype == object and len(values) and isinstance(values[0], np.ndarray):
        return np.concatenate(list(values))
    return values


def _apart(one: Array, other: Array) -> float:
    if one.shape != other.shape or one.dtype != other.dtype:
        return APART
    if one.dtype.kind != "f":
        return 0.0 if np.array_equal(one, other) else APART
    if not np.array_equal(np.isfinite(one), np.isfinite(other)):
        return APART
    finite = np.isfinite(one)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return APART
    largest = max(np.abs(one[finite]).max(initial=0.0), np.abs(other[finite]).max(initial=0.0))
    gap = np.abs(one[finite] - other[finite]).max(initial=0.0)
    return float(gap / largest) if largest else 0.0
