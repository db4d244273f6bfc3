"""Measure everything, write benchmarks/results.md and add a line to history.jsonl: `make bench`.

Panels of 200 to 100,000 firms through every stage and every method, fitted growth, ratios to
straightforward implementations measured in the same run, and the physical floor.

    python benchmarks/run.py                      about half an hour on one core
    python benchmarks/run.py --firms 200 1000     minutes; kept out of the history
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dense
import history
import numpy as np
from quiet import Others
from stages import ROOT, Cost, heading, panel_costs, resized, run, table

from truepremia.economies.registry import ECONOMIES
from truepremia.files.formats import TableFile
from truepremia.files.provenance import library_versions, processor
from truepremia.panel import Size
from truepremia.workflow.config import RunConfig, load_config_file

FIRMS = (200, 1_000, 10_000, 100_000)
LONGEST = 240.0
"""CPU seconds a panel's stages may take; a longer one is measured over fewer months."""

FEW_MONTHS = 48
FLOATS = 8
JUDGE = "judge_method"
QUIET = 0.02
"""Largest share of the processors' time that other work takes on a quiet machine."""


@dataclass(frozen=True)
class Measured:
    """The jobs of one panel."""

    size: Size
    costs: list[Cost]

    @property
    def stages(self) -> list[Cost]:
        """All jobs but those of the methods."""
        return [cost for cost in self.costs if not cost.label.startswith(JUDGE)]

    @property
    def methods(self) -> dict[str, Cost]:
        """The jobs of the methods, by name."""
        return {c.label.split()[-1]: c for c in self.costs if c.label.startswith(JUDGE)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", nargs="+", type=int, default=list(FIRMS))
    parser.add_argument("--models", nargs="+", default=list(ECONOMIES))
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results.md")
    arguments = parser.parse_args()
    config = load_config_file(ROOT / "config" / "config.yaml")
    others, start = Others(), run(None, {}).cpu
    panels = {
        (model, firms): measured(config, model, firms)
        for model in arguments.models
        for firms in arguments.firms
    }
    usual = {m: panels[m, f] for m, f in panels if f == config.size.firms}
    sections = [
        ["## Every stage", "", *stage_section(config, panels)],
        *([["## Every method", "", *method_section(config, usual)]] if usual else []),
        ["## Against straightforward implementations", "", *ratio_section()],
        ["## Against the hardware", "", *floor_section(config, arguments.models)],
    ]
    share = others.share()
    sections.insert(0, ["# Benchmarks", "", *machine(start, share)])
    text = "\n\n".join("\n".join(section) for section in sections)
    arguments.output.write_text(text + "\n", encoding="utf-8")
    if [*usual] == [*ECONOMIES] and {*FIRMS} <= {*arguments.firms}:
        history.add(start, share, {m: (p.stages, p.methods) for m, p in usual.items()})
        history.draw()


def machine(start: float, share: float | None) -> list[str]:
    """Say what was measured where."""
    return [
        f"Written by `make bench` on {date.today()}:",
        f"{', '.join(f'{name} {version}' for name, version in library_versions().items())},",
        f"{os.cpu_count()} cores ({', '.join(processor().values())}), one BLAS thread.",
        f"{said(share)} Ratios are",
        "measured in one run. Seconds are CPU seconds unless said otherwise, and the workflow",
        f"engine is not included. Every job includes {start:.2f} s for starting Python with numpy",
        "and pyarrow. What is measured by other scripts is in `benchmarks/single_runs.md`.",
    ]


def said(share: float | None) -> str:
    """Say how quiet the machine was."""
    if share is None:
        return "How busy the machine was with other work is not known."
    kind = "A quiet" if share < QUIET else "NOT a quiet"
    return f"{kind} machine: other work took {share:.1%} of its processors meanwhile."


def stage_section(config: RunConfig, panels: dict[tuple[str, int], Measured]) -> list[str]:
    """List the stages of all panels, and fit their growth."""
    lines = []
    growth = [
        "### Growth",
        "",
        "| economy | CPU s = a + b T at 1,000 firms | exponent of N per month, start subtracted |",
        "|---|---|---|",
    ]
    for model in dict.fromkeys(model for model, _ in panels):
        own = {firms: panel for (of, firms), panel in panels.items() if of == model}
        for panel in own.values():
            lines += [f"### {heading(model, panel.size)}", "", *table(panel.stages), ""]
        growth.append(f"| {model} | {in_months(config, model)} | {in_firms(own)} |")
    return [*lines, *growth]


def method_section(config: RunConfig, panels: dict[str, Measured]) -> list[str]:
    """List what the methods cost on panels of the configured size."""
    size = config.size
    lines = [
        f"`scripts/judge_method.py` on a panel of {size.firms:,} firms and {size.months} months,",
        "start of Python and reading included. Peak memory is that of the job, the largest over",
        "economies.",
        "",
        f"| method | {' | '.join(f'{model}, CPU s' for model in panels)} | peak MB |",
        f"|---|{'---|' * (len(panels) + 1)}",
    ]
    for name in config.methods:
        found = [panel.methods.get(name) for panel in panels.values()]
        seconds = [f"{cost.cpu:.2f}" if cost else "" for cost in found]
        peak = max((cost.peak for cost in found if cost), default=0)
        lines.append(f"| {name} | {' | '.join(seconds)} | {peak:.0f} |")
    totals = [f"{sum(c.cpu for c in panel.methods.values()):.1f}" for panel in panels.values()]
    return [*lines, f"| all | {' | '.join(totals)} | |"]


def measured(config: RunConfig, model: str, firms: int) -> Measured:
    """Measure one panel, over fewer months where it would take too long; methods at one size."""
    full = resized(config, firms, config.size.months)
    if firms > 5_000:
        few = resized(config, firms, FEW_MONTHS)
        costs = panel_costs(few, model)
        months = config.size.months / FEW_MONTHS
        if months * sum(c.cpu for c in costs if "simulate" not in c.label) > LONGEST:
            return told(model, Measured(few.size, costs))
    usual = firms == config.size.firms
    return told(model, Measured(full.size, panel_costs(full, model, methods=usual)))


def told(model: str, panel: Measured) -> Measured:
    """Print one line for a panel."""
    seconds = sum(cost.cpu for cost in panel.stages)
    print(f"{heading(model, panel.size)}: {seconds:.1f} CPU s", flush=True)
    return panel


def in_months(config: RunConfig, model: str) -> str:
    """Fit a + b T to the CPU time of the stages after simulation."""
    months = (120, 240, 480, 720)
    seconds = []
    for count in months:
        costs = panel_costs(resized(config, 1_000, count), model)
        seconds.append(sum(c.cpu for c in costs if "solve" not in c.label))
    slope, intercept = np.polyfit(months, seconds, 1)
    return f"{intercept:.2f} + {slope:.5f} T"


def in_firms(panels: dict[int, Measured]) -> str:
    """Fit the exponent of N between the two largest sizes, per month, start-up subtracted."""
    if len(panels) < 2:
        return "one size"
    (n0, low), (n1, high) = sorted(panels.items())[-2:]
    start = run(None, {}).cpu
    found = []
    for one, other in zip(low.stages, high.stages, strict=True):
        if "solve" in one.label or "bundle" in one.label:
            continue
        rate = [
            max(c.cpu - start, 1e-3) / (s.months + ("simulate" in c.label) * s.burnin)
            for c, s in ((one, low.size), (other, high.size))
        ]
        exponent = np.log(rate[1] / rate[0]) / np.log(n1 / n0)
        rule, _, _, *kind = one.label.split()
        found.append(f"{' '.join([rule, *kind])} {exponent:.2f}")
    return f"between {n0:,} and {n1:,}: " + ", ".join(found)


def ratio_section() -> list[str]:
    """Compare with dense and library implementations."""
    return [
        "Least CPU seconds of a few runs of the same task, results compared first "
        "(`benchmarks/dense.py`).",
        "",
        *dense.report(),
    ]


def floor_section(config: RunConfig, models: list[str]) -> list[str]:
    """Compare stages with reading and writing their bytes once and doing their flops."""
    bandwidth, flops = memory_speed(), blas_speed()
    lines = [
        f"Measured here: {bandwidth / 1e9:.1f} GB/s copying memory, {flops / 1e9:.0f} GFLOP/s in a",
        "matrix product, one core. The floor of a stage is its uncompressed input and output once",
        "through memory plus the multiplications of its matrix algebra at that speed; it leaves",
        "out compression, checksums, sorting, exponentials and Python.",
        "",
        "| job | MB through memory | GFLOP | floor, s | measured less start, s | times the floor |",
        "|---|---|---|---|---|---|",
    ]
    start = run(None, {}).cpu
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            costs = panel_costs(config, model, Path(folder))
            work = stage_work(config, model, Path(folder))
        for cost in costs:
            for stage, (size, operations) in work.items():
                if cost.label.startswith(stage):
                    floor = size / bandwidth + operations / flops
                    spent = cost.cpu - start
                    numbers = f"{size / 1e6:.0f} | {operations / 1e9:.2f} | {floor:.3f}"
                    ratio = f"{spent:.2f} | {spent / floor:.0f}"
                    lines.append(f"| {cost.label} | {numbers} | {ratio} |")
    return lines


def stage_work(config: RunConfig, model: str, folder: Path) -> dict[str, tuple[float, float]]:
    """Return bytes through memory and floating-point operations by stage of one panel."""
    size = config.size
    cells = size.firms * size.months
    panel_id = f"{model}_0"
    bytes_of = {
        name: _memory_bytes(folder / f"{name}.parquet", name, panel_id)
        for name in ("panel", "states", "moments")
    }
    characteristics = len(ECONOMIES[model].characteristics)
    moments = TableFile(folder / "moments.parquet", "moments", panel_id)
    _, first = next(moments.months())
    width = first["exposure"].shape[1]
    judged = cells * (size.months - config.window) / size.months
    portfolios = 2 * len(config.alphas) + 2
    used = FLOATS * cells * (characteristics + 3)
    return {
        "simulate_panel": (bytes_of["panel"] + bytes_of["states"], 0.0),
        "compute_moments": (
            bytes_of["panel"] + bytes_of["states"] + bytes_of["moments"],
            # Gram and triangular factor of F, two solves with refinement.
            cells * (4 * width**2 + 16 * width),
        ),
        "build_factors": (used, 2.0 * cells * (characteristics + 1) ** 2),
        "extract_model_premia": (used, 2.0 * cells * (characteristics + 1) ** 2),
        "portfolio_stats": (
            used + bytes_of["moments"],
            judged * (4 * width**2 + 6 * portfolios * (width + characteristics + 1)),
        ),
    }


def _memory_bytes(path: Path, kind: str, panel_id: str) -> float:
    months = TableFile(path, kind, panel_id).months()
    return float(sum(array.nbytes for _, columns in months for array in columns.values()))


def memory_speed() -> float:
    """Return bytes per second read and written by a large copy, the best of five."""
    source, target = np.ones(2**25), np.empty(2**25)
    best = min(_seconds(lambda: np.copyto(target, source)) for _ in range(5))
    return 2 * source.nbytes / best


def blas_speed() -> float:
    """Return floating-point operations per second of a matrix product, the best of five."""
    matrix = np.ones((1500, 1500))
    best = min(_seconds(lambda: matrix @ matrix) for _ in range(5))
    return 2 * 1500**3 / best


def _seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
