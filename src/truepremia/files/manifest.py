"""The manifest of a panel: what is needed to trust it and to make it again."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from truepremia.economies.contract import SHARPE_ROUNDING
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import DataError, shortened
from truepremia.files.formats import TableFile, read_json
from truepremia.files.provenance import (
    git_commit,
    library_versions,
    package_digest,
    processor,
)
from truepremia.files.results import BUNDLE, MANIFEST, panel_files
from truepremia.outside import file_digest, require_regular

SEAL = "manifest_sha256"
"""Entry of a manifest that holds the digest of all its others."""

FACTS = ("model", "index", "code", "packages")
"""Entries of a manifest's configuration that are not keys of ``config/config.yaml``."""


def certificates(sdf: str | Path, panel_id: str, diagnostics: str | Path) -> dict[str, float]:
    """Return how accurate a panel is.

    Parameters
    ----------
    sdf : path
        The table of maximal Sharpe ratios and Euler errors.
    panel_id : str
    diagnostics : path
        The solution's diagnostics, which hold the bound on Sharpe ratios.
    """
    months = TableFile(sdf, "sdf", panel_id).read()
    bound = float(read_json(diagnostics)["sharpe_bound"])
    highest = float(months["max_sr"].max())
    margin = bound - highest
    if -SHARPE_ROUNDING <= margin < 0:  # at the bound, up to rounding
        margin = 0.0
    return {
        "largest_euler_error": float(months["euler_error"].max()),
        "largest_max_sharpe": highest,
        "sharpe_bound": bound,
        "sharpe_bound_margin": margin,
    }


def manifest(
    panel_id: str,
    settings: Mapping[str, Any],
    files: Mapping[str, str | Path],
    certificates: Mapping[str, float],
) -> dict[str, Any]:
    """Return what is needed to trust a panel and to make it again.

    Parameters
    ----------
    panel_id : str
    settings : mapping
        The configuration of the panel.
    files : mapping of str to path
        Every file of the panel but this one by name, hashed and, for tables, counted.
    certificates : mapping of str to float
        How accurate the panel is.
    """
    content = {
        "panel_id": panel_id,
        "config": dict(settings),
        "versions": library_versions(),
        "processor": processor(),
        "source_digest": package_digest(),
        "git_commit": git_commit(),
        "accuracy": dict(certificates),
        "files": {name: _entry(name, panel_id, Path(path)) for name, path in files.items()},
    }
    return content | {SEAL: own_digest(content)}


