"""Where a Tidy-Finance store comes from: a SQLite or DuckDB file, or a folder of Parquet files.

All are only read. A SQLite database is opened read-only through its URI, so that no file is
created and no write lock is taken, and each column arrives with the types that are stored in its
rows, whatever the table declares.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from truepremia.errors import DataError
from truepremia.outside import exists, require_regular
from truepremia.tidy.partitions import hive_keys, parquet_files, table_name

_MAGIC = b"SQLite format 3\x00"
_DUCKDB_MAGIC = b"DUCK"  # at byte 8
_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_WAL_FORMAT = 2  # bytes 18 and 19 of a file that uses a write-ahead log
_IN_COLUMN = "text in "


def text_part(column: str) -> str:
    """Return the name under which what is no number in a column is read beside its numbers."""
    return f"{_IN_COLUMN}{column}"


class Source(Protocol):
    """Tables of an opened store.

    Attributes
    ----------
    name : str
        The file or folder, for messages.
    kind : str
        "SQLite", "DuckDB" or "Parquet".
    warnings : list of str
    """

    name: str
    kind: str
    warnings: list[str]

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of each table that may be asked for."""
        ...

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Tables that are there and cannot be read, each with the reason and its remedy."""
        ...

    def read(self, table: str, columns: Sequence[str], split: Sequence[str] = ()) -> pa.Table:
        """Read columns as they are stored.

        A column in ``split`` arrives as its numbers, null where something else is stored, and
        that, as text, under the name that :func:`text_part` gives.
        """
        ...


@contextmanager
def opened(
    store: str | Sequence[str], busy_timeout: float, wanted: Collection[str]
) -> Iterator[Source]:
    """Open a store.

    Parameters
    ----------
    store : str or sequence of str
        A database file, a folder of Parquet files, or those files.
    busy_timeout : float
        Seconds to wait for a writer that has locked the database.
    wanted : collection of str
        Names of tables, in lower case, that may be asked for; others are not looked at.

    Raises
    ------
    DataError
        If the file is missing, none of those, damaged or locked for too long.
    """
    if not isinstance(store, str):
        yield _parquet_files([Path(file) for file in store], wanted)
        return
    path = Path(store)
    if path.is_dir() and (files := parquet_files(path, wanted)):
        yield _parquet_files(files, wanted)
        return
    beginning = _beginning(path)
    if beginning[8:12] == _DUCKDB_MAGIC:
        with _duckdb_file(path, wanted) as database:
            yield database
        return
    if not beginning.startswith(_MAGIC):
        what, remedy = _what_it_is(beginning)
        raise DataError(f"{path}: not a SQLite database ({what}); {remedy}")
    with _reading_sqlite(path, busy_timeout), _sqlite_file(path, busy_timeout, wanted) as database:
        yield database


def _beginning(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(
            f"{path}: not a SQLite database but a folder, and it has no crsp_monthly.parquet; give "
            "a SQLite file or the folder of the Parquet files"
        )
    if exists(path):
        require_regular(path)  # a named pipe would be waited for
    try:
        with path.open("rb") as handle:
            return handle.read(512)
    except OSError as error:
        raise DataError(
            f"{path}: not a SQLite database ({error.strerror}); correct the path of the store"
        ) from error


def _what_it_is(beginning: bytes) -> tuple[str, str]:
    """Say what a file is that is no database, and how to make a store of it."""
    if not beginning:
        return "it is empty", "correct the path of the store"
    if beginning.startswith(b"PAR1"):
        return "it is one Parquet file", "give the folder that has a file for each table"
    if beginning.startswith(_COMPRESSED):
        return "it is compressed", "unpack it and give what was in it"
    if b"," in beginning.partition(b"\n")[0] and b"\x00" not in beginning:
        return (
            "it looks like a CSV file",
            "import every table into a database, for example by '.import --csv FILE crsp_monthly' "
            "in sqlite3, and give that",
        )
    return "its first bytes are others", "correct the path of the store"


@contextmanager
def _reading_sqlite(path: Path, busy_timeout: float) -> Iterator[None]:
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, UnicodeDecodeError) as error:
        reason = _sqlite_reason(error)
        if "locked" in reason:
            raise DataError(
                f"{path}: the database is locked, another program is writing it (waited "
                f"{busy_timeout:g} s); close that program or raise tidy.busy_timeout"
            ) from error
        raise DataError(
            f"{path}: cannot read the SQLite database: {reason}; check the file with "
            "'PRAGMA integrity_check' or restore it"
        ) from error


def _sqlite_reason(error: Exception) -> str:
    reason = str(error).split("[SQLite]")[-1].splitlines()[0].strip()
    return _DRIVERS_WORDS.sub("", reason)


_DRIVERS_WORDS = re.compile(r"^(?:IO: )?Failed to (?:prepare|step) query: ")
_OF_THE_FILE = (
    *("locked", "disk image is malformed", "malformed database schema", "not a database"),
    *("disk I/O error", "unable to open database file", "readonly", "out of memory", "is full"),
)
"""What SQLite says of the whole file, or of the machine, and not of one table."""

_MEND = "mend it, or name another under tables"


def _reason_of_table(error: Exception) -> str:
    """Return what SQLite says of one table; raise what it says of the whole file."""
    reason = _sqlite_reason(error)
    if any(words in reason for words in _OF_THE_FILE):
        raise error
    return reason


def _leave_out(database: "_SqliteFile | _DuckdbFile", table: str, reason: str, remedy: str) -> None:
    """Take a table for one that cannot be read."""
    del database.tables[table]
    database.unreadable[table] = f"{reason}; {remedy}"
    database.warnings.append(f"{table} is left out: {reason}")


@contextmanager
def _sqlite_file(
    path: Path, busy_timeout: float, wanted: Collection[str]
) -> Iterator["_SqliteFile"]:
    """Connect read-only; without touching the folder if the database is at rest.

    A database in write-ahead-log mode cannot be read without making two more files, or not at
    all on read-only media, unless it is declared immutable. That is safe only if no change waits
    in a log beside it.
    """
    from adbc_driver_sqlite import dbapi

    file = path.resolve()  # the log lies beside the file, not beside a link to it
    uri = f"{file.as_uri()}?mode=ro"
    with file.open("rb") as handle:
        uses_log = handle.read(20)[18:] == bytes([_WAL_FORMAT, _WAL_FORMAT])
    waiting = _changes_beside(file, uses_log)
    if (waiting or not uses_log) and _opens(uri, busy_timeout):
        with dbapi.connect(uri) as connection:
            yield _sqlite_tables(path, connection, busy_timeout, wanted)
        return
    if waiting:
        raise DataError(
            f"{path}: {waiting.name} beside it holds changes that cannot be read there; copy both "
            "files into a folder that can be written and give that copy"
        )
    before = file.stat()
    with dbapi.connect(f"{uri}&immutable=1") as connection:
        database = _sqlite_tables(path, connection, busy_timeout, wanted)
        database.warnings.append(
            f"{path} was read as immutable, because its write-ahead log cannot be used read-only"
        )
        yield database
    after = file.stat()
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise DataError(f"{path} changed while it was read; run the same command again")


def _opens(uri: str, busy_timeout: float) -> bool:
    """Return whether the database can be read with the files that reading it needs beside it."""
    from adbc_driver_manager import Error
    from adbc_driver_sqlite import dbapi

    try:
        with dbapi.connect(uri) as connection:
            _sqlite_tables(Path(), connection, busy_timeout, ())
    except Error as error:
        if "unable to open database file" in str(error) or "readonly" in str(error):
            return False
        raise
    return True


def _changes_beside(path: Path, uses_log: bool) -> Path | None:
    """Return the log or journal with changes that are not in the database itself, if any."""
    beside = path.with_name(f"{path.name}{'-wal' if uses_log else '-journal'}")
    try:
        with beside.open("rb") as handle:
            return beside if any(handle.read(16)) else None  # a journal at rest begins with zeros
    except FileNotFoundError:
        return None
    except OSError:
        return beside


def _sqlite_tables(
    path: Path, connection: Any, busy_timeout: float, wanted: Collection[str]
) -> "_SqliteFile":
    """Return the database with the columns of its tables."""
    database = _SqliteFile(str(path), connection)
    database.rows_of(f"PRAGMA busy_timeout = {int(1000 * busy_timeout)}")
    named = database.rows_of("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
    for name, kind in sorted((row["name"], row["type"]) for row in named):
        if kind == "shadow" or name.startswith("sqlite_"):
            continue
        database.tables[name] = ()
        if name.lower() in wanted:
            database.describe(name, kind)
    return database


@dataclass
class _SqliteFile:
    """A SQLite database; one transaction, so that all tables are of one moment."""

    name: str
    connection: Any
    kind: str = "SQLite"
    warnings: list[str] = field(default_factory=list)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def describe(self, table: str, kind: str) -> None:
        """Find the columns of a table, and in which of them SQLite stores every number as text.

        What cannot be asked, as a view of what is not there, is left out.
        """
        from adbc_driver_manager import Error

        try:
            # table_info leaves generated columns out; 1 marks the hidden ones of virtual tables.
            columns = self.rows_of(f"PRAGMA table_xinfo({_id(table)})")
        except Error as error:
            _leave_out(self, table, _reason_of_table(error), _MEND)
            return
        self.tables[table] = tuple(c["name"] for c in columns if c["hidden"] != 1)
        self.texts[table] = tuple(
            c["name"] for c in columns if kind == "table" and _has_text_affinity(c["type"])
        )

    def read(self, table: str, columns: Sequence[str], split: Sequence[str] = ()) -> pa.Table:
        """Read columns; see :class:`Source`."""
        from adbc_driver_manager import Error

        texts = self.texts[table]
        selected = [part for name in columns for part in _expressions(name, split, texts)]
        try:
            count = self.rows_of(f"SELECT count(*) AS n FROM {_id(table)}")[0]["n"]
            found = self._table(f"SELECT {', '.join(selected)} FROM {_id(table)}", rows=count)
        except Error as error:
            reason = _reason_of_table(error)
            raise DataError(f"{self.name}: cannot read {table}: {reason}; {_MEND}") from error
        return _readable(found, [text_part(name) for name in split])

    def rows_of(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a short query."""
        return self._table(query, rows=1024).to_pylist()  # type: ignore[no-any-return]

    def _table(self, query: str, rows: int) -> pa.Table:
        with self.connection.cursor() as cursor:
            # The driver takes a column's type from the first batch: let all rows be in it, and no
            # more, as it asks the system for the memory of as many as may come.
            options = {"adbc.sqlite.query.batch_rows": str(max(rows, 1))}
            cursor.adbc_statement.set_options(**options)
            cursor.execute(query)
            return cursor.fetch_arrow_table()


