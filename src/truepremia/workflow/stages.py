"""What each stage of the workflow depends on, besides its input files.

Snakemake reruns a job when its parameters change. It compares them as a set of values without
names and does not see library code, so every rule has exactly one parameter: a canonical JSON
text with the part of the configuration that the stage reads and a digest of the code behind it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from truepremia.economies.registry import ECONOMIES, economy
from truepremia.files.provenance import stage_digest
from truepremia.workflow.config import RunConfig

ECONOMY_MODULES: Mapping[str, tuple[str, ...]] = {
    "solve_economy": ("solution",),
    "simulate_panel": ("solution", "simulation"),
    "compute_moments": ("solution", "conditional", "certificate"),
    "summarise_panels": ("solution", "census"),
    "draw_economy": ("solution", "solution_plot"),
}
"""Modules of the economy's package that a stage loads by name."""


@dataclass(frozen=True)
class Workflow:
    """The stages of one run configuration.

    Parameters
    ----------
    config : RunConfig
    root : path
        Folder of the Snakefile.
    """

    config: RunConfig
    root: Path

    def stage(self, rule: str) -> Callable[[Any], str]:
        """Return the function from wildcards to the one parameter of ``rule``."""

        def parameter(wildcards: Any) -> str:
            identity = dict(wildcards.items())
            script = self.root / "scripts" / f"{rule}.py"
            settings = self.settings(rule, identity)
            settings["code"] = _code(script, rule, settings.get("model"))
            return json.dumps(settings, sort_keys=True, allow_nan=False)

        return parameter

    def settings(self, rule: str, wildcards: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of the configuration that ``rule`` reads.

        Parameters
        ----------
        rule : str
            Name of the rule.
        wildcards : mapping
            ``model`` and, by rule, ``index``, ``method``, ``loading`` or ``block``; ``store`` for
            the rules of stores; none for published data. A rule of the report may add what it
            found on disk.
        """
        if "store" in wildcards:
            store = wildcards["store"]
            return {**wildcards, **self.config.tidy.stage_settings(rule, store, self.config.seed)}
        config, model = self.config, wildcards.get("model", "")
        size = asdict(config.size)
        calibration = {"calibration": dict(config.calibrations.get(model, {}))}
        factors = {
            "empty_cells": config.empty_cells,
            "model_factor_weights": config.model_factor_weights,
        }
        draws = {"seed": config.seed, "undefined_growth": config.undefined_growth, **size}
        statistics = {"window": config.window, "alphas": list(config.alphas)}
        settings: dict[str, dict[str, Any]] = {
            "solve_economy": calibration,
            "simulate_panel": {**calibration, **draws},
            "compute_moments": {**calibration, **size, "window": config.window},
            "build_factors": {"empty_cells": config.empty_cells}
            if wildcards.get("method") == "ff"
            else {},
            "extract_model_premia": {"model_factor_weights": config.model_factor_weights},
            "portfolio_stats": {**statistics, **factors},
            "bundle_panel": {**calibration, **draws, **statistics, **factors},
            "summarise_panels": {},
            "tabulate_economy": {},
            "draw_economy": calibration,
            "write_report": {},
            "evaluate_published": {},
        }
        return {**wildcards, **settings[rule]}


@cache
def _code(script: Path, rule: str, model: str | None) -> str:
    if model is None:
        return stage_digest(script)
    modules = [f"truepremia.economies.{model}.{stage}" for stage in ECONOMY_MODULES.get(rule, ())]
    return f"{stage_digest(script, modules)} {economy(model)!r}"


def panel_files(panel_id: str) -> dict[str, str]:
    """Return every file of a panel below the results folder, by its name in the manifest.

    The manifest itself is left out.
    """
    model = panel_id.rsplit("_", 1)[0]
    tables = ["panel", "aggregates", "states", "moments", "sdf"]
    tables += ["ff_returns", "fm_returns", "fama_stats", "model_stats"]
    for kind in ("model_premia", "latent"):
        tables += [f"{kind}_{name}" for name in economy(model).loadings]
    return {
        "bundle": f"{panel_id}_fama.pkl",
        **{table: f"panels/{panel_id}/{table}.parquet" for table in tables},
        "solution": f"solutions/{model}.npz",
        "diagnostics": f"solutions/{model}.json",
    }


def one_of(names: Iterable[str]) -> str:
    """Return the regular expression of some names, for wildcards; that of no text for none."""
    return "|".join(names) or "(?!)"


def known_models() -> str:
    """Return the regular expression of the registered economies, for wildcards."""
    return one_of(ECONOMIES)
