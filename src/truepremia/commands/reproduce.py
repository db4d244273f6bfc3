"""Make a panel again from its manifest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from truepremia.commands.run import Order, require_cores, run
from truepremia.economies.registry import SHIPPED
from truepremia.errors import ConfigError, DataError
from truepremia.files.comparison import largest_difference
from truepremia.files.manifest import differences, files_behind, read_manifest
from truepremia.files.provenance import processor
from truepremia.files.results import BUNDLE, MANIFEST
from truepremia.workflow.place import ROOT

OF_A_PANEL = (
    *("seed", "firms", "months", "burnin", "undefined_growth", "window", "alphas", "empty_cells"),
    "model_factor_weights",
)
"""Keys of ``config/config.yaml`` that decide the bytes of a panel."""

ROUNDING = 1e-9
"""Largest difference, relative to a column's largest value, that another processor's rounding
makes: docs/conventions.md."""

A_MANIFEST = "name a manifest that a run wrote, such as results/bgn_0_manifest.json"


def manifest_of(path: Path) -> Path:
    """Return the manifest of a panel whose bundle or manifest is named."""
    panel_id = path.name.removesuffix(BUNDLE)
    return path if panel_id == path.name else path.with_name(panel_id + MANIFEST)


def reproduce(
    path: Path, folder: Path, cores: int, package: Path | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """Build the panel of a manifest again and compare every file.

    Parameters
    ----------
    path : path
        The manifest. Of the first run nothing else is needed; where its files lie beside it and
        are as it says, those that differ are compared number by number.
    folder : path
        Where to build; made here.
    cores : int
        Processes at a time.
    package : path, optional
        Code of an economy of one's own. A manifest may come from anyone, so the folder that it
        names is never loaded.

    Returns
    -------
    dict of str to str
        A phrase for every file that differs, by file,
    dict of str to str
        and for every one that is equal up to what another processor's rounding may do.

    Raises
    ------
    DataError
        If the manifest cannot be read, or the run fails.
    ConfigError
        If ``folder`` exists, or there is no workflow to run, or an option is wrong.
    """
    require_cores(cores)
    manifest = read_manifest(path, A_MANIFEST)
    own = _own_package(manifest, package)
    if not (ROOT / "Snakefile").is_file():
        raise ConfigError(f"{ROOT} has no Snakefile; install the package with pip install -e .")
    if not _is_text(str(folder.absolute())):
        raise ConfigError(
            f"{folder.absolute()}: its name is not text in UTF-8, in which the configuration "
            "names it; give another folder: --into FOLDER"
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; name a folder that can be made") from error
    configuration = _write_configuration(manifest, folder, own)
    target = f"results/{manifest['panel_id']}{MANIFEST}"
    order = Order([target], str(cores), [configuration.absolute()])
    if run(order, folder):
        raise DataError(f"the run in {folder} failed; the lines above say why")
    phrases = differences(manifest, folder / "results")
    alike = {}
    if manifest.get("processor") not in (None, processor()):
        before = {*files_behind(manifest).values()} - {*differences(manifest, path.parent)}
        for file in sorted({*phrases} & before):
            apart = largest_difference(path.parent / file, folder / "results" / file)
            if apart <= ROUNDING:
                del phrases[file]
                alike[file] = f"{file} is equal to {max(apart, 1e-12):.0e}, other processor"
    return phrases, alike


def _own_package(manifest: Mapping[str, Any], package: Path | None) -> str | None:
    model = manifest["config"]["model"]
    said = manifest["config"].get("packages", {}).get(model)
    if model in SHIPPED:
        if package is not None:
            raise ConfigError(f"--package: {model} is an economy of truepremia and needs none")
        return None
    if package is None:
        raise ConfigError(
            f"{manifest['panel_id']} is of an economy whose code was in {said}; if you trust a "
            "folder with that code, name it: --package FOLDER"
        )
    return str(package.resolve())


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _write_configuration(manifest: Mapping[str, Any], folder: Path, own: str | None) -> Path:
    """Write the configuration and the calibration of a manifest and return the former's path."""
    config = manifest["config"]
    model, index = config["model"], int(config["index"])
    words = {"unit": "as shipped", "meaning": "as shipped", "source": "the manifest"}
    given = config.get("calibration", {})
    if not isinstance(given, dict):
        raise DataError("the manifest's calibration must be a mapping of parameters to numbers")
    parameters = given.items()
    calibration = {name: {"value": value, **words} for name, value in parameters}
    calibration_file = folder.resolve() / f"{model}.yaml"
    calibration_file.write_text(yaml.safe_dump(calibration), encoding="utf-8")
    # Only what makes a panel: paths, stores and methods of a stranger are none of it.
    keys = {key: value for key, value in config.items() if key in OF_A_PANEL}
    keys["panels"] = dict.fromkeys(SHIPPED, 0) | {model: [index]}
    file = str(calibration_file)
    chosen = {"package": own, "calibration": file} if own else file
    keys |= {"economies": {model: chosen}, "results_dir": "results"}
    configuration = folder / "config.yaml"
    configuration.write_text(yaml.safe_dump(keys), encoding="utf-8")
    return configuration
