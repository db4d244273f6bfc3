"""Measure CPU time, wall time and peak memory of every stage, and growth in the number of firms.

Each stage runs as it does in the workflow, its script in a process of its own, with Python's
start and imports included and the workflow engine excluded:

    python benchmarks/stages.py            one panel of every economy at the configured size
    python benchmarks/stages.py --growth   simulation and one month's moments by number of firms
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.config import load_config_file  # noqa: E402
from truepremia.economies import ECONOMIES, economy  # noqa: E402
from truepremia.panel import Panel, Size  # noqa: E402
from truepremia.seeds import Streams  # noqa: E402
from truepremia.workflow import Workflow  # noqa: E402

RUN_SCRIPT = """
import json, runpy, sys
class Files(dict):
    __getattr__ = dict.__getitem__
job = json.loads(sys.argv[2])
named = {k: Files(v) if isinstance(v, dict) else v for k, v in job.items()}
runpy.run_path(sys.argv[1], init_globals={"snakemake": Files(named)})
"""


def main() -> None:
    """Print the chosen measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--growth", action="store_true", help="growth in the number of firms")
    parser.add_argument("--models", nargs="+", default=list(ECONOMIES), help="economies")
    arguments = parser.parse_args()
    os.environ.update(OPENBLAS_NUM_THREADS="1", PYTHONPATH=str(ROOT / "src"))
    for model in arguments.models:
        measure_growth(model) if arguments.growth else measure_stages(model)


def measure_stages(model: str) -> None:
    """Run all stages of panel 0 of ``model`` and print a table."""
    config = load_config_file(ROOT / "config" / "config.yaml")
    size = config.size
    print(f"\n{model}: {size.firms} firms, {size.months} months after {size.burnin}")
    print(f"{'stage':38s} {'CPU s':>7s} {'wall s':>7s} {'peak MB':>8s}")
    total = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for label, rule, job in stage_jobs(Workflow(config, ROOT), model, Path(folder)):
            cpu, wall, peak = run(ROOT / "scripts" / f"{rule}.py", job)
            total += cpu
            print(f"{label:38s} {cpu:7.2f} {wall:7.2f} {peak:8.0f}")
    print(f"{'total':38s} {total:7.2f}")
    start = run(None, {})[0]
    print(f"{'of which Python and numpy start, a job':38s} {start:7.2f}")


def stage_jobs(workflow: Workflow, model: str, folder: Path):
    """Yield (label, rule, job) of every job of one panel, in a valid order."""
    loadings = ECONOMIES[model].loadings
    tables = ("panel", "aggregates", "states", "moments", "sdf", "fama_stats", "model_stats")
    path = {name: str(folder / f"{name}.parquet") for name in tables}
    path |= {f"{m}_returns": str(folder / f"{m}_returns.parquet") for m in ("ff", "fm")}
    for kind in ("model_premia", "latent"):
        path |= {f"{kind}_{name}": str(folder / f"{kind}_{name}.parquet") for name in loadings}
    path |= {
        "solution": str(folder / "solution.npz"),
        "diagnostics": str(folder / "solution.json"),
        "bundle": str(folder / "bundle.pkl"),
        "manifest": str(folder / "manifest.json"),
    }
    latent = [f"latent_{name}" for name in loadings]
    premia = [f"model_premia_{name}" for name in loadings]
    results = ["ff_returns", "fm_returns", "fama_stats", "model_stats", *premia, *latent]

    def job(rule, inputs, outputs, rename=None, **wildcards):
        wildcards = {"model": model, **wildcards}
        settings = workflow.settings(rule, wildcards)
        name = {key: key for key in [*inputs, *outputs]} | (rename or {})
        label = " ".join([rule, *wildcards.values()])
        return (
            label,
            rule,
            {
                "rule": rule,
                "params": {"stage": json.dumps(settings)},
                "input": {name[key]: path[key] for key in inputs},
                "output": {name[key]: path[key] for key in outputs},
                "log": [str(folder / f"{label}.log")],
            },
        )

    simulated = ["panel", "aggregates", "states"]
    yield job("solve_economy", [], ["solution", "diagnostics"])
    yield job("simulate_panel", ["solution"], simulated, index="0")
    yield job("compute_moments", ["solution", *simulated], ["moments", "sdf"], index="0")
    for method in ("ff", "fm"):
        made = f"{method}_returns"
        yield job("build_factors", ["panel"], [made], {made: "returns"}, index="0", method=method)
    for name in loadings:
        made = [f"model_premia_{name}", f"latent_{name}"]
        rename = dict(zip(made, ["premia", "latent"], strict=True))
        yield job("extract_model_premia", ["panel"], made, rename, index="0", loading=name)
    rename = {"ff_returns": "ff", "fm_returns": "fm"}
    inputs = ["panel", "moments", "ff_returns", "fm_returns", *latent]
    yield job("portfolio_stats", inputs, ["fama_stats", "model_stats"], rename, index="0")
    inputs = [*results, *simulated, "moments", "sdf", "diagnostics"]
    yield job("bundle_panel", inputs, ["bundle", "manifest"], index="0")


def run(script: Path | None, job: dict) -> tuple[float, float, float]:
    """Run a script in a new process and return CPU seconds, wall seconds and peak MB."""
    code = RUN_SCRIPT if script else "import truepremia.store"
    started = time.monotonic()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code, str(script), json.dumps(job)],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0o600)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{script} failed; its log has the reason")
    wall = time.monotonic() - started
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def measure_growth(model: str) -> None:
    """Print CPU time of simulation and of one month's moments by number of firms."""
    config = load_config_file(ROOT / "config" / "config.yaml")
    chosen = economy(model)
    solution = chosen.solve(chosen.parameters(config.calibrations[model]))
    size = Size(firms=1000, months=12, burnin=108)
    print(
        f"\n{model}: {size.months} months after {size.burnin}, CPU in microseconds per firm-month"
    )
    print(f"{'firms':>8s} {'simulate':>10s} {'moments':>10s} {'ratio to first':>20s}")
    first = None
    for firms in (1_000, 10_000, 100_000):
        size = Size(firms, size.months, size.burnin)
        started = time.process_time()
        simulation = chosen.simulate(solution, size, Streams(config.seed, model, 0))
        panel = Panel.collect(chosen.layout, simulation)
        simulate = (time.process_time() - started) / (firms * (size.burnin + size.months))
        states = list(chosen.states(solution, panel.aggregates, panel.states, firms))
        started = time.process_time()
        for state in states:
            chosen.moments(solution, state).max_sharpe()
        moments = (time.process_time() - started) / (firms * len(states))
        row = np.array([simulate, moments]) * 1e6
        first = row if first is None else first
        ratio = row / first
        print(f"{firms:8d} {row[0]:10.3f} {row[1]:10.3f} {ratio[0]:10.2f} {ratio[1]:9.2f}")


if __name__ == "__main__":
    main()
