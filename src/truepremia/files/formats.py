"""Files between stages: Parquet tables and JSON.

Every file is written under a temporary name in its folder, flushed to disk and renamed, so that
a file that exists is whole. Every table says what it is and which panel it belongs to, carries
checksums of its pages and of its column names, and is checked for all of that when it is read.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truepremia.columns import Column
from truepremia.errors import DataError
from truepremia.outside import circumstance, read_text, require_regular
from truepremia.typing import Array

ROWS_PER_GROUP = 65_536
"""A row group holds whole months and about this many rows."""

_KIND, _PANEL, _NAMES = "truepremia.table", "truepremia.panel", "truepremia.columns"
REMEDY = "delete the file and run the same command again, it will be rebuilt"
_MISSING = "run the same command again, it will be built"
TEMPORARY = ".tmp"
"""End of the names of files that are being written."""


@contextlib.contextmanager
def reading(path: str | Path, remedy: str | None = None) -> Iterator[None]:
    """Turn whatever goes wrong while ``path`` is parsed into an error that names it.

    Only what can be damage is answered with deletion: permissions, limits, memory and disks are
    told by their name.

    Parameters
    ----------
    path : path
    remedy : str, optional
        What to do about a file that is missing or damaged; that of a file which the workflow
        builds where nothing is said.

    Raises
    ------
    DataError
        With the first line of the reason, and the remedy.
    """
    try:
        require_regular(path)
    except DataError:
        if os.path.lexists(path):
            raise
        raise DataError(
            f"cannot read {path}: there is no such file; {remedy or _MISSING}"
        ) from None
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a damaged file can break a parser in any way
        why = circumstance(error)
        if why is None:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            why = f"{said}; {remedy or REMEDY}"
        raise DataError(f"cannot read {path}: {why}") from error


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``path`` if the block succeeds, and vanishes if not.

    What a killed writer of the same path has left behind is removed. A writer that lives holds a
    lock on its temporary file, which the system releases when it ends in whatever way.

    Raises
    ------
    DataError
        If the file system refuses, naming the file and the reason.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    lock = None
    try:
        for left in leftovers(path):
            _remove_if_abandoned(left)
        lock = temporary.open("wb")
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except (OSError, MemoryError) as error:
        reason = circumstance(error, path)
        if reason is None:
            reason = f"{getattr(error, 'strerror', None) or error}; choose another results_dir"
        raise DataError(f"cannot write {path}: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if lock is not None:
            with contextlib.suppress(OSError):
                lock.close()


def leftovers(path: Path) -> list[Path]:
    """Return the temporary files of writers of ``path``, of whatever process."""
    start = f".{path.name}."
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return []
    return [path.with_name(n) for n in names if n.startswith(start) and n.endswith(TEMPORARY)]


def _remove_if_abandoned(temporary: Path) -> None:
    """Remove a temporary file unless a living process has it locked."""
    with contextlib.suppress(OSError), temporary.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.unlink()


@contextlib.contextmanager
def table_writer(
    path: str | Path,
    kind: str,
    panel_id: str,
    columns: Mapping[str, Column],
    rows_per_group: int = ROWS_PER_GROUP,
) -> Iterator["Table"]:
    """Open a table to be written month by month; it appears when the block ends well.

    Parameters
    ----------
    path : path
        File to write.
    kind : str
        What the table is, checked on reading.
    panel_id : str
        Panel it belongs to, checked on reading.
    columns : mapping of str to Column
        Unit and meaning of the columns, kept in the file.
    rows_per_group : int
        Rows to collect before a row group is written; a month is never split.
    """
    with replacing(path) as temporary:
        table = Table(temporary, kind, panel_id, columns, rows_per_group)
        try:
            yield table
            table.flush()
        finally:
            table.close()


class Table:
    """A Parquet table being written; made by :func:`table_writer`."""

    def __init__(
        self,
        path: Path,
        kind: str,
        panel_id: str,
        columns: Mapping[str, Column],
        rows_per_group: int,
    ):
        self._path = path
        self._metadata = {_KIND: kind, _PANEL: panel_id}
        self._columns = columns
        self._rows_per_group = rows_per_group
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0

    def append(self, columns: Mapping[str, Any]) -> None:
        """Append rows; all arrays have the same length, the first call fixes the types."""
        arrays = [column(values) for values in columns.values()]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        if self._pending_rows >= self._rows_per_group:
            self.flush()

    def flush(self) -> None:
        """Write the collected rows as one row group."""
        if not self._pending:
            return
        table = pa.Table.from_batches(self._pending)
        if self._writer is None:
            self._writer = self._open(table.schema)
        table = table.cast(self._writer.schema)
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self._pending, self._pending_rows = [], 0

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        fields = [field.with_metadata(_description(self._columns[field.name])) for field in schema]
        floats = [f.name for f in schema if pa.types.is_floating(f.type)]
        metadata = self._metadata | {_NAMES: _names_digest(schema)}
        return pq.ParquetWriter(
            self._path,
            pa.schema(fields, metadata=metadata),
            compression="zstd",
            compression_level=1,
            use_dictionary=[f.name for f in schema if pa.types.is_string(f.type)],
            column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
            write_page_checksum=True,
        )


def column(values: Any) -> pa.Array:
    """Return an array as an Arrow column."""
    # Not pa.array(values): it imports pandas, which costs a stage script a second.
    if isinstance(values, pa.Array):
        return values
    if values.dtype == object:
        text = [value.encode() for value in values]
        offsets = np.cumsum([0, *map(len, text)], dtype=np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(text))]
        return pa.Array.from_buffers(pa.string(), len(text), buffers)
    if values.dtype == bool:
        return column(values.astype(np.uint8)).cast(pa.bool_())
    if values.dtype.kind == "M":
        return column(values.astype("datetime64[D]").astype(np.int32)).cast(pa.date32())
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def _names_digest(schema: pa.Schema) -> str:
    """Return the checksum of the column names, which Parquet itself does not have."""
    return hashlib.sha256("\n".join(schema.names).encode()).hexdigest()


def _description(column: Column) -> dict[str, str]:
    return {"unit": column.unit, "meaning": column.meaning}


class TableFile:
    """A Parquet table of this package, checked on opening.

    Parameters
    ----------
    path : path
    kind : str
        What the table must be.
    panel_id : str
        Panel it must belong to.
    remedy : str, optional
        What to do about a missing or damaged file, as in :func:`reading`.

    Raises
    ------
    DataError
        If the file is missing, truncated, damaged, foreign or of another panel.
    """

    def __init__(self, path: str | Path, kind: str, panel_id: str, remedy: str | None = None):
        self.path, self._remedy = Path(path), remedy
        with reading(self.path, remedy):
            self._file = pq.ParquetFile(self.path, page_checksum_verification=True)
            metadata = self._file.schema_arrow.metadata or {}
            found = tuple(metadata.get(key.encode(), b"").decode() for key in (_KIND, _PANEL))
        if found != (kind, panel_id):
            what = f"the {found[0]} table of {found[1]}" if found[0] else "not a truepremia table"
            raise DataError(
                f"{self.path} is {what}, expected the {kind} table of {panel_id}; "
                f"{remedy or REMEDY}"
            )
        self._require_whole(metadata)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self._file.metadata.num_rows)

    @property
    def column_names(self) -> list[str]:
        """Names of the columns."""
        return list(self._file.schema_arrow.names)

    def read(self, columns: Sequence[str] | None = None) -> dict[str, Array]:
        """Read the whole table, or some of its columns."""
        self._require(columns or ())
        with reading(self.path, self._remedy):
            return _arrays(self._file.read(columns))

    def read_arrow(self) -> pa.Table:
        """Read the whole table as Arrow columns, for tables with many rows of text."""
        with reading(self.path, self._remedy):
            return self._file.read()

    def months(
        self, columns: Sequence[str] | None = None, every: int = 1
    ) -> Iterator[tuple[int, dict[str, Array]]]:
        """Yield (month, columns) in file order; holds one row group at a time in memory.

        With ``every`` above one only every so many row groups are read, from the first on.
        """
        self._require(["month", *(columns or ())])
        for group in range(0, self._file.num_row_groups, every):
            with reading(self.path, self._remedy):
                # A thread for every column costs more than reading the column.
                arrays = _arrays(self._file.read_row_group(group, columns, use_threads=False))
            month = arrays["month"]
            first = np.flatnonzero(np.diff(month, prepend=month[:1] - 1))
            for start, stop in zip(first, [*first[1:], len(month)], strict=True):
                yield int(month[start]), {name: a[start:stop] for name, a in arrays.items()}

    def _require_whole(self, metadata: Mapping[bytes, bytes]) -> None:
        """Check what is in the footer, which has no checksum of its own."""
        footer = self._file.metadata
        rows = sum(footer.row_group(i).num_rows for i in range(footer.num_row_groups))
        digest = _names_digest(self._file.schema_arrow).encode()
        if rows != footer.num_rows or digest != metadata.get(_NAMES.encode()):
            raise DataError(
                f"cannot read {self.path}: its footer is damaged; {self._remedy or REMEDY}"
            )

    def _require(self, columns: Sequence[str]) -> None:
        missing = [name for name in columns if name not in self.column_names]
        if missing:
            raise DataError(
                f"{self.path} has no column {', '.join(missing)}; {self._remedy or REMEDY}"
            )


def _arrays(table: pa.Table) -> dict[str, Array]:
    """Return the columns as arrays; a list column, whose lists are of one length, as a matrix."""
    return {name: _array(table.column(name).combine_chunks()) for name in table.column_names}


def _array(column: Any) -> Array:
    # Not column.to_numpy(): it imports pandas, which costs a stage script a second.
    if pa.types.is_list(column.type):
        flat = column.flatten()
        return _array(flat).reshape(len(column), len(flat) // max(len(column), 1))
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_boolean(column.type):
        return _array(column.cast(pa.uint8())).astype(bool)
    if pa.types.is_date32(column.type):
        return _array(column.cast(pa.int32())).astype("datetime64[D]")
    return np.from_dlpack(column)


def write_table(
    path: str | Path,
    kind: str,
    panel_id: str,
    columns: Mapping[str, Any],
    described: Mapping[str, Column],
) -> None:
    """Write a table that is in memory."""
    with table_writer(path, kind, panel_id, described) as table:
        table.append(columns)


def read_json(path: str | Path, remedy: str | None = None) -> dict[str, Any]:
    """Read a JSON object; ``remedy`` as in :func:`reading`.

    Raises
    ------
    DataError
        If the file is missing or is not one.
    """
    with reading(path, remedy):
        content = json.loads(read_text(path, remedy=remedy or REMEDY))
    if not isinstance(content, dict):
        raise DataError(f"{path} does not hold a JSON object; {remedy or REMEDY}")
    return content


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write readable JSON without NaN."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
