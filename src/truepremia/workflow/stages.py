"""The stages of the workflow, one record for each rule: what it reads, loads and needs.

Snakemake reruns a job when its parameters change. It compares them as a set of values without
names and does not see library code, so every rule has exactly one parameter: a canonical JSON
text with the part of the configuration that the stage reads and a digest of the code behind it.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from truepremia.economies.registry import economy
from truepremia.files.provenance import folder_digest, stage_digest
from truepremia.files.results import PUBLISHED
from truepremia.methods.registry import BUNDLED, KINDS
from truepremia.panel import Size
from truepremia.tidy.settings import own_columns
from truepremia.workflow.config import RunConfig

Wildcards = Mapping[str, str]
Reads = Callable[[RunConfig, Wildcards], dict[str, Any]]
Loads = Callable[[RunConfig, Wildcards], list[str]]

ENGINE_MB = 550
"""What stands around a job on a cluster: two processes of Snakemake and a warm Python."""

SAFETY = 3.0
"""Times are those of a quiet core; a busy node or a slow file system takes longer."""

MANY_FIRMS = 20_000
"""Panels from this size on are worked on several months at a time where a stage can."""

MONTHS_AT_A_TIME = 4


def _nothing(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    del config, wildcards
    return {}


def _no_module(config: RunConfig, wildcards: Wildcards) -> list[str]:
    del config, wildcards
    return []


@dataclass(frozen=True)
class Need:
    """Memory and time of one stage at a size of panels.

    The numbers are measured by ``benchmarks/stages.py`` at 1,000, 10,000 and 100,000 firms, rounded
    up. A job's files are read and written month by month, so that its memory grows with the firms
    of one month and not with the number of months.

    Parameters
    ----------
    megabytes : float
        Memory at any size: Python, its libraries, 65,536 rows of a table.
    bytes_per_firm : float
        Memory that grows with the firms, for each thread.
    seconds : float
        CPU time at any size.
    microseconds : float
        CPU time for each firm and month.
    """

    megabytes: float
    bytes_per_firm: float
    seconds: float
    microseconds: float

    def memory(self, size: Size, threads: int) -> int:
        """Return the megabytes of a job with its surroundings."""
        own = self.megabytes + self.bytes_per_firm * size.firms * threads / 1e6
        return ceil((ENGINE_MB + own) / 50) * 50

    def minutes(self, size: Size) -> int:
        """Return the run time of a job."""
        firm_months = size.firms * (size.burnin + size.months)
        seconds = self.seconds + self.microseconds * firm_months / 1e6
        return 2 + ceil(SAFETY * seconds / 60)


OF_PANEL, OF_STORE = "{model}_{index}", "{store}"
"""Names of the logs of a stage that runs once for each panel, or store."""


@dataclass(frozen=True)
class Stage:
    """One rule of the workflow.

    Parameters
    ----------
    rule : str
        Name of the rule, of its script and of its logs.
    need : Need
        The most that any economy needs,
    other_needs : mapping of str to Need
        but for these economies.
    of : str
        Name of a job's log, a pattern of its wildcards.
    reads : callable
        Takes the configuration and a job's wildcards to the part of the configuration it reads.
    loads : callable
        Takes the same to the modules that it loads by name.
    several_months : bool
        Whether a job works on several months at a time, in threads, when firms are many.
    """

    rule: str
    need: Need
    of: str = OF_PANEL
    reads: Reads = _nothing
    loads: Loads = _no_module
    other_needs: Mapping[str, Need] = field(default_factory=dict)
    several_months: bool = False

    def need_of(self, config: RunConfig, wildcards: Wildcards) -> Need:
        """Return what a job needs."""
        need = self.other_needs.get(wildcards.get("model", ""), self.need)
        return _asked_for(need, config, wildcards) if self.rule in JUDGING else need

    def threads(self, size: Size) -> int:
        """Return the threads a job is worth; fewer cores take fewer, with the same results."""
        return MONTHS_AT_A_TIME if self.several_months and size.firms >= MANY_FIRMS else 1


# --- what stages read of the configuration --------------------------------------------------------


def _calibration(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    return {"calibration": dict(config.calibrations.get(wildcards.get("model", ""), {}))}


def _size(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    del wildcards
    return asdict(config.size)


def _keys(*names: str) -> Reads:
    """Read whole keys of the configuration."""

    def read(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
        del wildcards
        values = {name: getattr(config, name) for name in names}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    return read


def _all_of(*parts: Reads) -> Reads:
    """Read several parts."""

    def read(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
        return {key: v for part in parts for key, v in part(config, wildcards).items()}

    return read


_DRAWS = _all_of(_calibration, _keys("seed", "undefined_growth"), _size)
_FACTORS = _keys(*sorted({key for kind in KINDS.values() for key in kind.settings.values()}))
_STATISTICS = _keys("window", "alphas")


def _of_kind(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    """Read what the bundled method of a job takes from the configuration."""
    kind = KINDS[_bundled(wildcards).kind]
    return {key: getattr(config, key) for key in kind.settings.values()}


def _of_method(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    """Read the entry of a configured method and what its kind takes from the configuration."""
    entry = config.methods[wildcards["method"]]
    read = {"entry": entry.to_mapping()}
    if entry.file is not None:
        from truepremia.methods.own import digest

        return {**read, "own_code": digest(entry.file)}
    keys = KINDS[str(entry.kind)].reads(entry.options)
    return {**read, **{key: getattr(config, key) for key in keys}}


def _reported_methods(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    """Read the methods that the report lists beside those of the bundle."""
    del wildcards
    return {"methods": {e.name: e.to_mapping() for e in config.reported()}}


def _board(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    """Read the methods of the leaderboard in their order, and how they are compared."""
    del wildcards
    return {
        "methods": [[e.name, e.to_mapping()] for e in config.methods.values()],
        "reference": config.reference,
        "headline": dict(config.headline),
        "panels": {model: list(indices) for model, indices in config.panels.items()},
        "real_panels": sorted(config.real_panels),
        "window": config.window,
    }


def _store(*keys: str) -> Reads:
    """Read options of a store."""

    def read(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
        store = config.tidy.stores[wildcards["store"]]
        return {key: getattr(store, key) for key in keys}

    return read


def _own_columns(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    """Read the columns that the sorts of a store ask for by name."""
    own = own_columns(config.tidy.stores[wildcards["store"]].sorts)
    return {"stock_variables": own, "account_items": own}


def _exported_panel(config: RunConfig, wildcards: Wildcards) -> dict[str, Any]:
    model, _, index = str(config.tidy.stores[wildcards["store"]].panel).rpartition("_")
    demo = asdict(config.tidy.demo)
    return {"model": model, "index": index, "seed": config.seed, "demo": demo}


# --- what stages load by name ---------------------------------------------------------------------


def _economy(*modules: str) -> Loads:
    """Load modules of the economy's package."""

    def load(config: RunConfig, wildcards: Wildcards) -> list[str]:
        if wildcards["model"] in config.own_economies:
            return []  # digested as a whole
        return [f"truepremia.economies.{wildcards['model']}.{module}" for module in modules]

    return load


