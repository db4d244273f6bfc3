"""Judge methods along the nonlinearity of the Gu-Kelly-Xiu economy (docs/model-gkx20.md).

    python benchmarks/gkx20_knobs.py                      # ten panels a value, about an hour
    python benchmarks/gkx20_knobs.py --panels 2 --firms 200 --months 240 --output /tmp/knobs
    python benchmarks/gkx20_knobs.py --draw               # the figure and the table again

Writes docs/figures/gkx20_nonlinearity.csv, one row for each value, panel and method, and the figure
beside it. Rows that are there already are kept: an interrupted run goes on where it stopped. Every
method but ff is also run on the three characteristics alone that move loadings at density 0 (bm,
roe, mom); what it loses with all fifteen is the cost of the twelve that are noise. A method that
has penalties is shown with the one that leave-one-out chooses.
"""

import argparse
import csv
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from truepremia.parallel import ONE_THREAD  # noqa: E402

os.environ.update(ONE_THREAD)

import numpy as np  # noqa: E402

from truepremia.methods.contract import Factors, Setting  # noqa: E402
from truepremia.panel import Known, Size  # noqa: E402
from truepremia.workflow.config import load_overlay, read_yaml  # noqa: E402
from truepremia.workflow.laboratory import Trial  # noqa: E402

VALUES = (0.0, 0.5, 1.0)
TRUE = ("bm", "roe", "mom")
"""The characteristics that loadings depend on at density 0."""

METHODS: dict[str, dict[str, Any]] = {
    "ff": {"kind": "ff"},
    "fm": {"kind": "fm"},
    "kns": {"kind": "kns", "base": "managed"},
    "ipca": {"kind": "ipca", "factors": [4]},
    "dkkm": {"kind": "dkkm", "features": [360]},
    "boosting": {
        "kind": "predictor",
        "regressor": "sklearn.ensemble.HistGradientBoostingRegressor",
        "arguments": {"max_iter": 100, "max_leaf_nodes": 8, "learning_rate": 0.05},
    },
}
ALONE = ("fm", "kns", "ipca", "dkkm", "boosting")
"""Methods that are also run on the true characteristics alone."""

COLUMNS = ("nonlinearity", "panel", "method", "sharpe", "attainable", "share", "hjd")


class Seeing:
    """A method that is shown some of the characteristics only."""

    def __init__(self, method: Any, names: tuple[str, ...]) -> None:
        self.method, self.names = method, names
        if hasattr(method, "learn"):
            self.learn = self._learn

    def start(self, setting: Setting) -> None:
        """Start the method with the fewer names."""
        if hasattr(self.method, "start"):
            self.method.start(replace(setting, names=self.names))

    def form(self, known: Known) -> Any:
        """Return what the method forms from the fewer characteristics."""
        seen = self._seen(known)
        if hasattr(self.method, "form"):
            return self.method.form(seen)
        return [Factors(self.method.weights(seen), self.method.names(seen))]

    def _learn(self, known: Known, returns: Any) -> None:
        self.method.learn(self._seen(known), returns)

    def _seen(self, known: Known) -> Known:
        columns = [known.names.index(name) for name in self.names]
        chosen = known.characteristics[:, columns]
        return replace(known, names=self.names, characteristics=chosen)


def cases() -> list[str]:
    """Return the names of the rows of one panel."""
    return [*METHODS, *(f"{name}, three" for name in ALONE)]


def panel_rows(value: float, index: int, size: Size, window: int) -> list[dict[str, Any]]:
    """Return one row for each method on one panel, made in a process of its own."""
    entries = read_yaml(ROOT / "config" / "economies" / "gkx20.yaml")
    values = {name: entry["value"] for name, entry in entries.items()} | {"nonlinearity": value}
    trial = Trial.simulate("gkx20", size, window, index=index, calibration=values)
    attainable = float(np.mean([month.max_sharpe() for month in trial.moments]))
    config = load_overlay({"methods": METHODS}, ROOT)
    settings = {key: getattr(config, key) for key in ("empty_cells", "model_factor_weights")}
    rows = []
    for case in cases():
        name, _, three = case.partition(", ")
        with config.methods[name].made(settings) as made:
            found = trial.judge(Seeing(made, TRUE) if three else made, name)
        chosen = found[found["choice"].isin(["loo", "own"])].iloc[-1]
        sharpe = float(chosen["sharpe"])
        rows.append(
            {
                "nonlinearity": value,
                "panel": index,
                "method": case,
                "sharpe": sharpe,
                "attainable": attainable,
                "share": sharpe / attainable,
                "hjd": float(chosen["hjd"]),
            }
        )
    return rows