def _has_text_affinity(declared: str | None) -> bool:
    """Return whether a column so declared stores every number as text (SQLite's rules 1 and 2)."""
    name = (declared or "").upper()
    return "INT" not in name and any(part in name for part in ("CHAR", "CLOB", "TEXT"))


def _readable(content: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return a table in which the text ``names``, no numbers, is UTF-8 with U+FFFD for the rest."""
    for name in names:
        position = content.column_names.index(name)
        column = content.column(position)
        if not pa.types.is_string(column.type):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            stored = column.cast(pa.binary()).to_pylist()
            text = [None if value is None else value.decode(errors="replace") for value in stored]
            content = content.set_column(position, name, pa.array(text, column.type))
    return content


def _id(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _expressions(name: str, split: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return what is selected for a column.

    A whole number is selected as an integer where it may stand beside text, because the driver
    would print a real number of a text column with six digits; in ``texts`` it is text already.
    """
    quoted = _id(name)
    if name in split:
        kind = f"typeof({quoted})"
        return [
            f"CASE WHEN {kind} IN ('integer', 'real') THEN {quoted} END AS {quoted}",
            f"CASE {kind} WHEN 'blob' THEN quote({quoted}) WHEN 'text' THEN {quoted} END "
            f"AS {_id(text_part(name))}",
        ]
    if name.lower() not in _BESIDE_TEXT or name in texts:
        return [quoted]
    whole = f"typeof({quoted}) = 'real' AND {quoted} = CAST({quoted} AS INTEGER)"
    return [f"CASE WHEN {whole} THEN CAST({quoted} AS INTEGER) ELSE {quoted} END AS {quoted}"]


_BESIDE_TEXT = ("gvkey", "exchange", "exchcd", "primaryexch")


@contextmanager
def _duckdb_file(path: Path, wanted: Collection[str]) -> Iterator["_DuckdbFile"]:
    """Open a DuckDB database, if the package is there."""
    try:
        import duckdb
    except ImportError as error:
        raise DataError(
            f"{path}: it is a DuckDB database and the package duckdb is not installed; install "
            "duckdb, or write \"EXPORT DATABASE 'folder' (FORMAT parquet)\" in DuckDB and give "
            "that folder"
        ) from error
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            yield _duckdb_tables(path, connection, wanted)
    except duckdb.Error as error:
        reason = _first_line(error)
        raise DataError(
            f"{path}: cannot read the DuckDB database: {reason}; close the program that writes it, "
            "or restore it"
        ) from error


def _duckdb_tables(path: Path, connection: Any, wanted: Collection[str]) -> "_DuckdbFile":
    """Return the database with the columns of its tables, of any schema; ``main`` comes first."""
    database = _DuckdbFile(str(path), connection)
    found = connection.execute(
        "SELECT table_name, table_schema, table_type, table_catalog FROM information_schema.tables "
        "WHERE table_catalog = current_database() "
        "ORDER BY lower(table_name), table_schema <> 'main', table_schema"
    ).fetchall()
    places: dict[str, list[tuple[str, ...]]] = {}
    for place in found:
        places.setdefault(place[0].lower(), []).append(place)  # names in any case are one
    for key, (place, *others) in places.items():
        name, schema, kind, catalog = place
        database.tables[name] = ()
        # With the catalog, which is named like the file: a schema may have that name too.
        database.ids[name] = ".".join(map(_id, (catalog, schema, name)))
        if key not in wanted:
            continue
        if others and schema != "main":
            schemas = " and ".join(_id(other[1]) for other in (place, *others))
            reason = f"it is in the schemas {schemas}, not in main"
            _leave_out(database, name, reason, "keep one of them, or make that one a table of main")
        else:
            database.describe(name, kind)
    return database


@dataclass
class _DuckdbFile:
    """A DuckDB database."""

    name: str
    connection: Any
    ids: dict[str, str] = field(default_factory=dict)
    kind: str = "DuckDB"
    warnings: list[str] = field(default_factory=list)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def describe(self, table: str, kind: str) -> None:
        """Find the columns of a table; a view that cannot be asked is left out."""
        from duckdb import Error

        try:
            columns = self.connection.execute(f"DESCRIBE {self.ids[table]}").fetchall()
        except Error as error:
            if kind != "VIEW":
                raise
            _leave_out(self, table, _first_line(error), _MEND)
            return
        self.tables[table] = tuple(column[0] for column in columns)

    def read(self, table: str, columns: Sequence[str], split: Sequence[str] = ()) -> pa.Table:
        """Read columns; see :class:`Source`."""
        import duckdb

        selected = ", ".join(map(_id, columns))
        try:
            query = self.connection.sql(f"SELECT {selected} FROM {self.ids[table]}")
            content = query.to_arrow_table()
        except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
            raise DataError(
                f"{self.name}: cannot read {table}: {_first_line(error)}; {_MEND}"
            ) from error
        return _split(content, split)


def _parquet_files(files: Sequence[Path], wanted: Collection[str]) -> "_ParquetFiles":
    """Return the store of some files; a table is named like its file or the folder of its parts."""
    parts: dict[str, list[Path]] = {}
    root = files[0].parent
    for file in files:
        at = next((p for p in (file, *file.parents) if table_name(p).lower() in wanted), file)
        parts.setdefault(table_name(at), []).append(file)
        root = at.parent
    store = _ParquetFiles(str(root), parts)
    for name, of_table in sorted(parts.items()):
        columns: dict[str, None] = {}
        for part in of_table:
            columns |= dict.fromkeys([*store.open(part).schema_arrow.names, *hive_keys(part)])
        store.tables[name] = tuple(columns)
    return store


@dataclass
class _ParquetFiles:
    """Parquet files, one or several for each table."""

    name: str
    parts: Mapping[str, Sequence[Path]]
    kind: str = "Parquet"
    warnings: list[str] = field(default_factory=list)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def read(self, table: str, columns: Sequence[str], split: Sequence[str] = ()) -> pa.Table:
        """Read columns; see :class:`Source`."""
        parts = [self._part(part, columns) for part in self.parts[table]]
        try:
            whole = pa.concat_tables(parts, promote_options="permissive").select(list(columns))
        except pa.ArrowException as error:
            raise DataError(
                f"{self.name}: the parts of {table} have columns of different types: "
                f"{_first_line(error)}; write them with one type"
            ) from error
        return _split(whole, split)

    def _part(self, part: Path, columns: Sequence[str]) -> pa.Table:
        file = self.open(part)
        try:
            content = file.read([name for name in columns if name in file.schema_arrow.names])
        except (OSError, pa.ArrowException) as error:
            raise _damaged(part, error) from error
        for key, value in hive_keys(part).items():
            if key in columns and key not in content.column_names:
                text = pa.repeat(pa.scalar(value), file.metadata.num_rows)
                content = content.append_column(key, text)
        return content

    def open(self, part: Path) -> pq.ParquetFile:
        """Open one of the files."""
        require_regular(part)
        try:
            return pq.ParquetFile(part)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(part, error) from error


def _damaged(part: Path, error: Exception) -> DataError:
    return DataError(f"{part}: cannot read: {_first_line(error)}; restore the file")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _split(content: pa.Table, split: Sequence[str]) -> pa.Table:
    """Return typed columns in two parts; text has no numbers, as far as its type knows."""
    for name in split:
        column, at = content[name], content.column_names.index(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            blobs = [None if b is None else f"X'{b.hex().upper()}'" for b in column.to_pylist()]
            column = pa.chunked_array([pa.array(blobs, pa.string())])
        text = column.cast(pa.string())
        content = content.set_column(at, name, pa.nulls(content.num_rows, pa.float64()))
        content = content.append_column(text_part(name), text)
    return content
