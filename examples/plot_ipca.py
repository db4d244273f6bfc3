"""
IPCA in an economy of characteristics
=====================================

In gkx20 loadings are functions of ranks of characteristics, and ten more, c1 to c10, are noise.
IPCA estimates which of them carry the factors: fitted to the months of one panel, its loadings
stand on bm, roe, mom and the constant, and are near zero for the noise.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import truepremia as tp
from truepremia.methods.instrumented import InstrumentedWindow
from truepremia.methods.ipca import instruments, readable

small = "TRUEPREMIA_SMALL" in os.environ
panel = tp.simulate("gkx20", firms=60 if small else 300, months=36 if small else 240)

past = []
for month in panel.cross_sections():
    Z = instruments(month.known)
    past.append((Z.T @ Z, Z.T @ month.earned, len(month.known)))
window = InstrumentedWindow.of(*(np.array(part) for part in zip(*past, strict=True)))
loadings, _ = readable(*window.optimum(3))

fig, ax = plt.subplots(layout="constrained", figsize=(8, 3))
image = ax.imshow(loadings.T, cmap="RdBu_r", vmin=-abs(loadings).max(), vmax=abs(loadings).max())
ax.set_xticks(range(len(loadings)), [*panel.economy.characteristics, "constant"], rotation=90)
ax.set_yticks(range(3), ["factor 1", "factor 2", "factor 3"])
fig.colorbar(image, label="loading", shrink=0.7)
plt.show()
