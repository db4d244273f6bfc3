"""What jobs wrote down when they ended: the digests of the files that they made.

A results folder holds ``benchmarks/{rule}/{job}.sha256``, lists as ``sha256sum`` writes them. A job
that reads a file which is no longer what another job made would give it the seal of a result.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from truepremia.errors import DataError, printable
from truepremia.files.formats import REMEDY
from truepremia.outside import circumstance, file_digest, is_file, read_text

RECORDS = "benchmarks"
"""Folder of what jobs wrote down: their times, and the digests of what they made."""

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
_OF_PANEL_OR_STORE = ("panels", "real", "tidy")
_OF_ECONOMY = "solutions"
_ANY = ""


def write_record(results: Path, rule: str, job: str, made: Iterable[Path]) -> None:
    """Write the digests of those files that lie in the results, relative to them."""
    lines = [
        f"{file_digest(file)}  {file.relative_to(results)}\n"
        for file in made
        if file.is_relative_to(results) and is_file(file)
    ]
    record = results / RECORDS / rule / f"{job}.sha256"
    # In one piece, as other jobs of the panel may be reading it; not waiting for the disk, as what
    # a crash of the machine takes with it is only a comparison.
    unfinished = record.with_suffix(".unfinished")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text("".join(lines), encoding="utf-8")
        unfinished.replace(record)
    except OSError as error:
        raise DataError(f"cannot write {record}: {circumstance(error, record) or error}") from None


def read_record(results: Path, record: Path) -> dict[str, str]:
    """Return digests by file.

    Raises
    ------
    DataError
        If it cannot be read, is no such list, or names a file outside of the results.
    """
    found = {}
    for line in read_text(record).splitlines():
        entry = _LINE.fullmatch(line)
        if entry is None or not _is_inside(entry[2]):
            name = printable(str(record.relative_to(results)))
            raise DataError(f"{name} is no list of digests; delete it and its job's results")
        found[entry[2]] = entry[1]
    return found


def require_as_made(results: Path, files: Iterable[Path]) -> None:
    """Refuse files that were changed after the jobs that made them wrote down their digests.

    Only a file that is younger than its record is read. Without a record nothing is known of it.

    Raises
    ------
    DataError
        Naming the first such file and the job that made it.
    """
    read = [file for file in files if file.is_relative_to(results)]
    for file, (digest, record) in _written(results, read).items():
        path = results / file
        changed = is_file(path) and path.stat().st_mtime_ns > record.stat().st_mtime_ns
        if changed and file_digest(path) != digest:
            raise _other(path, record)


def require_digests(results: Path, digests: Mapping[Path, str]) -> None:
    """Refuse files whose digests are not those that the jobs that made them wrote down."""
    found = {str(file.relative_to(results)): digest for file, digest in digests.items()}
    for file, (digest, record) in _written(results, digests).items():
        if found[file] != digest:
            raise _other(results / file, record)


def _other(path: Path, record: Path) -> DataError:
    return DataError(
        f"{path} is not what {record.parent.name} made, it was changed afterwards; {REMEDY}"
    )


def _written(results: Path, files: Iterable[Path]) -> dict[str, tuple[str, Path]]:
    """Return digest and record, the newest, of every file that some sound record has."""
    wanted = {str(file.relative_to(results)) for file in files}
    found: dict[str, tuple[str, Path]] = {}
    for record in sorted(_records_of(results, wanted), key=_age):
        with contextlib.suppress(DataError):  # of a damaged one `verify` tells
            listed = read_record(results, record).items()
            found |= {file: (digest, record) for file, digest in listed if file in wanted}
    return found


def _age(record: Path) -> int:
    return record.stat().st_mtime_ns


def _records_of(results: Path, files: Iterable[str]) -> Iterator[Path]:
    """Yield the records that can have the files.

    Names of jobs are those of an economy, or begin with the panel or store that they work on.
    """
    economies, others = set(), set()
    for file in files:
        part, _, rest = file.partition("/")
        if part == _OF_ECONOMY:
            economies.add(rest.partition(".")[0])
        else:
            others.add(rest.partition("/")[0] if part in _OF_PANEL_OR_STORE else _ANY)
    for record in results.glob(f"{RECORDS}/*/*.sha256"):
        job = record.name.removesuffix(".sha256")
        works_on = (name for name in others if f"{job}_".startswith(f"{name}_"))
        if _ANY in others or job in economies or any(works_on):
            yield record


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/") and "\0" not in name
