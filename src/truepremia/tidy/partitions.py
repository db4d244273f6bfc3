"""Which Parquet files of a folder are the tables of a store."""

from collections.abc import Collection
from pathlib import Path


def parquet_files(folder: Path, wanted: Collection[str]) -> list[Path]:
    """Return the Parquet files of the tables ``wanted`` (lower case) in a folder, ascending.

    A table is a file ``name.parquet``, or a folder ``name`` or ``name.parquet`` of such files that
    may be partitioned. Hidden files and all other files are passed over.
    """
    files: list[Path] = []
    for entry in folder.iterdir():
        if entry.name.startswith((".", "_")) or table_name(entry).lower() not in wanted:
            continue
        if entry.is_dir():
            parts = [part for part in entry.rglob("*") if part.suffix.lower() == ".parquet"]
            files += [part for part in parts if _is_part(part.relative_to(entry))]
        elif entry.suffix.lower() == ".parquet":
            files.append(entry)
    return sorted(files)


def table_name(path: Path) -> str:
    """Return the name of the table that a file or a folder holds."""
    return path.stem if path.suffix.lower() == ".parquet" else path.name


def _is_part(inside: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in inside.parts)


def hive_keys(part: Path) -> dict[str, str]:
    """Return the columns that the folders of a part give it, as in ``year=1980/part.parquet``."""
    named = [folder.name.partition("=") for folder in part.parents if "=" in folder.name]
    return {key: value for key, _, value in reversed(named)}