def _bundled(wildcards: Wildcards) -> Any:
    return BUNDLED[wildcards.get("method", wildcards.get("loading", ""))]


def _bundled_kind(config: RunConfig, wildcards: Wildcards) -> list[str]:
    del config
    return [KINDS[_bundled(wildcards).kind].module_path]


def _bundled_kinds(config: RunConfig, wildcards: Wildcards) -> list[str]:
    del config, wildcards
    return sorted({KINDS[method.kind].module_path for method in BUNDLED.values()})


def _method_kind(config: RunConfig, wildcards: Wildcards) -> list[str]:
    entry = config.methods[wildcards["method"]]
    if entry.kind is None:
        return ["truepremia.methods.own"]
    return KINDS[entry.kind].loads(entry.options)


def _summarised(config: RunConfig, wildcards: Wildcards) -> list[str]:
    reported = [KINDS[str(e.kind)].module_path for e in config.reported()]
    kinds = {*_bundled_kinds(config, wildcards), *reported}
    return [*_economy("parameters", "census")(config, wildcards), *sorted(kinds)]


def _asked_for(need: Need, config: RunConfig, wildcards: Wildcards) -> Need:
    """Return the need of judging a method: its kind's, or what its entry asks for."""
    entry = config.methods[wildcards["method"]]
    seconds, megabytes = (60.0, 500.0) if entry.kind is None else KINDS[entry.kind].cost
    default = 1000 * 1020 / 1e6  # firm-months of the default panel, in millions
    asked = Need(need.megabytes + megabytes, need.bytes_per_firm, need.seconds, seconds / default)
    if entry.megabytes is not None:
        asked = Need(entry.megabytes, 0.0, asked.seconds, asked.microseconds)
    if entry.minutes is not None:
        asked = Need(asked.megabytes, asked.bytes_per_firm, 60 * entry.minutes / SAFETY, 0.0)
    return asked


