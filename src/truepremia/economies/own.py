"""An economy outside of the repository: a package that describes itself.

``economies: {ccapm: {package: my_economies/ccapm, calibration: my_economies/ccapm.yaml}}``. The
folder is a Python package with the rooms of every economy, whose modules import each other by
relative imports; its ``__init__.py`` holds ``ECONOMY``, the :class:`Economy` that the registry
would list. It is loaded where a configuration is checked and in every job that needs it.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from truepremia.economies.contract import Economy
from truepremia.economies.registry import ECONOMIES, SHIPPED
from truepremia.errors import ConfigError
from truepremia.outside import is_file

PREFIX = "truepremia_own_"
"""Own packages are imported under this name and their own, so that they hide no other module."""

ROOMS = ("parameters", "solution", "simulation", "conditional", "certificate")
"""Modules that an economy must have; ``census`` and ``solution_plot`` may be there."""


def use_own(packages: Mapping[str, str | Path]) -> None:
    """Make the registry hold the shipped economies and those of ``packages``, no others.

    Parameters
    ----------
    packages : mapping of str to path
        Folder of each package by the name of its economy.

    Raises
    ------
    ConfigError
        If a package cannot be loaded or does not describe the economy.
    """
    for name in [name for name in ECONOMIES if name not in SHIPPED]:
        del ECONOMIES[name]
    for name, folder in packages.items():
        ECONOMIES[name] = own_economy(name, Path(folder))


def own_economy(name: str, folder: Path) -> Economy:
    """Return the economy that the package in ``folder`` describes.

    Raises
    ------
    ConfigError
        Naming what is missing or wrong.
    """
    said = f"economies.{name}.package is {folder}"
    if name in SHIPPED:
        raise ConfigError(f"{said}: {name} is an economy of truepremia; choose another name")
    missing = [m for m in ("__init__", *ROOMS) if not is_file(folder / f"{m}.py")]
    if missing:
        raise ConfigError(f"{said}: it has no {missing[0]}.py; add it or correct the path")
    try:
        described = getattr(_loaded(name, folder), "ECONOMY", None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit is one
        raise ConfigError(f"{said}: importing it fails: {error!r}; correct the code") from error
    if not isinstance(described, Economy) or described.name != name:
        raise ConfigError(
            f"{said}: its __init__.py must set ECONOMY = Economy(name={name!r}, ...), found "
            f"{described!r}"
        )
    return replace(described, package=f"{PREFIX}{name}")


def _loaded(name: str, folder: Path) -> ModuleType:
    """Import the package afresh: what an earlier one of this name left behind is dropped."""
    full = f"{PREFIX}{name}"
    for old in [m for m in sys.modules if m == full or m.startswith(f"{full}.")]:
        del sys.modules[old]
    places = [str(folder.resolve())]
    spec = spec_from_file_location(full, folder / "__init__.py", submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} is no Python package")
    module = module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module
