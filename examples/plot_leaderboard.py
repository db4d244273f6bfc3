"""
A small leaderboard
===================

Four methods on one panel, by the share of the attainable Sharpe ratio that they reach with the
penalty that leave-one-out chooses. Here ff and fm are equal to a percent, and another panel may
turn them round: ``make leaderboard`` ranks over panels, with standard errors.
"""

import os

import matplotlib.pyplot as plt

import truepremia as tp
from truepremia.methods.capm import CAPM
from truepremia.methods.managed import Managed
from truepremia.methods.pca import PCA

small = "TRUEPREMIA_SMALL" in os.environ
size = {"firms": 40, "months": 40} if small else {"firms": 300, "months": 240}

methods = {
    "capm": CAPM(),
    "ff": tp.FamaFrench(),
    "fm": tp.FamaMacBeth(),
    "pca": PCA(Managed(), factors=[3]),
}
shares = {}
for name, method in methods.items():
    judged = tp.judge("bgn", method, **size)
    shares[name] = judged.loc[judged["choice"] == "loo", "share"].iloc[0]

tp.plots.shares(shares)
plt.show()
