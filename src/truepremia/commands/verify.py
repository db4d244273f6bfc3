"""Check everything in a results folder against what the jobs and manifests say they made."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from truepremia.errors import DataError, TruepremiaError, printable, shortened
from truepremia.files.bundle import read_checked_bundle
from truepremia.files.formats import TEMPORARY, read_json
from truepremia.files.manifest import SEAL, differences, files_behind, own_digest, read_manifest
from truepremia.files.records import RECORDS, read_record
from truepremia.files.results import (
    BUNDLE,
    FOLDERS,
    MANIFEST,
    PARTS_OF_RESULTS,
    large_files,
)
from truepremia.outside import file_digest, is_file

_PANEL = re.compile(r"[a-z][a-z0-9]*_(0|[1-9][0-9]*)")


def verify(results: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Check a results folder.

    Panels are compared with their manifests; whatever a job made, in both tracks, the leaderboard
    and the report, with the digests that the job wrote when it ended.

    Returns
    -------
    dict of str to list of str
        What is wrong, by panel or other part; an empty list if nothing is.
    list of str
        Strays: files and folders that no job made. They change nothing.

    Raises
    ------
    DataError
        If there is no panel and no other part.
    """
    try:
        return _verified(results)
    except OSError as error:
        raise DataError(f"cannot read {results}: {error.strerror or error}") from error


def _verified(results: Path) -> tuple[dict[str, list[str]], list[str]]:
    recorded, faults = _records(results)
    present = [path.name for path in results.glob("*")]
    panels = {
        name.removesuffix(end)
        for name in (*present, *recorded)
        for end in (MANIFEST, BUNDLE)
        if name.endswith(end) and _PANEL.fullmatch(name.removesuffix(end))
    }
    if not panels and not recorded and not faults:
        raise DataError(
            f"{printable(str(results))} holds no panel; name a folder that snakemake built"
        )
    not_kept = {file for panel in results.glob("panels/*") for file in _not_kept(panel)}
    recorded = {file: digest for file, digest in recorded.items() if file not in not_kept}
    checked = {
        panel_id: _faults(results, panel_id, recorded, not_kept)
        for panel_id in sorted(panels, key=_by_index)
    }
    checked |= _other_parts(results, recorded, panels)
    if faults:
        checked[RECORDS] = faults
    return checked, [*_strays(results, panels, recorded)]


def _by_index(panel_id: str) -> tuple[str, int, str]:
    model, _, index = panel_id.rpartition("_")
    return model, int(index) if index.isdecimal() and len(index) < 20 else -1, panel_id


def _not_kept(panel: Path) -> list[str]:
    """Return the large tables of a panel that are not there, if a run need not have kept them.

    Firms, states and moments are dropped together, and whoever asks for one of them again has that
    one. Where a single one is missing, somebody took it away.
    """
    files = large_files(panel.name)
    absent = [file for file in files if not os.path.lexists(panel.parents[1] / file)]
    return absent if len(absent) > 1 else []


def _faults(
    results: Path, panel_id: str, recorded: Mapping[str, str], not_kept: set[str]
) -> list[str]:
    path = results / f"{panel_id}{MANIFEST}"
    if not os.path.lexists(path):
        return [f"{path.name} is missing"]
    try:
        manifest = read_manifest(path)
        if manifest["panel_id"] != panel_id:
            return [f"{path.name} is the manifest of {manifest['panel_id']}"]
        differ = differences(manifest, results)
        faults = [phrase for file, phrase in differ.items() if file not in not_kept]
        if SEAL in manifest and manifest[SEAL] != own_digest(manifest):
            faults.append(f"{path.name} was changed after it was written")
        faults += _not_as_made(manifest, recorded, differ)
        if not faults:
            bundle = read_checked_bundle(results / f"{panel_id}{BUNDLE}")
            if bundle["panel_id"] != panel_id:
                faults = [f"{panel_id}_fama.pkl is the bundle of {bundle['panel_id']}"]
    except TruepremiaError as error:
        return [str(error)]
    return faults


