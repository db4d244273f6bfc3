"""What a manifest is good for: check the files of a panel, and make the panel again."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError, DataError
from truepremia.files.formats import read_json
from truepremia.files.provenance import file_digest, library_versions, package_digest
from truepremia.files.restricted_pickle import read_bundle
from truepremia.files.results import panel_files

ROOT = Path(__file__).resolve().parents[3]
"""The repository folder, which holds the Snakefile."""

SUFFIX = "_manifest.json"

FACTS = ("model", "index", "code")
"""Entries of a manifest's configuration that are not keys of ``config/config.yaml``."""


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


def verify(results: Path) -> dict[str, list[str]]:
    """Check every panel in a results folder against its manifest.

    Returns
    -------
    dict of str to list of str
        What is wrong, by panel; an empty list if nothing is.

    Raises
    ------
    DataError
        If there is no panel.
    """
    panels = {path.name.removesuffix(SUFFIX) for path in results.glob(f"*{SUFFIX}")}
    panels |= {path.name.removesuffix("_fama.pkl") for path in results.glob("*_fama.pkl")}
    panels |= {path.name for path in results.glob("panels/*")}
    if not panels:
        raise DataError(f"{results} holds no panel; name a folder that snakemake built")
    return {panel_id: _faults(results, panel_id) for panel_id in sorted(panels, key=_by_index)}


def _by_index(panel_id: str) -> tuple[str, int, str]:
    model, _, index = panel_id.rpartition("_")
    return model, int(index) if index.isdecimal() else -1, panel_id


def _faults(results: Path, panel_id: str) -> list[str]:
    path = results / f"{panel_id}{SUFFIX}"
    if not path.is_file():
        return [f"{path.name} is missing"]
    try:
        manifest = read_manifest(path)
        if manifest["panel_id"] != panel_id:
            return [f"{path.name} is the manifest of {manifest['panel_id']}"]
        faults = differences(manifest, results)
        if not faults:
            bundle = read_bundle(results / f"{panel_id}_fama.pkl")
            if bundle.get("panel_id") != panel_id:
                faults = [f"{panel_id}_fama.pkl is the bundle of {bundle.get('panel_id')}"]
    except DataError as error:
        return [str(error)]
    return faults


def reproduce(path: Path, folder: Path, cores: int) -> list[str]:
    """Build the panel of a manifest again and compare every file.

    Parameters
    ----------
    path : path
        The manifest; nothing else of the first run is read.
    folder : path
        Where to build; made here.
    cores : int
        Processes at a time.

    Returns
    -------
    list of str
        A phrase for every file that differs.

    Raises
    ------
    DataError
        If the manifest cannot be read, or the run fails.
    ConfigError
        If ``folder`` exists, or there is no workflow to run.
    """
    manifest = read_manifest(path)
    if not (ROOT / "Snakefile").is_file():
        raise ConfigError(f"{ROOT} has no Snakefile; install the package with pip install -e .")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; name a folder that can be made") from error
    configuration = _write_configuration(manifest, folder)
    target = f"results/{manifest['panel_id']}{SUFFIX}"
    command = [sys.executable, "-m", "snakemake", target, "--cores", str(cores)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", "."]
    command += ["--configfile", configuration.name]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        raise DataError(f"the run in {folder} failed; the lines above say why")
    return differences(manifest, folder / "results")


def _write_configuration(manifest: Mapping[str, Any], folder: Path) -> Path:
    """Write the configuration and the calibration of a manifest and return the former's path."""
    config = manifest["config"]
    model, index = config["model"], int(config["index"])
    words = {"unit": "as shipped", "meaning": "as shipped", "source": "the manifest"}
    parameters = config.get("calibration", {}).items()
    calibration = {name: {"value": value, **words} for name, value in parameters}
    calibration_file = folder.resolve() / f"{model}.yaml"
    calibration_file.write_text(yaml.safe_dump(calibration), encoding="utf-8")
    keys = {key: value for key, value in config.items() if key not in (*FACTS, "calibration")}
    keys["panels"] = dict.fromkeys(ECONOMIES, 0) | {model: [index]}
    keys |= {"economies": {model: str(calibration_file)}, "results_dir": "results"}
    configuration = folder / "config.yaml"
    configuration.write_text(yaml.safe_dump(keys), encoding="utf-8")
    return configuration


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
