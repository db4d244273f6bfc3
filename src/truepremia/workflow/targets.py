"""What the rules ask for: one object with the run's configuration, stages, paths and selections.

Paths are relative to where Snakemake works and are patterns with wildcards where a rule has some.
A workflow that uses this one as a module may put a prefix before every path: Snakemake adds it to
what rules name, and ``folder`` has it where the disk is looked at.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from truepremia.economies.registry import ECONOMIES
from truepremia.errors import TruepremiaError, error_line
from truepremia.files.results import (
    BOARD_FILES,
    COMPARED_FILES,
    MANIFEST,
    PUBLISHED,
    REPLICATION_FIGURES,
    large_files,
    method_files,
    panel_files,
    published_files,
    store_files,
)
from truepremia.methods.registry import BUNDLED, bundled
from truepremia.parallel import FOR_JOBS
from truepremia.report.contents import CAPTIONS, FIGURES, TABLES, exhibits_of
from truepremia.report.selection import finished_panels
from truepremia.tidy.settings import LEAST_FIRMS, LEAST_MONTHS, OF_A_STORE, lines_of_warnings
from truepremia.workflow.config import RunConfig, load_overlay
from truepremia.workflow.documents import read_yaml
from truepremia.workflow.hold import hold
from truepremia.workflow.sizing import require_memory, require_possible
from truepremia.workflow.stages import OF_PANEL, STAGES, Workflow, one_of

PANELS_PER_SUMMARY = 25


class Run(Workflow):
    """A checked run configuration with everything that rules name.

    Parameters
    ----------
    config : RunConfig
    root : path
        Folder of our Snakefile.
    prefix : str
        What a workflow around this one puts before every path; empty or ending in "/".
    """

    def __init__(self, config: RunConfig, root: Path, prefix: str = ""):
        super().__init__(config, root)
        object.__setattr__(self, "folder", Path(prefix + config.results_dir))

    folder: Path
    """The results folder as it lies on disk."""

    @classmethod
    def checked(
        cls, config: Mapping[str, Any], files: Iterable[str | Path], root: Path, prefix: str | None
    ) -> "Run":
        """Check the configuration of a run, or end it with one line that says what is wrong.

        Parameters
        ----------
        config : mapping
            What Snakemake has read; keys that are missing have their default.
        files : iterable of path
            Configuration files: the engine itself would keep the last of two equal keys.
        root : path
        prefix : str or None
        """
        os.environ.update(FOR_JOBS)
        try:
            for file in files:
                read_yaml(file)
            run = cls(load_overlay(config, root), root, prefix or "")
            require_possible(run.config, run.folder)
            return run
        except TruepremiaError as error:
            print(error_line(error), file=sys.stderr)  # noqa: T201
            raise SystemExit(1) from None

    def starts(self, elsewhere: bool, locks: bool) -> None:
        """End a run that lacks memory, or whose results another run is writing.

        Parameters
        ----------
        elsewhere : bool
            Jobs run on other machines, whose memory is not known.
        locks : bool
            The user wants locks.
        """
        try:
            if not elsewhere:
                require_memory(self.config)
            if locks:
                hold(self.folder)
        except TruepremiaError as error:
            print(error_line(error), file=sys.stderr)  # noqa: T201
            raise SystemExit(1) from None

    # --- paths ------------------------------------------------------------------------------------

    @property
    def results(self) -> str:
        """Folder of the results."""
        return self.config.results_dir

    @property
    def panel(self) -> str:
        """Folder of a panel."""
        return f"{self.results}/panels/{OF_PANEL}"

    def of_panel(self, *tables: str, **others: str) -> dict[str, str]:
        """Return tables of a panel by name; ``others`` are stems that differ from the name."""
        stems = dict(zip(tables, tables, strict=True)) | others
        return {name: f"{self.panel}/{stem}.parquet" for name, stem in stems.items()}

    def of_large(self, temp: Callable[[str], Any], *tables: str) -> dict[str, Any]:
        """Return tables of a panel that rules make and that need not stay, ``temp`` if they go."""
        kept = self.config.keep_panels
        return {n: file if kept else temp(file) for n, file in self.of_panel(*tables).items()}

    def of_solution(self, *suffixes: str) -> dict[str, str]:
        """Return the solution of an economy ("npz") and its diagnostics ("json")."""
        names = {"npz": "solution", "json": "diagnostics"}
        return {names[s]: f"{self.results}/solutions/{{model}}.{s}" for s in suffixes}

    def of_method(self, panel: str = OF_PANEL, track: str = "panels") -> dict[str, str]:
        """Return the files of a judged method on a simulated panel, or on a "real" one."""
        files = method_files(panel, "{method}", track)
        return {name: f"{self.results}/{file}" for name, file in files.items()}

    @property
    def tidy(self) -> str:
        """Folder of a store."""
        return f"{self.results}/tidy/{{store}}"

    def of_store(self, *tables: str, **others: str) -> dict[str, str]:
        """Return tables of a store by name; ``others`` are files that are no Parquet tables."""
        files = {table: f"{table}.parquet" for table in tables} | others
        return {name: f"{self.tidy}/{file}" for name, file in files.items()}

    @property
    def report(self) -> str:
        """Folder of the report."""
        return f"{self.results}/report"

    @property
    def board(self) -> str:
        """Folder of the leaderboard."""
        return f"{self.results}/leaderboard"

    def dress(self, rules: Iterable[Any]) -> None:
        """Give our rules the log and the environment that follow from their stage.

        Parameters
        ----------
        rules : iterable of snakemake.rules.Rule
            All rules of a workflow; those of others, and what a rule says itself, stay as they are.
        """
        for rule in rules:
            script = str(rule.script or "")
            stage = STAGES.get(Path(script).stem)
            if stage is None or not str(rule.snakefile).startswith(str(self.root)):
                continue
            if not rule.log:
                rule.log_modifier = rule.output_modifier
                rule.set_log(f"{self.results}/logs/{stage.rule}/{stage.of}.log")
            if not rule.conda_env:
                file = str(self.root / "envs" / "truepremia.yaml")
                rule.conda_env = file.replace("{", "{{").replace("}", "}}")  # no wildcards

    # --- wildcards --------------------------------------------------------------------------------

    @property
    def models(self) -> str:
        """Regular expression of the economies."""
        return one_of(ECONOMIES)

    @property
    def factor_methods(self) -> str:
        """Regular expression of the bundled methods without loadings."""
        return one_of(name for name, m in BUNDLED.items() if "loading" not in m.options)

    @property
    def loadings(self) -> str:
        """Regular expression of the bundled methods on loadings."""
        return one_of(name for name, m in BUNDLED.items() if "loading" in m.options)

    @property
    def methods(self) -> str:
        """Regular expression of the configured methods."""
        return one_of(self.config.methods)

    @property
    def stores(self) -> str:
        """Regular expression of the stores."""
        return one_of(self.config.tidy.stores)

    @property
    def exported_stores(self) -> str:
        """Regular expression of the stores that are exported from panels."""
        return one_of(name for name, store in self.config.tidy.stores.items() if store.panel)

    # --- what a run builds ------------------------------------------------------------------------

    def everything(self) -> list[str]:
        """Return every file of the panels and stores that stays: a deleted one is built again."""
        panels = [
            file
            for panel_id in self.config.panel_ids()
            for file in files_of(panel_id)
            if self.config.keep_panels or file not in large_files(panel_id)
        ]
        given = {store: self.config.tidy.stores[store].french for store in self.built_stores}
        stores = [file for store, files in given.items() for file in store_files(store, files)]
        published = published_files() if self.config.tidy.published_data else []
        return [f"{self.results}/{file}" for file in (*panels, *stores, *published)]

    @cached_property
    def built_stores(self) -> list[str]:
        """Names of the stores that are built without being asked for."""
        return self.config.tidy.built(self.config.size)

    def left_out_stores(self) -> list[str]:
        """Return a line for every store that is too small to be built unasked."""
        size, names = self.config.size, sorted({*self.config.tidy.stores} - {*self.built_stores})
        unfilled = [
            f"store {name} is left out: no configured panel has {' and '.join(OF_A_STORE)}"
            for name in self.config.tidy.unfilled
        ]
        return unfilled + [
            f"store {name} is left out: a panel of {size.firms} firms and {size.months} months is "
            f"too small for annual portfolios ({LEAST_FIRMS} and {LEAST_MONTHS} suffice); ask for "
            f"a file such as {self.results}/tidy/{name}/factors.parquet to try"
            for name in names
        ]

    # --- inputs of the simulated track ------------------------------------------------------------

    def of_every_loading(self, *tables: str) -> Any:
        """Return an input function: tables of a panel for every loading of its economy."""

        def paths(wildcards: Any) -> dict[str, str]:
            return {
                f"{table}_{loading}": f"{self.panel}/{table}_{loading}.parquet"
                for loading in ECONOMIES[wildcards.model].loadings
                for table in tables
            }

        return paths

    # --- inputs of the empirical track ------------------------------------------------------------

    def panel_of_store(self, wildcards: Any) -> dict[str, str]:
        """Return the tables of the panel that a store is exported from."""
        panel = f"{self.results}/panels/{self.config.tidy.stores[wildcards.store].panel}"
        tables = ("panel", "aggregates", "ff_returns")
        return {table: f"{panel}/{table}.parquet" for table in tables}

    def of_published(self) -> dict[str, str]:
        """Return every file of the evaluation of published series, such as evaluation_json."""
        files = [f"{self.results}/{file}" for file in published_files()]
        return {file.rpartition("/")[2].replace(".", "_"): file for file in files}

    def french_files(self, *keys: str) -> Callable[[Any], dict[str, str]]:
        """Return an input function: the files of Kenneth French's that a store is compared with.

        They are named ``french_`` and the key of the configuration.
        """
        return lambda wildcards: self.config.tidy.french_files(wildcards.store, *keys)

    def warnings_of_stores(self) -> list[str]:
        """Return the warnings of the evaluated stores, for the last lines of a run."""
        return [*lines_of_warnings(self.folder / "tidy", self.built_stores)]

    def source_of_store(self, wildcards: Any) -> str | list[str]:
        """Return the file of a store, or its Parquet files."""
        own = self.config.tidy.stores[wildcards.store].source()
        return f"{self.tidy}/demo.sqlite" if own is None else own

    def log_of_store(self, wildcards: Any) -> str | None:
        """Return what tells the changes in a store's log apart: no input, as logs come and go."""
        return self.config.tidy.stores[wildcards.store].changes_in_log()

    # --- inputs of the report ---------------------------------------------------------------------

    @cached_property
    def _selected(self) -> tuple[dict[str, list[int]], dict[str, str]]:
        """The indices of the reported panels by economy, and the panels that are left out."""

        def settings(panel_id: str) -> dict[str, Any] | None:
            model, _, index = panel_id.rpartition("_")
            if model not in self.config.calibrations or not index.isdigit():
                return None
            return self.settings("bundle_panel", {"model": model, "index": index})

        included, left_out = finished_panels(self.folder, self.config.panel_ids(), settings)
        named = [panel_id.rpartition("_") for panel_id in included]
        reported = {
            model: sorted(int(index) for name, _, index in named if name == model)
            for model in ECONOMIES
        }
        return {model: indices for model, indices in reported.items() if indices}, left_out

    @property
    def reported(self) -> dict[str, list[int]]:
        """Indices of the reported panels by economy, in the order of the registry."""
        return self._selected[0]

    def page_contents(self) -> dict[str, Any]:
        """Return what the report's page shows, for its parameter."""
        return {
            "economies": list(self.reported),
            "switched_off": list(self.config.switched_off),
            "left_out": self._selected[1],
            "stores": sorted(self._page_stores()),
            "leaderboard": self.has_board,
        }

    def block_of_panels(self, wildcards: Any) -> dict[str, list[str]]:
        """Return the files of a block of panels, the same table of all panels together."""
        model = wildcards.model
        panels = [
            f"{model}_{index}"
            for index in self.reported[model]
            if index // PANELS_PER_SUMMARY == int(wildcards.block)
        ]
        tables = ["panel", "states", "moments", *self._shown_tables(model)]
        tables += [f"model_premia_{loading}" for loading in ECONOMIES[model].loadings]
        files = {t: [f"{self.results}/panels/{p}/{t}.parquet" for p in panels] for t in tables}
        for entry in self.config.reported():
            for what in ("returns", "stats"):
                files[f"{entry.name}_{what}"] = [
                    f"{self.results}/{method_files(p, entry.name)[what]}" for p in panels
                ]
        return files | {"manifest": [f"{self.results}/{p}{MANIFEST}" for p in panels]}

    def shown_panel(self, wildcards: Any) -> dict[str, str]:
        """Return the files of the panel whose time series are drawn, the first one."""
        model = wildcards.model
        panel_id = f"{model}_{self.reported[model][0]}"
        files = {
            table: f"{self.results}/panels/{panel_id}/{table}.parquet"
            for table in self._shown_tables(model)
        }
        for entry in self.config.reported():
            for what, file in method_files(panel_id, entry.name).items():
                files[f"{entry.name}_{what}"] = f"{self.results}/{file}"
        return files | {"manifest": f"{self.results}/{panel_id}{MANIFEST}"}

    def _shown_tables(self, model: str) -> list[str]:
        methods = bundled(ECONOMIES[model].loadings).values()
        tables = [*(m.returns for m in methods), *(m.statistics for m in methods)]
        return [*dict.fromkeys(tables), "sdf", "aggregates"]

    def summaries(self, model: str) -> list[str]:
        """Return the summary files of an economy."""
        blocks = sorted({index // PANELS_PER_SUMMARY for index in self.reported[model]})
        return [f"{self.report}/summaries/{model}_{block}.json" for block in blocks]

    def every_summary(self) -> list[str]:
        """Return the summary files of all economies."""
        return [file for model in self.reported for file in self.summaries(model)]

    def exhibits(self) -> list[str]:
        """Return every table and figure of the economies that the page shows."""
        return [f"{self.report}/{file}" for model in self.reported for file in exhibits_of(model)]

    def _wanted_stores(self) -> set[str]:
        published = [PUBLISHED] if self.config.tidy.published_data else []
        return {*self.built_stores, *published}

    def _page_stores(self) -> set[str]:
        """Return the stores of the run, and finished ones beside them."""
        finished = (self.folder / "tidy").glob("*/evaluation.csv")
        return self._wanted_stores() | {file.parent.name for file in finished}

    def exhibits_of_stores(self) -> list[str]:
        """Return every table and figure of the empirical track that the page shows."""
        figures = [figure for figure in REPLICATION_FIGURES if figure.endswith(".png")]
        shown, wanted = [], self._wanted_stores()
        for store in sorted(self._page_stores()):
            files = ["evaluation.csv", "evaluation.json", "pricing.csv"]
            files += figures if store != PUBLISHED else ()
            given = self.config.tidy.stores[store].french if store in self.built_stores else ()
            files += [f for key in given for f in COMPARED_FILES.get(key, ()) if f.endswith("csv")]
            shown += [
                f"{self.results}/tidy/{store}/{file}"
                for file in files
                if store in wanted or (self.folder / "tidy" / store / file).exists()
            ]
        return shown

    def shown_tables(self, report: Callable[..., Any]) -> list[Any]:
        """Return an economy's tables with their places in Snakemake's own report."""
        return self._shown(report, "table", "html", TABLES)

    def shown_figures(self, report: Callable[..., Any]) -> list[Any]:
        """Return an economy's figures with their places in Snakemake's own report."""
        return self._shown(report, "figure", "png", FIGURES)

    def shown_page(self, report: Callable[..., Any]) -> Any:
        """Return the page with its place in Snakemake's own report."""
        page = f"{self.report}/report.html"
        return report(page, caption=f"{CAPTIONS}/page.rst", category="Page")

    def printed_tables(self) -> list[str]:
        """Return an economy's tables for other programs."""
        stems = [f"{self.report}/tables/{{model}}_{name}" for name in TABLES]
        return [f"{stem}.{suffix}" for stem in stems for suffix in ("csv", "tex")]

    def printed_figures(self) -> list[str]:
        """Return an economy's figures for print."""
        return [f"{self.report}/figures/{{model}}_{name}.pdf" for name in FIGURES]

    def _shown(
        self, report: Callable[..., Any], kind: str, suffix: str, titles: Mapping[str, str]
    ) -> list[Any]:
        return [
            report(
                f"{self.report}/{kind}s/{{model}}_{name}.{suffix}",
                caption=f"{CAPTIONS}/{kind}_{name}.rst",
                category=f"{kind.capitalize()}s",
                subcategory="{model}",
                labels={"economy": "{model}", kind: title},
            )
            for name, title in titles.items()
        ]

    # --- the leaderboard --------------------------------------------------------------------------

    @property
    def has_board(self) -> bool:
        """Whether there is a finished leaderboard for the page to show."""
        return (self.folder / "leaderboard" / "headline.csv").exists()

    def board_on_page(self) -> list[str]:
        """Return the finished leaderboard's tables and figures, nothing without one."""
        shown = [file for file in BOARD_FILES.values() if file.endswith((".csv", ".png"))]
        return [f"{self.board}/{file}" for file in shown] if self.has_board else []

    def of_board(self) -> dict[str, str]:
        """Return every file of the leaderboard by name."""
        return {name: f"{self.board}/{file}" for name, file in BOARD_FILES.items()}

    def judged(self, *what: str) -> list[str]:
        """Return the files of every method on every panel that the leaderboard compares."""
        files = []
        for panel_id in self.config.panel_ids():
            for method in self.config.methods_of(panel_id.rpartition("_")[0]):
                paths = method_files(panel_id, method)
                files += [f"{self.results}/{paths[name]}" for name in what]
        return files

    def truth_of_panels(self) -> list[str]:
        """Return the tables of attainable Sharpe ratios of all simulated panels."""
        return [f"{self.results}/panels/{p}/sdf.parquet" for p in self.config.panel_ids()]

    def judged_real(self, *what: str) -> list[str]:
        """Return the files of every method on every panel of real stocks."""
        return [
            f"{self.results}/{method_files(panel, method, 'real')[name]}"
            for panel in self.config.real_panels
            for method, entry in self.config.methods.items()
            if not entry.truth
            for name in what
        ]

    def real_panel(self, wildcards: Any) -> str:
        """Return the user's file of a panel of real stocks."""
        return str(self.config.real_panels[wildcards.panel])

    @property
    def real_panels(self) -> str:
        """Regular expression of the panels of real stocks."""
        return one_of(self.config.real_panels)


def files_of(panel_id: str) -> list[str]:
    """Return every file of a panel with its manifest."""
    return [f"{panel_id}{MANIFEST}", *panel_files(panel_id).values()]
