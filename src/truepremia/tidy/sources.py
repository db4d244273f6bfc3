"""Where a Tidy-Finance store comes from: a SQLite file or a folder of Parquet files.

Both are only read. A SQLite database is opened read-only through its URI, so that no file is
created and no write lock is taken, and each column arrives with the types that are stored in its
rows, whatever the table declares.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from truepremia.errors import DataError

_MAGIC = b"SQLite format 3\x00"
_WAL_FORMAT = 2  # bytes 18 and 19 of a file that uses a write-ahead log


class Source(Protocol):
    """Tables of an opened store.

    Attributes
    ----------
    name : str
        The file or folder, for messages.
    kind : str
        "SQLite" or "Parquet".
    warnings : list of str
    """

    name: str
    kind: str
    warnings: list[str]

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of each table."""
        ...

    def read(self, table: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> pa.Table:
        """Read columns; whatever is not a number becomes null in the columns ``numbers``."""
        ...

    def not_numbers(self, table: str, column: str, keys: Sequence[str]) -> tuple[int, list[str]]:
        """Return how many values of ``column`` are no numbers, and the first three with keys."""
        ...


@contextmanager
def opened(store: str | Sequence[str], busy_timeout: float) -> Iterator[Source]:
    """Open a store.

    Parameters
    ----------
    store : str or sequence of str
        A SQLite file, or the Parquet files of a folder.
    busy_timeout : float
        Seconds to wait for a writer that has locked the database.

    Raises
    ------
    DataError
        If the file is missing, not a SQLite database, damaged or locked for too long.
    """
    if not isinstance(store, str):
        yield _ParquetFiles([Path(file) for file in store])
        return
    path = Path(store)
    _require_sqlite(path)
    with _reading_sqlite(path, busy_timeout), _connection(path, busy_timeout) as database:
        yield database


def _require_sqlite(path: Path) -> None:
    try:
        with path.open("rb") as handle:
            found = handle.read(len(_MAGIC))
    except OSError as error:
        raise DataError(
            f"{path}: not a SQLite database ({error.strerror}); correct the path of the store"
        ) from error
    if found != _MAGIC:
        what = "it is empty" if not found else "its first bytes are others"
        raise DataError(f"{path}: not a SQLite database ({what}); correct the path of the store")


@contextmanager
def _reading_sqlite(path: Path, busy_timeout: float) -> Iterator[None]:
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, UnicodeDecodeError) as error:
        reason = str(error).split("[SQLite]")[-1].splitlines()[0].strip()
        if "locked" in reason:
            raise DataError(
                f"{path}: the database is locked, another program is writing it (waited "
                f"{busy_timeout:g} s); close that program or raise tidy.busy_timeout"
            ) from error
        raise DataError(
            f"{path}: cannot read the SQLite database: {reason}; check the file with "
            "'PRAGMA integrity_check' or restore it"
        ) from error


@contextmanager
def _connection(path: Path, busy_timeout: float) -> Iterator["_SqliteFile"]:
    """Connect read-only; without touching the folder if the database is at rest.

    A database in write-ahead-log mode cannot be read without making two more files, or not at
    all on read-only media, unless it is declared immutable. It is at rest if it has no log.
    """
    from adbc_driver_sqlite import dbapi

    uri = f"{path.resolve().as_uri()}?mode=ro"
    with path.open("rb") as handle:
        uses_log = handle.read(20)[18:] == bytes([_WAL_FORMAT, _WAL_FORMAT])
    at_rest = uses_log and not path.with_name(f"{path.name}-wal").exists()
    if not at_rest and _opens(path, uri, busy_timeout):
        with dbapi.connect(uri) as connection:
            yield _SqliteFile(path, connection, busy_timeout)
        return
    before = path.stat()
    with dbapi.connect(f"{uri}&immutable=1") as connection:
        database = _SqliteFile(path, connection, busy_timeout)
        database.warnings.append(
            f"{path} was read as immutable, because its write-ahead log cannot be used read-only"
        )
        yield database
    after = path.stat()
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise DataError(f"{path} changed while it was read; run the same command again")


def _opens(path: Path, uri: str, busy_timeout: float) -> bool:
    """Return whether the database can be read with the files that reading it needs beside it."""
    from adbc_driver_manager import Error
    from adbc_driver_sqlite import dbapi

    try:
        with dbapi.connect(uri) as connection:
            _SqliteFile(path, connection, busy_timeout)
    except Error as error:
        if "unable to open database file" in str(error):
            return False
        raise
    return True