_SORTING = ("profile", "op_require_cost", "market_equity")

JUDGING = ("judge_method", "judge_real_panel")
"""Stages whose cost is that of the method."""

OF_ALL_ECONOMIES = ("write_report", "leaderboard", "export_demo_store")
"""Stages that concern no single economy and ask the registry about several."""

_DRAWING, _READING, _TESTING = Need(600, 0, 150, 0), Need(2450, 0, 500, 0), Need(450, 0, 150, 0)

STAGES: Mapping[str, Stage] = {
    stage.rule: stage
    for stage in (
        Stage(
            "solve_economy",
            Need(100, 0, 1, 0),
            of="{model}",
            reads=_calibration,
            loads=_economy("solution"),
            other_needs={"gs21": Need(350, 0, 60, 0)},
        ),
        Stage(
            "simulate_panel",
            Need(150, 1_000, 1, 3.0),
            reads=_DRAWS,
            loads=_economy("solution", "simulation"),
            other_needs={
                "gs21": Need(200, 11_000, 1, 3.0),
                "gkx20": Need(150, 2_000, 1, 3.0),
            },
        ),
        Stage(
            "compute_moments",
            Need(180, 6_500, 1, 7.0),
            reads=_all_of(_calibration, _size, _keys("window")),
            loads=_economy("solution", "conditional", "certificate"),
            other_needs={"lw07": Need(250, 6_500, 5, 7.0)},
            several_months=True,
        ),
        Stage(
            "build_factors",
            Need(180, 500, 1, 1.0),
            of="{model}_{index}_{method}",
            reads=_of_kind,
            loads=_bundled_kind,
            other_needs={"gkx20": Need(180, 1_500, 1, 3.5)},
            several_months=True,
        ),
        Stage(
            "extract_model_premia",
            Need(180, 500, 1, 1.0),
            of="{model}_{index}_{loading}",
            reads=_of_kind,
            loads=_bundled_kind,
        ),
        Stage(
            "portfolio_stats",
            Need(190, 2_000, 2, 2.5),
            reads=_all_of(_STATISTICS, _FACTORS),
            loads=_bundled_kinds,
        ),
        Stage(
            "bundle_panel",
            Need(180, 0, 3, 0.1),
            reads=_all_of(_DRAWS, _STATISTICS, _FACTORS),
        ),
        Stage(
            "judge_method",
            Need(190, 2_000, 2, 0),
            of="{model}_{index}_{method}",
            reads=_all_of(_STATISTICS, _keys("seed"), _of_method),
            loads=_method_kind,
        ),
        Stage(
            "judge_real_panel",
            Need(190, 2_000, 2, 0),
            of="{panel}_{method}",
            reads=_all_of(_STATISTICS, _keys("seed"), _of_method),
            loads=_method_kind,
        ),
        Stage("leaderboard", _DRAWING, of="all", reads=_board),
        Stage(
            "summarise_panels",
            Need(450, 0, 300, 0),
            of="{model}_{block}",
            reads=_reported_methods,
            loads=_summarised,
        ),
        Stage("tabulate_economy", _DRAWING, of="{model}", reads=_reported_methods),
        Stage(
            "draw_economy",
            _DRAWING,
            of="{model}",
            reads=_all_of(_calibration, _reported_methods),
            loads=_economy("solution", "solution_plot"),
        ),
        Stage("write_report", _DRAWING, of="page"),
        Stage("export_demo_store", _TESTING, of=OF_STORE, reads=_exported_panel),
        Stage(
            "read_store",
            _READING,
            of=OF_STORE,
            reads=_all_of(_store("coerce", "busy_timeout", "tables"), _own_columns),
        ),
        Stage(
            "replicate_factors",
            _READING,
            of=OF_STORE,
            reads=_store(*_SORTING, "five_factor_sort"),
        ),
        Stage("replicate_exercises", _READING, of=OF_STORE, reads=_store(*_SORTING)),
        Stage("replicate_sorts", _READING, of=OF_STORE, reads=_store(*_SORTING, "sorts")),
        Stage("export_store_panel", _READING, of=OF_STORE, reads=_store(*_SORTING)),
        Stage(
            "evaluate_replication",
            _TESTING,
            of=OF_STORE,
            reads=_store("profile", "newey_west_lags"),
        ),
        Stage("evaluate_op_portfolios", _TESTING, of=OF_STORE),
        Stage("price_portfolios", _TESTING, of=OF_STORE, reads=_store("newey_west_lags")),
        Stage("price_test_assets", _TESTING, of=OF_STORE, reads=_store("newey_west_lags")),
        Stage("draw_replication", _TESTING, of=OF_STORE),
        Stage("evaluate_published", _TESTING, of=PUBLISHED),
    )
}
"""Every rule with a script; adding a stage is one record here, one rule and one script."""


