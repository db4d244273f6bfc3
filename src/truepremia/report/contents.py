"""What the report shows of every economy: its tables and figures, in order, and their captions."""

from collections.abc import Mapping
from pathlib import Path

CAPTIONS = Path(__file__).with_name("captions")
"""One text for each table and figure; the page and Snakemake's own report show the same."""

TABLES: Mapping[str, str] = {
    "performance": "Portfolios of factors against the truth",
    "differences": "Differences from Fama-French",
    "factors": "Factor summary",
    "correlations": "Correlations of factors",
    "exposures": "What each factor captures",
    "captured": "What all factors together capture",
    "premia": "Model-implied and realised premia",
    "characteristics": "Cross-sectional distribution of returns and characteristics",
    "quantities": "Panels and their certificates",
}
"""Names and titles of the tables."""

FIGURES: Mapping[str, str] = {
    "performance": "Sharpe ratio and Hansen-Jagannathan distance",
    "sharpe_path": "Conditional Sharpe ratios over time",
    "cumulative": "Cumulative factor returns",
    "characteristics": "Conditional mean return by characteristic",
    "spectrum": "How many factors the economy has",
    "premia": "Premia: exact, model-implied, realised",
    "solution": "The solved economy",
}
"""Names and titles of the figures."""

BOARD_TABLES: Mapping[str, str] = {
    "headline": "Ranking",
    "paired": "Against the reference method, panel by panel",
    "realised": "What methods earned on real stocks",
}
"""Names and titles of the leaderboard's tables on the page."""

BOARD_FIGURES: Mapping[str, str] = {
    "share": "Share of the attainable Sharpe ratio",
    "penalty": "Sharpe ratio and penalty",
    "over_time": "Share over time",
    "factors": "Number of factors",
    "features": "Number of features",
    "realised": "Realised Sharpe ratio on real stocks",
}
"""Names and titles of the leaderboard's figures."""

WITHOUT_TRUTH = "realised"
"""The table and the figure that need no truth; what else the leaderboard has is held against it."""

PAGE_PARTS = tuple(
    Path(__file__).with_name(name) for name in ("page.html.jinja", "page.css", "page.js")
)
"""Template, style and script of the page."""


def exhibits_of(model: str) -> list[str]:
    """Return what the page shows of an economy, as paths below the report's folder."""
    tables = [f"tables/{model}_{name}.html" for name in TABLES]
    return tables + [f"figures/{model}_{name}.png" for name in FIGURES]


def caption_files() -> list[str]:
    """Return the paths of all captions."""
    tables = [f"{CAPTIONS}/table_{name}.rst" for name in TABLES]
    return tables + [f"{CAPTIONS}/figure_{name}.rst" for name in FIGURES]


def board_captions() -> list[str]:
    """Return the paths of the captions of the leaderboard."""
    tables = [f"{CAPTIONS}/table_board_{name}.rst" for name in BOARD_TABLES]
    return tables + [f"{CAPTIONS}/figure_board_{name}.rst" for name in BOARD_FIGURES]


def caption(kind: str, name: str) -> str:
    """Return the caption of a "table" or "figure" in one line."""
    return " ".join((CAPTIONS / f"{kind}_{name}.rst").read_text(encoding="utf-8").split())
