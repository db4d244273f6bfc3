"""The ``tidy`` section of the configuration: stores and how they are replicated."""

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from truepremia.errors import DataError
from truepremia.files.results import PUBLISHED
from truepremia.outside import exists, is_file, require_regular, shell_path
from truepremia.panel import Size
from truepremia.tidy.layouts import table_names
from truepremia.tidy.partitions import parquet_files, table_name

OPTIONS = (
    *("profile", "five_factor_sort", "op_require_cost", "coerce", "busy_timeout"),
    *("tables", "market_equity", "newey_west_lags", "sorts", "french"),
)
"""Keys of the section that a store may set for itself."""

SERIES = {"momentum": "umd", "short_term_reversal": "st_rev", "long_term_reversal": "lt_rev"}
"""Factor of every file of one series, by its key in the configuration."""

LEAST_FIRMS, LEAST_MONTHS = 20, 36
"""Smallest panel that is exported unasked: fewer firms or months leave nothing to sort."""

FIRST = "first"
"""Word for the first configured panel that can be a store."""

OF_A_STORE = ("bm", "roe")
"""Characteristics from which accounts are made: an economy needs them for its panels to be one."""

LOGS = ("-wal", ".wal")
"""What SQLite and DuckDB append to a database's name for its write-ahead log."""

UNSAFE = frozenset("{}[]*?")
"""Characters of a path that the workflow engine takes for patterns."""


@dataclass(frozen=True)
class DemoRules:
    """How a panel becomes a store.

    Parameters
    ----------
    first_month : str
        Calendar month of panel row 0, such as "1960-01".
    fiscal_year_end : int
        Calendar month, 1..12, in which every fiscal year ends.
    nyse : {"larger", "all"}
        Who is listed where. "larger": in January, or when it enters, a stock is labelled NYSE if
        its market value is above the median, NASDAQ if not; "all": every stock is NYSE.
    """

    first_month: str
    fiscal_year_end: int
    nyse: Literal["larger", "all"]


@dataclass(frozen=True)
class StoreConfig:
    """A store: where it comes from and how it is replicated.

    Parameters
    ----------
    path : Path or None
        SQLite file or folder of Parquet files of the user's own store.
    panel : str or None
        Simulated panel that the store is exported from, such as "bgn_0".
    profile : {"auto", "seed2023", "book2026"}
        Edition of the recipe; "auto" is the one of the store's edition.
    five_factor_sort : {"dependent", "independent"}
        Breakpoints of the five-factor model by size group or for all stocks.
    op_require_cost : bool
        Whether operating profitability needs at least one cost item.
    coerce : bool
        Whether text in columns of numbers becomes missing.
    busy_timeout : float
        Seconds to wait for a locked database.
    tables : mapping of str to str
        Names of tables that are not to be found by their usual names, by part of the store.
    market_equity : {"security", "company"}
        Whether size and book-to-market are of the security or of all securities of its company.
    newey_west_lags : int or None
        Lags of Newey and West, by their rule if None.
    sorts : tuple of mapping
        ``name``, ``by`` (pairs of a variable and its percentiles) and ``rebalance`` of every sort.
    french : mapping of str to Path
        Files of Kenneth French's library, by what is in them.
    """

    path: Path | None
    panel: str | None
    profile: Literal["auto", "seed2023", "book2026"]
    five_factor_sort: Literal["dependent", "independent"]
    op_require_cost: bool
    coerce: bool
    busy_timeout: float
    tables: Mapping[str, str]
    market_equity: Literal["security", "company"]
    newey_west_lags: int | None
    sorts: tuple[Mapping[str, Any], ...]
    french: Mapping[str, Path]

    def source(self) -> str | list[str] | None:
        """Return the file of the user's own store, or its Parquet files, None for a panel's."""
        if self.path is None:
            return None
        if self.path.is_dir():
            return [str(file) for file in parquet_files(self.path, table_names(self.tables))]
        return str(self.path)

    def changes_in_log(self) -> str | None:
        """Return size and time of a write-ahead log beside the user's own store, None for none.

        A change in the log leaves the database as old as it was. An empty log holds none; those of
        a log that is older than the database are in it, or came before a change of it.
        """
        if self.path is None:
            return None
        file = self.path.resolve()  # the log lies beside the file, not beside a link to it
        for ending in LOGS:
            with contextlib.suppress(OSError):  # it comes and goes with the program that writes
                log = file.with_name(f"{file.name}{ending}").stat()
                if log.st_size and log.st_mtime_ns > file.stat().st_mtime_ns:
                    return f"{log.st_size} bytes at {log.st_mtime_ns} ns"
        return None


