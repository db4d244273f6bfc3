"""The leaderboard on the page: what is said where panels are simulated, real, or both."""

import numpy as np
import pandas as pd
import pytest

from truepremia.judgement.leaderboard import leaderboard, panel_rows
from truepremia.judgement.realised import realised_rows
from truepremia.methods.entry import Entry
from truepremia.report.board import Exhibits
from truepremia.report.board_inputs import NO_REALISED_ROWS, NO_ROWS

MONTHS = 40
METHODS = {name: Entry(name, kind=name) for name in ("capm", "ff", "fm")}
"""All that are configured; fm is judged on no panel."""


def statistics(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "month": np.arange(MONTHS),
        "variant": np.full(MONTHS, "", dtype=object),
        "choice": np.full(MONTHS, "loo", dtype=object),
        "alpha": np.full(MONTHS, np.nan),
        "stdev": rng.uniform(0.5, 1.5, MONTHS),
        "mean": rng.uniform(0.05, 0.2, MONTHS),
        "xret": rng.normal(0.1, 1, MONTHS),
        "hjd": rng.uniform(0.1, 0.3, MONTHS),
        "turnover": rng.uniform(0, 1, MONTHS),
    }


def exhibits(simulated: int = 0, real: int = 0) -> Exhibits:
    theta = dict.fromkeys(range(MONTHS), 0.4)
    judged = [name for name in METHODS if name != "fm"]
    rows = [
        panel_rows("bgn", f"bgn_{p}", method, statistics(10 * p + m), theta)
        for p in range(simulated)
        for m, method in enumerate(judged)
    ]
    earned = [
        realised_rows(f"us{p}", method, statistics(100 + 10 * p + m)).assign(headline=True)
        for p in range(real)
        for m, method in enumerate(judged)
    ]
    board = leaderboard(pd.concat(rows) if rows else NO_ROWS, {}, "capm", {"bgn": simulated})
    realised = pd.concat(earned, ignore_index=True) if earned else NO_REALISED_ROWS
    return Exhibits(board, METHODS, realised, {}, {})


@pytest.mark.parametrize(
    ("simulated", "real", "said"),
    [
        (2, 0, "2 methods on 2 simulated panels"),
        (0, 1, "2 methods on 1 real panel"),
        (1, 2, "2 methods on 1 simulated panel and 2 real panels"),
        (0, 0, "0 methods on no panel"),
    ],
)
def test_the_log_counts_judged_methods_and_both_kinds_of_panels(simulated, real, said):
    assert exhibits(simulated, real).judged == said
