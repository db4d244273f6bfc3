"""
Spectrum of an economy
======================

Eigenvalues of the exact conditional covariance of returns in one month. The few common shocks of an
economy stand at the left, above the flat part, the risk of single firms. In kp14 one shock has most
of the variance. gs21 is left out because solving it takes minutes.
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
