"""What a panel has cost from commit to commit: benchmarks/history.jsonl and its figure.

    python benchmarks/history.py        draws docs/figures/history.png from the lines

`make bench` adds a line. Points of one machine are joined; seconds of different machines, or of
busy ones, do not compare.
"""

import json
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

import numpy as np  # noqa: E402
from stages import Cost  # noqa: E402

from truepremia.files import provenance  # noqa: E402

LINES = ROOT / "benchmarks" / "history.jsonl"
FIGURE = ROOT / "docs" / "figures" / "history.png"

Costs = Mapping[str, tuple[list[Cost], Mapping[str, Cost]]]
"""Costs of the stages and of the methods of a panel, by economy."""


def add(start: float, others: float | None, costs: Costs) -> None:
    """Add this run's line: CPU seconds of stages and of methods, by economy."""
    line = {
        "date": str(date.today()),
        "commit": (provenance.git_commit() or "unknown")[:7],
        "machine": provenance.processor(),
        "versions": provenance.library_versions(),
        "other_work": others,
        "start": round(start, 3),
        "panels": {m: round(sum(c.cpu for c in stages), 2) for m, (stages, _) in costs.items()},
        "methods": {
            model: {name: round(cost.cpu, 2) for name, cost in judged.items()}
            for model, (_, judged) in costs.items()
        },
    }
    with LINES.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def draw() -> None:
    """Draw CPU seconds of a panel and of its methods against the runs in their order."""
    from matplotlib.figure import Figure

    lines = [json.loads(text) for text in LINES.read_text(encoding="utf-8").splitlines()]
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots(1, 2)
    runs = [f"{line['commit']}\n{line['date'][5:]}" for line in lines]
    models = dict.fromkeys(model for line in lines for model in line["panels"])
    machines = dict.fromkeys(json.dumps(line["machine"]) for line in lines)
    for color, model in enumerate(models):
        for ax, of in zip(axes, (_panel, _methods), strict=True):
            for machine in machines:
                points = [
                    (at, of(line, model))
                    for at, line in enumerate(lines)
                    if json.dumps(line["machine"]) == machine and of(line, model) is not None
                ]
                ax.plot(*np.reshape(points, (-1, 2)).T, "o-", color=f"C{color}")
        axes[0].plot([], [], "o-", color=f"C{color}", label=model)
    for ax, title in zip(axes, ("all stages of a panel", "all methods on a panel"), strict=True):
        ax.set(title=title, ylabel="CPU seconds", ylim=(0, None), xticks=range(len(runs)))
        ax.set_xticklabels(runs, fontsize="small")
        ax.set_xlim(-0.5, len(runs) - 0.5)
    axes[0].legend(frameon=False, fontsize="small")
    figure.savefig(FIGURE, dpi=150, metadata={"Software": None})


def _panel(line: dict, model: str) -> float | None:
    return line["panels"].get(model)


def _methods(line: dict, model: str) -> float | None:
    judged = line["methods"].get(model)
    return sum(judged.values()) if judged else None


if __name__ == "__main__":
    draw()
