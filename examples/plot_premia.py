"""
Premia of characteristics against the truth
===========================================

The mean return of each Fama-MacBeth factor, beside the mean of its exact conditional premium over
the same months. Both have the same weights, so their difference is luck alone, and twenty years
leave much of it: the premia of cma, rmw and umd are about zero, what they earned is not.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
panel = tp.simulate("bgn", firms=40 if small else 300, months=36 if small else 240)

method = tp.FamaMacBeth()
returns = panel.factors(method)
true = np.zeros(returns.shape[1])
for months, moments in zip(panel.cross_sections(), panel.moments(), strict=True):
    true += months.on_all_firms(method.weights(months.known)).T @ moments.mean
truth = dict(zip(returns, true / len(panel.month), strict=True))

tp.plots.premia(returns.mean(), truth, errors=returns.sem())
plt.show()
