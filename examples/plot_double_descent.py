"""
Double descent of random features
=================================

Didisheim, Ke, Kelly and Malamud combine random features of characteristics. Without a penalty the
Sharpe ratio falls where features are about as many as months of the window, and rises beyond.
"""

import os

import matplotlib.pyplot as plt

import truepremia as tp
from truepremia.methods.dkkm import DKKM

small = "TRUEPREMIA_SMALL" in os.environ
window = 20 if small else 90
size = {"firms": 40, "months": 30} if small else {"firms": 200, "months": 180}
counts = [2 * max(1, int(window * share / 2)) for share in (0.1, 0.3, 0.6, 0.9, 1.0, 1.2, 2, 4)]
counts = sorted(set(counts))

judged = tp.judge("kp14", DKKM(features=counts), window=window, **size)
fig, ax = plt.subplots(layout="constrained")
for alpha in (0.0, 1e-3, 0.1):
    rows = judged[(judged["choice"] == "alpha") & (judged["alpha"] == alpha)]
    share = rows.set_index("variant")["share"]
    ax.plot(counts, [share[f"D={count}"] for count in counts], marker="o", label=f"{alpha:g}")
ax.axvline(window, color="black", ls=":", label="months of the window")
ax.set(xscale="log", xlabel="features", ylabel="share of the attainable Sharpe ratio")
ax.legend(title="ridge penalty")
plt.show()
