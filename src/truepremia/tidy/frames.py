"""Tables of the empirical track as pandas frames; ``month`` is the first day of the month."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from truepremia.errors import DataError
from truepremia.panel import Column
from truepremia.store import REMEDY, reading, replacing, write_table


def read_frame(path: str | Path, required: Sequence[str]) -> pd.DataFrame:
    """Read a Parquet table.

    Parameters
    ----------
    path : path
    required : sequence of str
        Columns that must be there; all others are read too.

    Returns
    -------
    DataFrame
        ``month``, if it is a column, as datetime64.

    Raises
    ------
    DataError
        If the file cannot be read or lacks a column.
    """
    with reading(path):
        table = pq.read_table(path, page_checksum_verification=True)
    missing = [name for name in required if name not in table.column_names]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}; {REMEDY}")
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    if "month" in frame:
        frame["month"] = frame["month"].astype("datetime64[s]")
    return frame


def write_frame(
    path: str | Path, kind: str, owner: str, frame: pd.DataFrame, described: Mapping[str, Column]
) -> None:
    """Write a table of ``owner``, the store's name; ``month`` is stored as a date."""
    table = pa.Table.from_pandas(frame[list(described)], preserve_index=False)
    columns = {name: table[name].combine_chunks() for name in described}
    for name, column in columns.items():
        if name == "month":
            columns[name] = column.cast(pa.date32())
        elif pa.types.is_large_string(column.type):
            columns[name] = column.cast(pa.string())
    write_table(path, kind, owner, columns, described)


def write_csv(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV; a missing value is an empty field."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
