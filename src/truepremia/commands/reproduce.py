"""Make a panel again from its manifest."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError, DataError
from truepremia.files.manifest import FACTS, differences, read_manifest
from truepremia.files.results import MANIFEST
from truepremia.workflow.place import ROOT


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
    target = f"results/{manifest['panel_id']}{MANIFEST}"
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
    own = config.get("packages", {}).get(model)
    file = str(calibration_file)
    chosen = {"package": own, "calibration": file} if own else file
    keys |= {"economies": {model: chosen}, "results_dir": "results"}
    configuration = folder / "config.yaml"
    configuration.write_text(yaml.safe_dump(keys), encoding="utf-8")
    return configuration