@dataclass(frozen=True)
class TidyConfig:
    """The checked section.

    Parameters
    ----------
    stores : mapping of str to StoreConfig
        By name, ascending.
    published_data : bool
        Whether the French series that locked packages ship are evaluated.
    demo : DemoRules
    unfilled : tuple of str
        Stores of the first panel where no configured panel can be a store.
    """

    stores: Mapping[str, StoreConfig]
    published_data: bool
    demo: DemoRules
    unfilled: tuple[str, ...] = ()

    def built(self, size: Size) -> list[str]:
        """Return the stores that a run of panels of ``size`` builds without being asked to."""
        enough = size.firms >= LEAST_FIRMS and size.months >= LEAST_MONTHS
        return [name for name, store in self.stores.items() if enough or not store.panel]

    def french_files(self, name: str, *wanted: str) -> dict[str, str]:
        """Return the files of Kenneth French's among the ``wanted``, as ``french_`` and the key."""
        given = self.stores[name].french
        return {f"french_{key}": str(given[key]) for key in wanted if key in given}


def tidy_faults(section: Mapping[str, Any], root: Path, panels: Collection[str]) -> Iterator[str]:
    """Say what is wrong with the stores of a section that has the right form.

    Parameters
    ----------
    section : mapping
    root : path
        Relative paths of stores start here.
    panels : collection of str
        Economies that have a calibration.
    """
    yield from _sort_faults("tidy.sorts", section["sorts"])
    for key, file in section["french"].items():
        yield from _file_faults(f"tidy.french.{key}", file, root)
    for name, store in _switched_on(section).items():
        where = f"tidy.stores.{name}"
        if name == PUBLISHED:
            yield f"{where}: the folder {PUBLISHED} holds published data; choose another name"
        elif store is True or ("path" in store) == ("panel" in store):
            yield (
                f"{where}: must have a path or a panel, and not both, for example "
                "{path: data/tidy_finance.sqlite} or {panel: bgn_0}; off switches a store off"
            )
        elif store.get("panel") == FIRST:
            continue
        elif "panel" in store:
            model = store["panel"].rpartition("_")[0]
            if model not in panels:
                yield (
                    f"{where}.panel is {store['panel']}: there is no calibration of {model}; "
                    f"choose a panel of {', '.join(panels)}"
                )
        else:
            yield from _sort_faults(f"{where}.sorts", store.get("sorts", {}))
            for key, file in store.get("french", {}).items():
                yield from _file_faults(f"{where}.french.{key}", file, root)
            tables = {**section["tables"], **store.get("tables", {})}
            yield from _path_faults(where, expanded(store["path"], root), table_names(tables))


def expanded(path: str, root: Path) -> Path:
    """Return the path of a store: ``~`` and ``$NAME`` stand for what they do in a shell.

    Parameters
    ----------
    path : str
    root : path
        Relative paths start at the working folder, or here if nothing is there.
    """
    named = shell_path(path)
    here = Path.cwd() / named
    return here if exists(here) else root / named


def _path_faults(where: str, path: Path, tables: Collection[str]) -> Iterator[str]:
    unsafe = sorted(UNSAFE & set(str(path)))
    if unsafe:
        yield (
            f"{where}.path is {path}: {' '.join(unsafe)} in a path are taken for patterns; rename "
            "the folder or file, or give a link to it whose path has none of {}[]*?"
        )
    elif os.path.isdir(path):  # noqa: PTH112 - Path raises where a name is too long
        found = {table_name(file).lower() for file in path.iterdir()}
        if not found & set(tables) or not parquet_files(path, tables):
            yield (
                f"{where}.path is {path}: not a SQLite database but a folder, and it has no "
                "crsp_monthly.parquet; give a SQLite file or the folder of the Parquet files"
            )
    elif not exists(path):
        yield f"{where}.path is {path}: there is no such file or folder; correct the path"
    else:
        try:
            require_regular(path)
        except DataError as error:
            yield f"{where}.path: {error}"


