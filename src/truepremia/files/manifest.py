"""The manifest of a panel: what is needed to trust it and to make it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from truepremia.economies.contract import SHARPE_ROUNDING
from truepremia.economies.own import use_own
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import DataError
from truepremia.files.formats import TableFile, read_json
from truepremia.files.provenance import (
    file_digest,
    git_commit,
    library_versions,
    package_digest,
    processor,
)
from truepremia.files.results import panel_files

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
    return {
        "panel_id": panel_id,
        "config": dict(settings),
        "versions": library_versions(),
        "processor": processor(),
        "source_digest": package_digest(),
        "git_commit": git_commit(),
        "accuracy": dict(certificates),
        "files": {name: _entry(name, panel_id, Path(path)) for name, path in files.items()},
    }


def _entry(name: str, panel_id: str, path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        entry["rows"] = TableFile(path, name, panel_id).rows
    return entry


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    DataError
        If the file cannot be read, or is not the manifest of a panel of a known economy.
    """
    content = read_json(path)
    config = content.get("config")
    sections = (config, content.get("files"), content.get("versions"))
    if not all(isinstance(section, dict) for section in sections) or not isinstance(config, dict):
        raise DataError(f"{path} is not a manifest: it needs config, files and versions")
    if isinstance(config.get("packages"), dict):
        use_own(config["packages"])
    model, index = config.get("model"), str(config.get("index"))
    expected = f"{model}_{int(index)}" if index.isdecimal() else None
    if model not in ECONOMIES or content.get("panel_id") != expected:
        raise DataError(
            f"{path} is the manifest of panel {content.get('panel_id')!r}, model {model!r}, "
            f"index {index!r}: must be a panel of {', '.join(ECONOMIES)}"
        )
    return content


def differences(manifest: Mapping[str, Any], results: Path) -> list[str]:
    """Return a phrase for every file in ``results`` that is not as the manifest says.

    Parameters
    ----------
    manifest : mapping
        What :func:`read_manifest` returned.
    results : path
        Folder of the results.
    """
    phrases = []
    listed = manifest["files"]
    for name, file in panel_files(manifest["panel_id"]).items():
        path = results / file
        entry = listed.get(name)
        if not isinstance(entry, dict):
            phrases.append(f"{file} is not in the manifest")
        elif not path.is_file():
            phrases.append(f"{file} is missing")
        elif path.stat().st_size != entry.get("bytes"):
            phrases.append(f"{file} has {path.stat().st_size} bytes, not {entry.get('bytes')}")
        elif file_digest(path) != entry.get("sha256"):
            phrases.append(f"{file} has other content")
    return phrases


def other_circumstances(manifest: Mapping[str, Any]) -> list[str]:
    """Return a phrase for everything behind a panel that is not the same here."""
    there, here = manifest["versions"], library_versions()
    phrases = [
        f"{name} {there.get(name)} there, {here.get(name)} here"
        for name in sorted(there | here)
        if there.get(name) != here.get(name)
    ]
    if manifest.get("source_digest") != package_digest():
        phrases.append(f"another source of this package (commit {manifest.get('git_commit')})")
    return phrases
