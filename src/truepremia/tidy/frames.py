"""Tables of the empirical track as pandas frames, and texts for users."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from truepremia.columns import Column
from truepremia.files.formats import TableFile, replacing, write_table


def read_frame(path: str | Path, kind: str, store: str) -> pd.DataFrame:
    """Read a table of a store.

    Parameters
    ----------
    path : path
    kind : str
        What the table must be.
    store : str
        Name of the store it must belong to.

    Returns
    -------
    DataFrame
        ``month``, if it is a column, as datetime64 of the first day.

    Raises
    ------
    DataError
        If the file cannot be read or is another table.
    """
    columns = TableFile(path, kind, store).read()
    if "month" in columns:
        columns["month"] = columns["month"].astype("datetime64[s]")
    return pd.DataFrame(columns)


def write_frame(
    path: str | Path, kind: str, store: str, frame: pd.DataFrame, described: Mapping[str, Column]
) -> None:
    """Write a table of a store; dates are stored without a time."""
    columns = {name: frame[name].to_numpy() for name in described}
    write_table(path, kind, store, columns, described)


def write_csv(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV; a missing value is an empty field."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
