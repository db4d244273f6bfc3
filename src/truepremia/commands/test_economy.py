"""The command ``test-economy``: accuracy tests and a miniature workflow of an own economy."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from truepremia.commands.run import Order, require_cores, run
from truepremia.economies.own import use_own
from truepremia.economies.registry import SHIPPED
from truepremia.errors import ConfigError, DataError
from truepremia.workflow.place import ROOT

VARIABLE = "TRUEPREMIA_OWN_ECONOMY"
"""Environment variable that tells the tests which economy to run on, as JSON."""

SMALL = {"firms": 60, "months": 84, "burnin": 40, "window": 36, "alphas": [0, 0.01]}


def test_economy(name: str, package: Path, calibration: Path, cores: int) -> None:
    """Run the accuracy tests on an own economy, then a miniature workflow with report.

    Parameters
    ----------
    name : str
    package, calibration : path
        Folder of the package and its calibration file.
    cores : int
        Cores of the workflow.

    Raises
    ------
    ConfigError
        If the package is not an economy.
    DataError
        If a test or the workflow fails; what they print says why.
    """
    require_cores(cores)
    if not calibration.is_file():
        raise ConfigError(f"{calibration}: there is no such file; correct the path")
    chosen = {"name": name, "package": str(package.resolve())}
    use_own({name: package})
    chosen["calibration"] = str(calibration.resolve())
    environment = {**os.environ, VARIABLE: json.dumps(chosen)}
    tests = ROOT / "tests" / "economies" / "test_every_economy.py"
    if not tests.is_file():
        raise ConfigError(
            "the tests of economies are not part of an installed package: run test-economy in a "
            "checkout of the repository, after make run"
        )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise DataError(f"{name} fails tests of every economy; the lines above say which")
    with tempfile.TemporaryDirectory() as folder:
        _run_miniature(name, chosen, Path(folder), cores)


def _run_miniature(name: str, chosen: dict[str, str], folder: Path, cores: int) -> None:
    """Build a small panel of the economy and its report in ``folder``."""
    economies = {name: {key: chosen[key] for key in ("package", "calibration")}}
    overlay: dict[str, Any] = {
        **SMALL,
        "panels": {**dict.fromkeys(SHIPPED, 0), name: 1},
        "economies": economies,
        "tidy": {"stores": {"demo": False}, "published_data": False},
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    if run(Order(["all", "report"], str(cores), [file]), folder):
        raise DataError(f"the workflow of {name} failed; the lines above say why")
