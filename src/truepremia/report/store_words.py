"""Captions and headings of the empirical track on the page."""

from collections.abc import Mapping

FIGURE_CAPTIONS: Mapping[str, str] = {
    "fitted": "Published against replicated monthly returns of each factor, with the 45-degree "
    "line and the fitted one.",
    "cumulative": "Cumulated log returns of the published and of the replicated factors.",
    "rolling": "R² and slope of the published on the replicated returns, over the last 60 months.",
    "differences": "Published minus replicated returns, month by month.",
    "stocks_per_cell": "Number of stocks in each of the six portfolios on size and book-to-market.",
    "breakpoints": "NYSE breakpoints of every June against the distribution of all stocks.",
    "cell_heatmaps": "Mean number of stocks, mean size and mean return of the six portfolios.",
    "op_evaluation": "R² of every portfolio on profitability against Kenneth French's, by decade.",
}
"""By stem of the figure's file."""

TABLE_CAPTIONS: Mapping[str, str] = {
    "evaluation": "Regressions of the published factor on the replicated one, over all months and "
    "by decade. A replication that is exact has intercept 0, slope 1 and R² 1; the joint F tests "
    "the first two together. Returns are decimals per month. Low and high end the 95% interval.",
    "pricing": "The GRS test that all alphas are zero, the alphas of the portfolios, and premia by "
    "Fama and MacBeth. Alphas and premia are decimals per month.",
    "op_evaluation": "Regressions of Kenneth French's portfolios sorted on operating profitability "
    "on the replicated ones, over all months and by decade; returns are decimals per month.",
    "asset_pricing": "The GRS test, alphas and premia of Kenneth French's portfolios on the "
    "replicated and on the published factors, with errors of Newey and West and of Shanken.",
}
"""By stem of the table's file."""

HEADINGS: Mapping[str, str] = {
    "first_month": "from",
    "last_month": "to",
    "intercept_se": "s.e. of intercept",
    "intercept_t": "t of intercept",
    "intercept_p": "p of intercept",
    "intercept_low": "intercept, low",
    "intercept_high": "intercept, high",
    "intercept_newey_west_t": "Newey-West t of intercept",
    "slope_se": "s.e. of slope",
    "slope_t": "t of slope, against 0",
    "slope_p": "p of slope",
    "slope_low": "slope, low",
    "slope_high": "slope, high",
    "slope_newey_west_t": "Newey-West t of slope",
    "r2": "R²",
    "adj_r2": "adjusted R²",
    "f": "F",
    "f_p": "p of F",
    "joint_f": "joint F: intercept 0, slope 1",
    "joint_p": "p of joint F",
    "newey_west_lags": "Newey-West lags",
    "difference_mean": "mean difference",
    "difference_sd": "s.d. of difference",
    "se": "s.e.",
    "se_newey_west": "Newey-West s.e.",
    "t_newey_west": "Newey-West t",
    "p_newey_west": "Newey-West p",
    "se_shanken": "Shanken s.e.",
    "t_shanken": "Shanken t",
    "p_shanken": "Shanken p",
}
"""Words for the columns of tables; what is not listed is shown as it is, blanks for underscores."""