class _SqliteFile:
    """A SQLite database; one transaction, so that all tables are of one moment."""

    kind = "SQLite"

    def __init__(self, path: Path, connection: Any, busy_timeout: float):
        self.name = str(path)
        self.warnings: list[str] = []
        self._connection = connection
        self._fetch(f"PRAGMA busy_timeout = {int(1000 * busy_timeout)}")
        named = self._fetch("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        self._names = sorted(row["name"] for row in named)

    @cached_property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of each table."""
        columns = {name: self._fetch(f"PRAGMA table_info({_id(name)})") for name in self._names}
        return {name: tuple(c["name"] for c in found) for name, found in columns.items()}

    def read(self, table: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> pa.Table:
        """Read columns; whatever is not a number becomes null in the columns ``numbers``."""
        selected = ", ".join(
            f"CASE WHEN {_is_number(name)} THEN {_id(name)} END AS {_id(name)}"
            if name in numbers
            else _stored(name)
            for name in columns
        )
        count = self._fetch(f"SELECT count(*) AS n FROM {_id(table)}")[0]["n"]
        return self._table(f"SELECT {selected} FROM {_id(table)}", rows=count)

    def not_numbers(self, table: str, column: str, keys: Sequence[str]) -> tuple[int, list[str]]:
        """Return how many values of ``column`` are no numbers, and the first three with keys."""
        chosen = f"FROM {_id(table)} WHERE {_id(column)} IS NOT NULL AND NOT {_is_number(column)}"
        count = self._fetch(f"SELECT count(*) AS n {chosen}")[0]["n"]
        shown = ", ".join(f"{_as_text(name)} AS {_id(name)}" for name in (*keys, column))
        rows = self._fetch(f"SELECT {shown} {chosen} LIMIT 3")
        return count, [" ".join(f"{k}={v}" for k, v in row.items()) for row in rows]

    def _fetch(self, query: str) -> list[dict[str, Any]]:
        return self._table(query, rows=1024).to_pylist()  # type: ignore[no-any-return]

    def _table(self, query: str, rows: int) -> pa.Table:
        with self._connection.cursor() as cursor:
            # The driver takes a column's type from the first batch: let all rows be in it.
            options = {"adbc.sqlite.query.batch_rows": str(max(rows, 1))}
            cursor.adbc_statement.set_options(**options)
            cursor.execute(query)
            return cursor.fetch_arrow_table()


def _id(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_text(name: str) -> str:
    quoted = _id(name)
    return f"CASE typeof({quoted}) WHEN 'blob' THEN quote({quoted}) ELSE CAST({quoted} AS TEXT) END"


def _is_number(name: str) -> str:
    return f"typeof({_id(name)}) IN ('integer', 'real')"


def _stored(name: str) -> str:
    """Return the expression for a column as it is stored.

    A whole number is selected as an integer where it may stand beside text, because the driver
    would print a real number of a text column with six digits.
    """
    if name != "gvkey":
        return _id(name)
    quoted = _id(name)
    whole = f"typeof({quoted}) = 'real' AND {quoted} = CAST({quoted} AS INTEGER)"
    return f"CASE WHEN {whole} THEN CAST({quoted} AS INTEGER) ELSE {quoted} END AS {quoted}"


class _ParquetFiles:
    """Parquet files, each a table named like its file."""

    kind = "Parquet"

    def __init__(self, files: Sequence[Path]):
        self.name = str(files[0].parent)
        self.warnings: list[str] = []
        self._files = {file.stem: file for file in files}

    @cached_property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of each table."""
        return {name: tuple(self._open(name).schema_arrow.names) for name in sorted(self._files)}

    def read(self, table: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> pa.Table:
        """Read columns; whatever is not a number becomes null in the columns ``numbers``."""
        try:
            content = self._open(table).read(list(columns))
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(table, error) from error
        for name in numbers:
            null = pa.nulls(content.num_rows, pa.float64())
            content = content.set_column(content.column_names.index(name), name, null)
        return content

    def not_numbers(self, table: str, column: str, keys: Sequence[str]) -> tuple[int, list[str]]:
        """Return how many values of ``column`` are no numbers, and the first three with keys."""
        content = self.read(table, list(dict.fromkeys([*keys, column])))
        content = content.filter(pc.is_valid(content[column]))
        rows = content.slice(0, 3).to_pylist()
        return content.num_rows, [" ".join(f"{k}={v}" for k, v in row.items()) for row in rows]

    def _open(self, table: str) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._files[table])
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(table, error) from error

    def _damaged(self, table: str, error: Exception) -> DataError:
        reason = str(error).splitlines()[0]
        return DataError(f"{self._files[table]}: cannot read: {reason}; restore the file")
