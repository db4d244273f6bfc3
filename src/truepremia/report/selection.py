"""Which panels a report covers: those of one configuration, every other one named."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from truepremia.errors import DataError
from truepremia.files.formats import read_json

Configuration = Mapping[str, Any]

_PANEL_KEYS = ("index", "code")
_MANIFEST = "_manifest.json"
_MOST_NAMED = 3


def configuration(config: Configuration) -> dict[str, Any]:
    """Return what panels must have in common to share a table.

    That is the manifest's ``config`` without the panel's index; calibration values are named
    ``calibration.{name}``.
    """
    shared = {k: v for k, v in config.items() if k not in (*_PANEL_KEYS, "calibration")}
    values = config.get("calibration", {})
    return shared | {f"calibration.{name}": value for name, value in values.items()}


def differences(config: Configuration, wanted: Configuration) -> list[str]:
    """Return every key in which two configurations differ, as "key = value, not value"."""
    has, wants = configuration(config), configuration(wanted)
    keys = sorted({*has, *wants})
    return [f"{k} = {has.get(k)}, not {wants.get(k)}" for k in keys if has.get(k) != wants.get(k)]


def require_one_configuration(configs: Mapping[str, Configuration]) -> None:
    """Refuse panels of different configurations.

    Parameters
    ----------
    configs : mapping of str to mapping
        Configuration of every panel, by panel.

    Raises
    ------
    DataError
        Naming the panels that differ from the first, and in what.
    """
    first = next(iter(configs), "")
    odd = {name: differences(config, configs[first]) for name, config in configs.items()}
    odd = {name: found for name, found in odd.items() if found}
    if odd:
        named = [f"{name} has {'; '.join(found)}" for name, found in odd.items()]
        more = f" and {len(odd) - _MOST_NAMED} more" if len(odd) > _MOST_NAMED else ""
        raise DataError(
            f"panels of different configurations cannot share a table: compared with {first}, "
            f"{', '.join(named[:_MOST_NAMED])}{more}; rebuild them with one configuration, or give "
            "each configuration its own results_dir"
        )


def finished_panels(
    results: str | Path, wanted: Iterable[str], config_of: Callable[[str], Configuration | None]
) -> tuple[list[str], dict[str, str]]:
    """Return the panels of a report, and the others that lie in the results folder.

    Parameters
    ----------
    results : path
        The results folder.
    wanted : iterable of str
        Panels of the run configuration; they are always part of the report.
    config_of : callable
        Takes a panel's name to what its manifest would say under the run configuration, None
        if the run configuration cannot have such a panel.

    Returns
    -------
    included : list of str
        The wanted panels, then the finished ones that have the same configuration.
    left_out : dict of str to str
        The others, with the reason; those of another configuration with the difference.
    """
    included, left_out = list(wanted), {}
    for file in sorted(Path(results).glob(f"*{_MANIFEST}")):
        panel_id = file.name.removesuffix(_MANIFEST)
        if panel_id in included:
            continue
        would_be = config_of(panel_id)
        try:
            manifest = read_json(file)
            config = manifest.get("config", {})
            if not isinstance(config, dict):
                raise DataError(f"{file}: config is no mapping")
        except DataError:
            left_out[panel_id] = "its manifest cannot be read"
            continue
        if manifest.get("panel_id", panel_id) != panel_id:
            left_out[panel_id] = f"its manifest is that of {manifest['panel_id']}"
        elif would_be is None:
            left_out[panel_id] = "it is no panel of a configured economy"
        elif differ := differences(config, would_be):
            left_out[panel_id] = "another configuration, " + "; ".join(differ)
        else:
            included.append(panel_id)
    return included, left_out
