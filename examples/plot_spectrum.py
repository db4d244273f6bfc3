"""
Spectrum of an economy
======================

Eigenvalues of the exact conditional covariance of returns in one month. A few common shocks stand
apart from the risk of single firms.
"""

import os

import matplotlib.pyplot as plt

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
fig, ax = plt.subplots(layout="constrained")
for model in ("bgn", "kp14", "gkx20", "lw07"):
    panel = tp.simulate(model, firms=40 if small else 400, months=1)
    tp.plots.spectrum(next(panel.moments()), ax=ax)
    ax.lines[-1].set_label(panel.economy.title)
ax.legend()
plt.show()