def main() -> None:
    """Run what is missing, then print the table and draw the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--panels", type=int, default=10)
    parser.add_argument("--firms", type=int, default=1000)
    parser.add_argument("--months", type=int, default=720)
    parser.add_argument("--window", type=int, default=360)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--draw", action="store_true", help="run nothing, draw what is there")
    parser.add_argument("--output", default=str(ROOT / "docs/figures/gkx20_nonlinearity"))
    arguments = parser.parse_args()
    table = Path(f"{arguments.output}.csv")
    if not arguments.draw:
        run(table, arguments)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    report(rows)
    draw(rows, Path(f"{arguments.output}.png"))


def run(table: Path, arguments: argparse.Namespace) -> None:
    """Append the rows of every panel that has none yet."""
    table.parent.mkdir(parents=True, exist_ok=True)
    done: set[tuple[float, int]] = set()
    if table.exists():
        with table.open(encoding="utf-8", newline="") as file:
            done = {(float(r["nonlinearity"]), int(r["panel"])) for r in csv.DictReader(file)}
    size = Size(arguments.firms, arguments.months, 300)
    wanted = [(v, i) for i in range(arguments.panels) for v in VALUES if (v, i) not in done]
    with ProcessPoolExecutor(arguments.cores) as pool, table.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        jobs = [pool.submit(panel_rows, v, i, size, arguments.window) for v, i in wanted]
        for job in as_completed(jobs):
            rows = job.result()
            writer.writerows(
                {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
                for row in rows
            )
            file.flush()
            print(f"nonlinearity {rows[0]['nonlinearity']:g}, panel {rows[0]['panel']}", flush=True)


def means(rows: list[dict[str, str]], value: float, case: str) -> tuple[float, float]:
    """Return the mean share over panels and its standard error."""
    found = [r for r in rows if float(r["nonlinearity"]) == value and r["method"] == case]
    share = np.array([float(r["share"]) for r in found])
    return float(share.mean()), float(share.std(ddof=1) / np.sqrt(len(share)))


def report(rows: list[dict[str, str]]) -> None:
    """Print the table of the page."""
    print("| share of the attainable Sharpe ratio |", *(f" ω = {v:g} |" for v in VALUES), sep="")
    print("|---" * (1 + len(VALUES)), "|", sep="")
    for case in cases():
        cells = [means(rows, value, case) for value in VALUES]
        print(f"| {case} |", *(f" {mean:.3f} ({error:.3f}) |" for mean, error in cells), sep="")
    panels = {(r["nonlinearity"], r["panel"]) for r in rows}
    print(f"{len(panels) / len(VALUES):g} panels a value, standard errors over panels")


def draw(rows: list[dict[str, str]], path: Path) -> None:
    """Draw share against nonlinearity, all characteristics left and the true three right."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    titles = ("all fifteen characteristics", "bm, roe and mom alone")
    for panel, suffix, title in zip(axes, ("", ", three"), titles, strict=True):
        for number, name in enumerate(METHODS):
            if suffix and name not in ALONE:
                continue
            points = np.array([means(rows, value, name + suffix) for value in VALUES])
            x = np.array(VALUES) + 0.008 * (number - 2.5)
            panel.errorbar(x, *points.T, label=name, color=f"C{number}", capsize=2, marker="o")
        panel.set(title=title, xlabel="nonlinearity of loadings ω", xticks=VALUES)
        panel.axhline(1, color="0.6", linewidth=0.8)
        panel.grid(visible=True, alpha=0.4)
    axes[0].set_ylabel("share of the attainable Sharpe ratio")
    axes[0].legend(frameon=False, ncols=2)
    figure.savefig(path, dpi=160)


if __name__ == "__main__":
    main()
