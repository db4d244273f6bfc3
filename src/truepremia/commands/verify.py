"""Check the panels of a results folder against their manifests."""

from pathlib import Path

from truepremia.errors import DataError
from truepremia.files.bundle import read_checked_bundle
from truepremia.files.manifest import differences, read_manifest
from truepremia.files.results import BUNDLE, MANIFEST


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
    panels = {path.name.removesuffix(MANIFEST) for path in results.glob(f"*{MANIFEST}")}
    panels |= {path.name.removesuffix(BUNDLE) for path in results.glob(f"*{BUNDLE}")}
    panels |= {path.name for path in results.glob("panels/*")}
    if not panels:
        raise DataError(f"{results} holds no panel; name a folder that snakemake built")
    return {panel_id: _faults(results, panel_id) for panel_id in sorted(panels, key=_by_index)}


def _by_index(panel_id: str) -> tuple[str, int, str]:
    model, _, index = panel_id.rpartition("_")
    return model, int(index) if index.isdecimal() else -1, panel_id


def _faults(results: Path, panel_id: str) -> list[str]:
    path = results / f"{panel_id}{MANIFEST}"
    if not path.is_file():
        return [f"{path.name} is missing"]
    try:
        manifest = read_manifest(path)
        if manifest["panel_id"] != panel_id:
            return [f"{path.name} is the manifest of {manifest['panel_id']}"]
        faults = differences(manifest, results)
        if not faults:
            bundle = read_checked_bundle(results / f"{panel_id}{BUNDLE}")
            if bundle.get("panel_id") != panel_id:
                faults = [f"{panel_id}_fama.pkl is the bundle of {bundle.get('panel_id')}"]
    except DataError as error:
        return [str(error)]
    return faults
