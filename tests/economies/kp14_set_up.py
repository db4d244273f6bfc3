"""The shipped calibration of the Kogan-Papanikolaou economy, solved and simulated for tests."""

from pathlib import Path

import yaml

from truepremia.economies.registry import ECONOMIES
from truepremia.panel import Panel, Size
from truepremia.seeds import Streams

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load((ROOT / "config/economies/kp14.yaml").read_text(encoding="utf-8"))
CALIBRATION = {name: entry["value"] for name, entry in ENTRIES.items()}
CALM = {"firm_volatility": 0.02, "project_volatility": 0.15}
KP14 = ECONOMIES["kp14"]


def solved(**changes):
    return KP14.solve(KP14.parameters({**CALIBRATION, **changes}))


def panel_of(solution, firms, months, burnin=300, seed=1, **options):
    size = Size(firms, months, burnin)
    simulation = KP14.simulate(solution, size, Streams(seed, "kp14", 0), **options)
    return Panel.collect(KP14.layout, simulation)


def states_of(solution, panel):
    return list(KP14.states(solution, panel.aggregates, panel.states, panel["xret"].shape[1]))
