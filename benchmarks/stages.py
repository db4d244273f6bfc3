"""CPU time, wall time, peak memory and bytes on disk of every stage.

Each stage runs as it does in the workflow, its script in a process of its own, with Python's
start and imports included and the workflow engine excluded:

    python benchmarks/stages.py                                 panels of the configured size
    python benchmarks/stages.py --firms 10000 --months 120      another size
    python benchmarks/stages.py --methods                       and all configured methods
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.economies.registry import ECONOMIES  # noqa: E402
from truepremia.panel import Size  # noqa: E402
from truepremia.parallel import FOR_JOBS  # noqa: E402
from truepremia.workflow.config import RunConfig, load_config_file  # noqa: E402
from truepremia.workflow.stages import Workflow  # noqa: E402

RUN_SCRIPT = """
import json, sys
from truepremia.workflow.warm import run_script
run_script(sys.argv[1], json.loads(sys.argv[2]))
"""


@dataclass(frozen=True)
class Cost:
    """What one job took: CPU and wall seconds, peak MB, MB written."""

    label: str
    cpu: float
    wall: float
    peak: float
    written: float


def main() -> None:
    """Print a table for every chosen economy and size."""
    config = load_config_file(ROOT / "config" / "config.yaml")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(ECONOMIES), help="economies")
    parser.add_argument("--firms", nargs="+", type=int, default=[config.size.firms])
    parser.add_argument("--months", type=int, default=config.size.months)
    parser.add_argument("--methods", action="store_true", help="judge the configured methods too")
    parser.add_argument("--folder", type=Path, help="keep the files of the last panel here")
    arguments = parser.parse_args()
    for model in arguments.models:
        for firms in arguments.firms:
            sized = resized(config, firms, arguments.months)
            costs = panel_costs(sized, model, arguments.folder, arguments.methods)
            print("\n".join(["", heading(model, sized.size), *table(costs)]))
    print(f"\nof which Python and numpy start, a job: {run(None, {}).cpu:.2f} CPU s")


def resized(config: RunConfig, firms: int, months: int) -> RunConfig:
    """Return the configuration at another size; the window stays shorter than the panel."""
    window = min(config.window, max(2, months // 2))
    return replace(config, size=Size(firms, months, config.size.burnin), window=window)


def heading(model: str, size: Size) -> str:
    """Return the title of one panel's table."""
    return f"{model}: {size.firms:,} firms, {size.months} months after {size.burnin}"


def table(costs: list[Cost]) -> list[str]:
    """Return the lines of a Markdown table of one panel's jobs."""
    total = Cost(
        "total",
        sum(c.cpu for c in costs),
        sum(c.wall for c in costs),
        max(c.peak for c in costs),
        sum(c.written for c in costs),
    )
    rows = (
        f"| {c.label} | {c.cpu:.2f} | {c.wall:.2f} | {c.peak:.0f} | {c.written:.1f} |"
        for c in [*costs, total]
    )
    return ["| job | CPU s | wall s | peak MB | MB on disk |", "|---|---|---|---|---|", *rows]


def panel_costs(
    config: RunConfig, model: str, folder: Path | None = None, methods: bool = False
) -> list[Cost]:
    """Run all stages of panel 0 of ``model``, in ``folder`` or in a temporary one.

    With ``methods`` the configured methods are judged on it too.
    """
    workflow = Workflow(config, ROOT)
    with tempfile.TemporaryDirectory() as temporary:
        kept = folder or Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        jobs = stage_jobs(workflow, model, kept)
        if methods:
            jobs = chain(jobs, method_jobs(workflow, model, kept))
        return [
            replace(run(ROOT / "scripts" / f"{rule}.py", job), label=label)
            for label, rule, job in jobs
        ]


Job = tuple[str, str, dict]
"""Label, rule, and what the rule's script reads from its ``snakemake`` object."""


def described(workflow: Workflow, folder: Path, rule: str, inputs, outputs, **wildcards) -> Job:
    """Return a job; ``inputs`` and ``outputs`` are names of the rule's files and their paths."""
    label = " ".join([rule, *wildcards.values()])
    description = {
        "rule": rule,
        "params": {"stage": json.dumps(workflow.settings(rule, wildcards))},
        "input": inputs,
        "output": outputs,
        "log": [str(folder / "logs" / rule / f"{label}.log")],
        "threads": 1,
    }
    return label, rule, description


def method_jobs(workflow: Workflow, model: str, folder: Path) -> Iterator[Job]:
    """Yield the job of every configured method on one panel."""
    inputs = {n: str(folder / f"{n}.parquet") for n in ("panel", "aggregates", "moments")}
    for method in workflow.config.methods_of(model):
        outputs = {n: str(folder / f"{method}_{n}.parquet") for n in ("returns", "stats")}
        wildcards = {"model": model, "index": "0", "method": method}
        yield described(workflow, folder, "judge_method", inputs, outputs, **wildcards)


def stage_jobs(workflow: Workflow, model: str, folder: Path) -> Iterator[Job]:
    """Yield every job of one panel, in a valid order."""
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

    def job(rule, inputs, outputs, rename=None, **wildcards) -> Job:
        name = {key: key for key in [*inputs, *outputs]} | (rename or {})
        files = [{name[key]: path[key] for key in keys} for keys in (inputs, outputs)]
        return described(workflow, folder, rule, *files, model=model, **wildcards)

    known, simulated = ["panel", "aggregates"], ["panel", "aggregates", "states"]
    yield job("solve_economy", [], ["solution", "diagnostics"])
    yield job("simulate_panel", ["solution"], simulated, index="0")
    yield job("compute_moments", ["solution", *simulated], ["moments", "sdf"], index="0")
    for method in ("ff", "fm"):
        made = f"{method}_returns"
        rename = {made: "returns"}
        yield job("build_factors", known, [made], rename, index="0", method=method)
    for name in loadings:
        made = [f"model_premia_{name}", f"latent_{name}"]
        rename = dict(zip(made, ["premia", "latent"], strict=True))
        yield job("extract_model_premia", known, made, rename, index="0", loading=name)
    inputs = [*known, "moments", "ff_returns", "fm_returns", *latent]
    yield job("portfolio_stats", inputs, ["fama_stats", "model_stats"], index="0")
    inputs = [*results, *simulated, "moments", "sdf", "solution", "diagnostics"]
    yield job("bundle_panel", inputs, ["bundle", "manifest"], index="0")


def run(script: Path | None, job: dict) -> Cost:
    """Run a script in a new process; without one, only start Python and import our files."""
    code = RUN_SCRIPT if script else "import truepremia.files.formats"
    environment = os.environ | FOR_JOBS | {"PYTHONPATH": str(ROOT / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # every job would compile what it imports
    started = time.monotonic()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", code, str(script), json.dumps(job)],
        environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0o600)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{script} failed; its log has the reason")
    return Cost(
        label=script.stem if script else "start",
        cpu=usage.ru_utime + usage.ru_stime,
        wall=time.monotonic() - started,
        peak=usage.ru_maxrss / 1024,
        written=sum(Path(file).stat().st_size for file in job.get("output", {}).values()) / 1e6,
    )


if __name__ == "__main__":
    main()
