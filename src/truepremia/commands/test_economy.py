"""The command ``test-economy``: accuracy tests and a miniature workflow of an own economy."""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import yaml

from truepremia.commands.run import Order, require_cores, run
from truepremia.economies.registry import ECONOMIES, SHIPPED
from truepremia.errors import ConfigError, DataError, TruepremiaError
from truepremia.outside import words_of
from truepremia.panel import Panel
from truepremia.seeds import Streams
from truepremia.workflow.config import RunConfig, load_config_file
from truepremia.workflow.documents import read_yaml
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
    chosen["calibration"] = str(calibration.resolve())
    with tempfile.TemporaryDirectory() as folder:
        _try(name, load_config_file(_overlay(name, chosen, Path(folder)), ROOT))
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
        file = _overlay(name, chosen, Path(folder))
        if run(Order(["all", "report"], str(cores), [file]), Path(folder), stays=False):
            raise DataError(f"the workflow of {name} failed; the lines above say why")


def _try(name: str, config: RunConfig) -> None:
    """Walk once through what every test needs, so that what is not there is one line."""
    economy, size = ECONOMIES[name], config.size
    step = "parameters"
    try:
        params = economy.parameters(config.calibrations[name])
        step = "solve"
        solution = economy.solve(params)
        step = "simulate"
        simulation = economy.simulate(solution, size, Streams(config.seed, name, 0), "zero")
        panel = Panel.collect(economy.layout, simulation)
        step = "states"
        states = economy.states(solution, panel.aggregates, panel.states, size.firms)
        state = next(iter(states))
        step = "moments"
        economy.moments(solution, state)
        step = "euler_errors"
        economy.euler_errors(solution, state)
    except TruepremiaError as error:
        raise DataError(f"{name}: {step}: {error}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in the economy is one
        frames = traceback.extract_tb(error.__traceback__)
        frame = [f for f in frames if not f.filename.startswith("<")][-1]
        raise DataError(
            f"{name}: {step} raised {words_of(error)} ({frame.filename}, line {frame.lineno}); "
            "correct the code"
        ) from error


def _overlay(name: str, chosen: dict[str, str], folder: Path) -> Path:
    """Write the configuration of a small panel of the economy."""
    economies = {name: {key: chosen[key] for key in ("package", "calibration")}}
    shipped = read_yaml(ROOT / "config" / "config.yaml")
    # No method is judged here, and not every one can be on every economy's characteristics.
    off = dict.fromkeys(shipped["methods"], False)
    reference = shipped["leaderboard"]["reference"]
    overlay: dict[str, Any] = {
        **SMALL,
        "panels": {**dict.fromkeys(SHIPPED, 0), name: 1},
        "economies": economies,
        "methods": {**off, reference: {"kind": reference}},
        "tidy": {"stores": {"demo": False}, "published_data": False},
    }
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return file