def _sort_faults(where: str, sorts: Mapping[str, Any]) -> Iterator[str]:
    for name, plan in sorts.items():
        if plan is True:
            yield (
                f"{where}.{name} is true: must be off or a mapping, for example "
                "{by: {size: [50], bm: [30, 70]}}"
            )
            continue
        for variable, at in plan["by"].items() if plan else ():
            if list(at) != sorted(set(at)):
                yield (
                    f"{where}.{name}.by.{variable} is {at}: percentiles must ascend, for example "
                    "[30, 70]"
                )


def _file_faults(where: str, file: str | bool, root: Path) -> Iterator[str]:
    if not file:
        return
    path = expanded(str(file), root)
    if UNSAFE & set(str(path)):
        yield f"{where} is {path}: none of {{}}[]*? may be in the path; rename the file"
    elif not is_file(path):
        yield f"{where} is {path}: there is no such file; correct the path, or write off"


def _plans(sorts: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the sorts that are switched on in their normal form, by name."""
    return tuple(
        {
            "name": name,
            "by": [[variable, [float(p) for p in at]] for variable, at in plan["by"].items()],
            "rebalance": plan.get("rebalance", "annual"),
        }
        for name, plan in sorted(sorts.items())
        if plan
    )


BUILT_IN = frozenset(
    {"me", "bm", "op", "inv", "ep", "cfp", "dp", "mom", "st_rev", "lt_rev", "be", "me_december"}
)
"""Variables of a sort that need no column of their own name."""


def own_columns(sorts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns of a store that sorts ask for by name."""
    named = [variable for plan in sorts for variable, _ in plan["by"]]
    return sorted(set(named) - BUILT_IN)


def tidy_config(section: Mapping[str, Any], root: Path, panels: Sequence[str] = ()) -> TidyConfig:
    """Return a section without faults in its types.

    Parameters
    ----------
    section : mapping
    root : path
        Relative paths start here.
    panels : sequence of str
        Configured panels that can be a store; the first is meant by "first".
    """
    first, unfilled = next(iter(panels), None), []
    common = {key: section[key] for key in OPTIONS}
    stores = {}
    for name, store in sorted(_switched_on(section).items()):
        panel = store.get("panel")
        if panel == FIRST:
            panel = first
            if panel is None:
                unfilled.append(name)
                continue
        path = expanded(store["path"], root) if "path" in store else None
        settings = common | {key: store[key] for key in OPTIONS if key in store}
        settings["busy_timeout"] = float(settings["busy_timeout"])
        settings["tables"] = {**section["tables"], **store.get("tables", {})}
        lags = settings["newey_west_lags"]
        settings["newey_west_lags"] = None if lags == "auto" else int(lags)
        settings["sorts"] = _plans(settings["sorts"])
        french = {**section["french"], **store.get("french", {})}
        settings["french"] = {key: expanded(file, root) for key, file in french.items() if file}
        stores[name] = StoreConfig(path=path, panel=panel, **settings)
    demo = section["demo"]
    return TidyConfig(
        stores=stores,
        published_data=section["published_data"],
        demo=DemoRules(demo["first_month"], int(demo["fiscal_year_end"]), demo["nyse"]),
        unfilled=tuple(unfilled),
    )


def _switched_on(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: store for name, store in section["stores"].items() if store is not False}


WARNING_FILES = (
    "evaluation.json",
    "op_evaluation.json",
    "pricing.json",
    "asset_pricing.json",
)
"""Results of a store that hold what a reader should know before believing them."""


def warnings_of(folder: Path, read: Callable[[Path], Mapping[str, Any]]) -> list[str]:
    """Return what a reader should know before believing the results of a store, each once.

    Parameters
    ----------
    folder : path
        Where the results of the store lie.
    read : callable
        Takes a file of results to its content.
    """
    found = [folder / file for file in WARNING_FILES if (folder / file).exists()]
    # Evaluations of published data alone have none.
    said = (read(path).get("warnings", ()) for path in found)
    return list(dict.fromkeys(line for lines in said for line in lines))


def lines_of_warnings(folder: Path, stores: Collection[str]) -> Iterator[str]:
    """Yield the warnings of the evaluated stores, each once, for the last lines of a run.

    Parameters
    ----------
    folder : path
        Where the results of stores lie.
    stores : collection of str
        Names of the stores of the run.
    """
    for name in stores:
        for line in warnings_of(folder / name, _read_or_nothing):
            yield f"store {name}: warning: {line}"


def _read_or_nothing(path: Path) -> Mapping[str, Any]:
    """Return what a file of results holds; what is wrong with it is not told in last lines."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}
