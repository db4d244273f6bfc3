"""The ``tidy`` section of the configuration: stores and how they are replicated."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from truepremia.files.results import PUBLISHED
from truepremia.panel import Size

OPTIONS = ("profile", "five_factor_sort", "op_require_cost", "coerce", "busy_timeout")
"""Keys of the section that a store may set for itself."""

LEAST_FIRMS, LEAST_MONTHS = 20, 36
"""Smallest panel that is exported unasked: fewer firms or months leave nothing to sort."""

_TABLE_STEMS = ("crsp_monthly",)


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
    """

    path: Path | None
    panel: str | None
    profile: Literal["auto", "seed2023", "book2026"]
    five_factor_sort: Literal["dependent", "independent"]
    op_require_cost: bool
    coerce: bool
    busy_timeout: float

    def source(self) -> str | list[str] | None:
        """Return the file of the user's own store, or its Parquet files, None for a panel's."""
        if self.path is None:
            return None
        if self.path.is_dir():
            return [str(file) for file in sorted(self.path.glob("*.parquet"))]
        return str(self.path)


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
    """

    stores: Mapping[str, StoreConfig]
    published_data: bool
    demo: DemoRules

    def built(self, size: Size) -> list[str]:
        """Return the stores that a run of panels of ``size`` builds without being asked to."""
        enough = size.firms >= LEAST_FIRMS and size.months >= LEAST_MONTHS
        return [name for name, store in self.stores.items() if enough or not store.panel]

    def stage_settings(self, rule: str, name: str, seed: int) -> dict[str, Any]:
        """Return the part of the configuration that ``rule`` reads for the store ``name``."""
        store = self.stores[name]

        def chosen(*keys: str) -> dict[str, Any]:
            return {key: getattr(store, key) for key in keys}

        if rule == "export_demo_store":
            model, _, index = str(store.panel).rpartition("_")
            return {"model": model, "index": index, "seed": seed, "demo": asdict(self.demo)}
        by_rule = {
            "read_store": chosen("coerce", "busy_timeout"),
            "replicate_factors": chosen("profile", "five_factor_sort", "op_require_cost"),
            "replicate_exercises": chosen("profile", "op_require_cost"),
            "evaluate_replication": chosen("profile"),
        }
        return by_rule.get(rule, {})


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
    for name, store in _switched_on(section).items():
        where = f"tidy.stores.{name}"
        if name == PUBLISHED:
            yield f"{where}: the folder {PUBLISHED} holds published data; choose another name"
        elif store is True or ("path" in store) == ("panel" in store):
            yield (
                f"{where}: must have a path or a panel, and not both, for example "
                "{path: data/tidy_finance.sqlite} or {panel: bgn_0}; off switches a store off"
            )
        elif "panel" in store:
            model = store["panel"].rpartition("_")[0]
            if model not in panels:
                yield (
                    f"{where}.panel is {store['panel']}: there is no calibration of {model}; "
                    f"choose a panel of {', '.join(panels)}"
                )
        else:
            yield from _path_faults(where, root / store["path"])


def _path_faults(where: str, path: Path) -> Iterator[str]:
    if path.is_dir():
        missing = [stem for stem in _TABLE_STEMS if not (path / f"{stem}.parquet").exists()]
        if missing:
            yield (
                f"{where}.path is {path}: not a SQLite database but a folder, and it has no "
                f"{missing[0]}.parquet; give a SQLite file or the folder of the Parquet files"
            )
    elif not path.exists():
        yield f"{where}.path is {path}: there is no such file or folder; correct the path"


def tidy_config(section: Mapping[str, Any], root: Path) -> TidyConfig:
    """Return a section without faults in its types."""
    common = {key: section[key] for key in OPTIONS}
    stores = {}
    for name, store in sorted(_switched_on(section).items()):
        path = root / store["path"] if "path" in store else None
        settings = common | {key: store[key] for key in OPTIONS if key in store}
        settings["busy_timeout"] = float(settings["busy_timeout"])
        stores[name] = StoreConfig(path=path, panel=store.get("panel"), **settings)
    demo = section["demo"]
    return TidyConfig(
        stores=stores,
        published_data=section["published_data"],
        demo=DemoRules(demo["first_month"], int(demo["fiscal_year_end"]), demo["nyse"]),
    )


def _switched_on(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: store for name, store in section["stores"].items() if store is not False}