def _entry(name: str, panel_id: str, path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        entry["rows"] = TableFile(path, name, panel_id).rows
    return entry


def read_manifest(path: str | Path, remedy: str | None = None) -> dict[str, Any]:
    """Read a manifest; nothing that it names is opened or run.

    Parameters
    ----------
    path : path
    remedy : str, optional
        What to do about one that is missing or damaged, as in
        :func:`~truepremia.files.formats.reading`.

    Raises
    ------
    DataError
        If the file cannot be read, or is not the manifest of a panel.
    """
    content = read_json(path, remedy)
    wrong = _first_fault(content)
    if wrong:
        raise DataError(f"{path} is not a manifest: {wrong}")
    config = content["config"]
    model, index = config.get("model"), str(config.get("index"))
    named = isinstance(model, str) and _NAME.fullmatch(model) and _INDEX.fullmatch(index)
    known = named and (model in ECONOMIES or model in config.get("packages", {}))
    if not known or content.get("panel_id") != f"{model}_{index}":
        shown = shortened(str(content.get("panel_id")), 60)
        raise DataError(
            f"{path} is the manifest of panel {shown!r}, model {shortened(str(model), 60)!r}, "
            f"index {shortened(index, 60)!r}: must be a panel of {', '.join(ECONOMIES)}, or of an "
            "economy whose package it names"
        )
    return content


def _first_fault(content: Mapping[str, Any]) -> str | None:
    """Return what in a manifest has another type than it must have."""
    for key in ("config", "files", "versions"):
        if not isinstance(content.get(key), dict):
            return "it needs config, files and versions"
    if not all(isinstance(value, str) for value in content["versions"].values()):
        return "versions must be texts"
    for key in ("processor", "accuracy"):
        if not isinstance(content.get(key, {}), dict):
            return f"{key} must be a mapping"
    packages = content["config"].get("packages", {})
    if not isinstance(packages, dict) or not all(isinstance(p, str) for p in packages.values()):
        return "packages must be a mapping of economies to folders"
    for name, entry in content["files"].items():
        if not _NAME.fullmatch(name) or not isinstance(entry, dict):
            return f"its file {shortened(name, 60)!r} is none of a panel"
        if not isinstance(entry.get("sha256"), str) or type(entry.get("bytes")) is not int:
            return f"its file {name} needs sha256 and bytes"
    return None


_NAME, _INDEX = re.compile("[a-z][a-z0-9_]{0,59}"), re.compile("0|[1-9][0-9]{0,17}")
_LEAST = ("bundle", "solution", "diagnostics", "panel", "aggregates", "states", "moments", "sdf")


def own_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of everything that a manifest says, but this digest."""
    rest = {key: value for key, value in content.items() if key != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def files_behind(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the files of a manifest's panel by name, relative to the results.

    Those of an economy of one's own follow from the names in the manifest, so that its code is
    not run to look at its results; no name leads out of the folder.
    """
    panel_id, model = manifest["panel_id"], manifest["config"]["model"]
    if model in ECONOMIES:
        return panel_files(panel_id)
    others = {
        "bundle": f"{panel_id}{BUNDLE}",
        "solution": f"solutions/{model}.npz",
        "diagnostics": f"solutions/{model}.json",
    }
    names = dict.fromkeys((*_LEAST, *manifest["files"]))
    return {n: others.get(n, f"panels/{panel_id}/{n}.parquet") for n in names}


def require_sealed(bundle: Path) -> None:
    """Refuse a bundle that is not the one of the manifest beside it, if there is a sound one.

    Raises
    ------
    DataError
        If its bytes are others.
    """
    if not bundle.name.endswith(BUNDLE):
        return
    panel_id = bundle.name.removesuffix(BUNDLE)
    try:
        manifest = read_manifest(bundle.with_name(f"{panel_id}{MANIFEST}"))
    except DataError:
        return
    if manifest["panel_id"] == panel_id and "bundle" in manifest["files"]:
        wrong = _difference(bundle, manifest["files"]["bundle"])
        if wrong:
            raise DataError(
                f"{bundle} {wrong}: it is not the bundle of the manifest beside it; delete it and "
                "run the workflow that built it again"
            )


def differences(manifest: Mapping[str, Any], results: Path) -> dict[str, str]:
    """Return a phrase for every file in ``results`` that is not as the manifest says.

    Parameters
    ----------
    manifest : mapping
        What :func:`read_manifest` returned.
    results : path
        Folder of the results.

    Returns
    -------
    dict of str to str
        Phrases by file, relative to the results.
    """
    phrases = {}
    for name, file in files_behind(manifest).items():
        entry = manifest["files"].get(name)
        if entry is None:
            phrases[file] = f"{file} is not in the manifest"
        else:
            wrong = _difference(results / file, entry)
            if wrong:
                phrases[file] = f"{file} {wrong}"
    return phrases


def _difference(path: Path, entry: Mapping[str, Any]) -> str | None:
    if not os.path.lexists(path):
        return "is missing"
    try:
        size = require_regular(path).st_size
        if size != entry["bytes"]:
            return f"has {size} bytes, not {entry['bytes']}"
        return None if file_digest(path) == entry["sha256"] else "has other content"
    except (DataError, OSError) as error:
        return f"cannot be read: {error}"


def other_circumstances(manifest: Mapping[str, Any]) -> list[str]:
    """Return a phrase for everything behind a panel that is not the same here."""
    phrases = _apart(manifest["versions"], library_versions())
    if manifest.get("source_digest") != package_digest():
        phrases.append(f"another source of this package (commit {manifest.get('git_commit')})")
    known = manifest.get("processor", {})
    apart = _apart(known, processor()) if known else []
    if apart:
        phrases.append(f"other processor ({'; '.join(apart)})")
    return phrases


def _apart(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Return a phrase for every entry that is not the same in two mappings."""
    return [
        f"{name} {there.get(name, 'not said')} there, {here.get(name, 'not said')} here"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]