def _not_as_made(
    manifest: Mapping[str, Any], recorded: Mapping[str, str], known: Collection[str]
) -> list[str]:
    """Return phrases for files that a manifest took for results and no job made."""
    taken = {
        file: manifest["files"][name]["sha256"]
        for name, file in files_behind(manifest).items()
        if file in recorded and file not in known
    }
    return [
        f"{file} was changed between the job that made it and the manifest"
        for file, digest in taken.items()
        if digest != recorded[file]
    ]


# --- what jobs wrote down -------------------------------------------------------------------------


def _records(results: Path) -> tuple[dict[str, str], list[str]]:
    """Return the digests that jobs wrote, by file, and what is wrong with the records."""
    found: dict[str, str] = {}
    faults = []
    for record in sorted(results.glob(f"{RECORDS}/*/*.sha256")):
        try:
            found |= read_record(results, record)
        except DataError as error:
            faults.append(str(error))
    return found, faults


def _other_parts(results: Path, recorded: dict[str, str], panels: set[str]) -> dict[str, list[str]]:
    """Return what is wrong with everything that no manifest answers for, by part."""
    parts: dict[str, list[str]] = {}
    for file, digest in sorted(recorded.items()):
        part = _part(file, panels)
        if part is None:
            continue
        wrong = parts.setdefault(part, [])
        path = results / file
        if not os.path.lexists(path):
            wrong.append(f"{printable(file)} is missing")
        elif not is_file(path):
            wrong.append(f"{printable(file)} is no regular file")
        else:
            try:
                if file_digest(path) != digest:
                    wrong.append(f"{printable(file)} has other content")
            except OSError as error:
                wrong.append(f"{printable(file)} cannot be read: {error.strerror}")
    return parts


def _part(file: str, panels: set[str]) -> str | None:
    """Return the part that a file belongs to, None if the manifest of a panel answers for it."""
    first, _, rest = file.partition("/")
    second = rest.partition("/")[0]
    if first == "tidy":
        return f"tidy/{second}"
    if first in ("panels", "real") and "/methods/" in rest:
        return f"{first}/{second}/methods"
    if first == "panels":
        return None if second in panels else f"panels/{second}"
    if first == "solutions":
        models = {panel.rpartition("_")[0] for panel in panels}
        return None if second.partition(".")[0] in models else first
    return first if first in ("leaderboard", "report") else None


# --- strays ---------------------------------------------------------------------------------------


def _strays(results: Path, panels: set[str], recorded: dict[str, str]) -> Iterator[str]:
    """Yield a phrase for everything that no job made: copies, links, leftovers of killed jobs."""
    known = {*recorded, *(f"{panel}{end}" for panel in panels for end in (MANIFEST, BUNDLE))}
    for panel in panels:
        try:
            listed = read_json(results / f"{panel}{MANIFEST}").get("files", {})
        except DataError:
            continue
        known |= {f"panels/{panel}/{name}.parquet" for name in listed}
    models = {panel.rpartition("_")[0] for panel in panels}
    known |= {f"solutions/{model}.{end}" for model in models for end in ("npz", "json")}
    folders = {str(parent) for file in known for parent in Path(file).parents}
    top = {*PARTS_OF_RESULTS, "README.md"}
    for entry in sorted(results.iterdir()):
        if entry.name in FOLDERS and not entry.is_symlink() and entry.is_dir():
            yield from _strays_below(results, entry, known, folders)
        elif entry.name not in top | known:
            yield _stray(results, entry)


def _strays_below(results: Path, top: Path, known: set[str], folders: set[str]) -> Iterator[str]:
    for where, inside, files in os.walk(top):
        here = Path(where)
        for name in sorted(inside):
            folder = here / name
            if folder.is_symlink() or str(folder.relative_to(results)) not in folders:
                inside.remove(name)
                yield _stray(results, folder)
        for name in sorted(files):
            if str((here / name).relative_to(results)) not in known:
                yield _stray(results, here / name)


def _stray(results: Path, path: Path) -> str:
    name = shortened(ascii(str(path.relative_to(results)))[1:-1], 200)
    if path.name.startswith(".") and path.name.endswith(TEMPORARY):
        return f"{name}: a temporary file of a job that was killed; the next run of it removes it"
    kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "a file"
    return f"{name}: {kind} that no job made"
