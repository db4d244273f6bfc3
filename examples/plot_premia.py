"""
Premia of characteristics against the truth
===========================================

The mean return of each Fama-MacBeth factor, beside its exact conditional mean over the same months.
The difference is luck alone: both have the same weights.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
panel = tp.simulate("bgn", firms=40 if small else 300, months=36 if small else 240)

method = tp.FamaMacBeth()
earned = panel.factors(method).mean()
true = np.zeros(len(earned))
for months, moments in zip(panel.cross_sections(), panel.moments(), strict=True):
    true += months.on_all_firms(method.weights(months.known)).T @ moments.mean
truth = dict(zip(earned.index, true / len(panel.month), strict=True))

tp.plots.premia(earned.to_dict(), truth)
plt.show()