@dataclass(frozen=True)
class Workflow:
    """The stages of one run configuration, as the rules use them.

    Parameters
    ----------
    config : RunConfig
    root : path
        Folder of the Snakefile.
    """

    config: RunConfig
    root: Path

    def parameter(self, rule: str, **found: Any) -> Callable[[Any], str]:
        """Return the function from wildcards to the one parameter of ``rule``.

        ``found`` are facts that a rule adds to the settings, such as what it found on disk; a
        function is called with the wildcards.
        """

        def parameter(wildcards: Any) -> str:
            facts = {k: v(wildcards) if callable(v) else v for k, v in found.items()}
            identity = dict(wildcards.items())
            settings = {**self.settings(rule, identity), **facts}
            settings["code"] = self._code(rule, identity, settings.get("model"))
            return json.dumps(settings, sort_keys=True, allow_nan=False)

        return parameter

    def settings(self, rule: str, wildcards: Wildcards) -> dict[str, Any]:
        """Return the wildcards of a job and the part of the configuration that it reads."""
        read = {**wildcards, **STAGES[rule].reads(self.config, wildcards)}
        own = self._own_of(rule, read.get("model"))
        return {**read, "packages": own} if own else read

    def _own_of(self, rule: str, model: str | None) -> dict[str, str]:
        """Return the packages outside of the repository that a job loads, by economy."""
        own = self.config.own_economies
        if model is None:
            return {n: str(p) for n, p in own.items()} if rule in OF_ALL_ECONOMIES else {}
        return {model: str(own[model])} if model in own else {}

    def needs(self, rule: str) -> dict[str, Callable[..., int]]:
        """Return the functions from a job to its memory and run time, for ``resources``.

        Both grow with the attempt: a job that was killed for want of either gets more.
        """
        stage, size = STAGES[rule], self.config.size

        def mem_mb(wildcards: Any, attempt: int, threads: int) -> int:
            need = stage.need_of(self.config, dict(wildcards.items()))
            return attempt * need.memory(size, threads)

        def runtime(wildcards: Any, attempt: int) -> int:
            return attempt * stage.need_of(self.config, dict(wildcards.items())).minutes(size)

        return {"mem_mb": mem_mb, "runtime": runtime}

    def threads(self, rule: str) -> int:
        """Return the threads of a job."""
        return STAGES[rule].threads(self.config.size)

    def _code(self, rule: str, wildcards: Wildcards, model: str | None) -> str:
        modules = tuple(STAGES[rule].loads(self.config, wildcards))
        digest = _digest(self.root / "scripts" / f"{rule}.py", modules)
        own = "".join(f" {_own_digest(Path(p))}" for p in self._own_of(rule, model).values())
        return f"{digest}{own}" if model is None else f"{digest} {economy(model)!r}{own}"


@cache
def _digest(script: Path, modules: tuple[str, ...]) -> str:
    return stage_digest(script, modules)


@cache
def _own_digest(package: Path) -> str:
    return folder_digest(package)


def one_of(names: Iterable[str]) -> str:
    """Return the regular expression of some names, for wildcards; that of no text for none."""
    return "|".join(names) or "(?!)"
