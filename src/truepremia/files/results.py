"""What lies where in a folder of results; every path is relative to that folder."""

from collections.abc import Iterable

from truepremia.economies.registry import economy
from truepremia.files.records import RECORDS
from truepremia.methods.registry import BUNDLED, bundled

FOLDERS = ("panels", "solutions", "tidy", "real", "leaderboard", "report")
"""Folders of what a run makes, in a folder of results."""

PARTS_OF_RESULTS = (*FOLDERS, RECORDS, "logs")
"""All folders in a folder of results."""

PANEL_TABLES = ("panel", "aggregates", "states", "moments", "sdf")
LARGE_TABLES = ("panel", "states", "moments")
"""Tables that hold most of a panel's bytes, and that a run need not keep."""

STATISTICS_TABLES = tuple(dict.fromkeys(method.statistics for method in BUNDLED.values()))

MANIFEST, BUNDLE = "_manifest.json", "_fama.pkl"
"""Ends of the names of a panel's manifest and bundle."""

OPENS_WITH = {"numpy": "1.26", "pandas": "1.5"}
"""The oldest releases that open a bundle; numpy 2 writes arrays under the name ``numpy._core``."""

PUBLISHED = "french"
"""Folder of the evaluation of published series, so no name for a store."""

REPLICATION_FIGURES = tuple(
    f"figures/{name}.{suffix}"
    for name in (
        *("fitted", "cumulative", "rolling", "differences"),
        *("stocks_per_cell", "breakpoints", "cell_heatmaps"),
    )
    for suffix in ("pdf", "png")
)
_STORE_TABLES = (
    *("stocks", "variables", "accounts", "published", "formations", "breakpoints", "cells"),
    *("factors", "portfolios", "two_years", "op_portfolios", "op_breakpoints", "rolling"),
    *("momentum", "sorts", "sort_breakpoints"),
)
_STORE_TEXTS = (
    *("store.json", "replication.json", "sorts.json", "pricing.json", "pricing.csv"),
    *("evaluation.json", "evaluation.csv", "evaluation.txt"),
)
COMPARED_FILES = {
    "op_portfolios": (
        *("op_evaluation.csv", "op_evaluation.json", "op_evaluation.txt"),
        *("figures/op_evaluation.pdf", "figures/op_evaluation.png"),
    ),
    "test_assets": ("asset_pricing.json", "asset_pricing.csv"),
}
"""What is made of a store where a file of Kenneth French's is given, by the file's key."""

_PUBLISHED_TEXTS = tuple(
    f"{what}.{suffix}" for what in ("evaluation", "pricing") for suffix in ("json", "csv")
)

BOARD_FIGURES = ("share", "penalty", "over_time", "factors", "features", "realised")
BOARD_FILES = {
    "page": "leaderboard.html",
    "csv": "leaderboard.csv",
    "headline": "headline.csv",
    "tex": "leaderboard.tex",
    "panels": "panels.csv",
    "paired": "paired.csv",
    "realised": "realised.csv",
    **{
        f"{name}_{suffix}": f"figures/{name}.{suffix}"
        for name in BOARD_FIGURES
        for suffix in ("pdf", "png")
    },
}


def panel_files(panel_id: str) -> dict[str, str]:
    """Return every file of a simulated panel by its name in the manifest, which is left out."""
    model = panel_id.rsplit("_", 1)[0]
    loadings = economy(model).loadings
    methods = bundled(loadings).values()
    tables = [*PANEL_TABLES, *(method.returns for method in methods), *STATISTICS_TABLES]
    tables += [f"model_premia_{name}" for name in loadings]
    return {
        "bundle": f"{panel_id}{BUNDLE}",
        **{table: f"panels/{panel_id}/{table}.parquet" for table in tables},
        "solution": f"solutions/{model}.npz",
        "diagnostics": f"solutions/{model}.json",
    }


def store_files(store: str, given: Iterable[str] = ()) -> list[str]:
    """Return every file that is replicated from a store.

    Parameters
    ----------
    store : str
    given : iterable of str
        Keys of the files of Kenneth French's that it is compared with.
    """
    tables = [f"{table}.parquet" for table in _STORE_TABLES]
    compared = [file for key in given for file in COMPARED_FILES.get(key, ())]
    files = (*tables, *_STORE_TEXTS, *REPLICATION_FIGURES, *compared)
    return [f"tidy/{store}/{file}" for file in files]


def published_files() -> list[str]:
    """Return every file of the evaluation of published series."""
    return [f"tidy/{PUBLISHED}/{file}" for file in _PUBLISHED_TEXTS]


def method_files(panel_id: str, method: str, track: str = "panels") -> dict[str, str]:
    """Return the files of a judged method on a panel.

    Parameters
    ----------
    panel_id, method : str
    track : {"panels", "real"}
        Whether the panel is simulated or of real stocks.
    """
    folder = f"{track}/{panel_id}/methods/{method}"
    return {"returns": f"{folder}_returns.parquet", "stats": f"{folder}_stats.parquet"}


def large_files(panel_id: str) -> list[str]:
    """Return the files of a panel that a run need not keep."""
    return [f"panels/{panel_id}/{table}.parquet" for table in LARGE_TABLES]


def of_panels(panel_ids: Iterable[str], table: str) -> list[str]:
    """Return one table of several panels."""
    return [f"panels/{panel_id}/{table}.parquet" for panel_id in panel_ids]
