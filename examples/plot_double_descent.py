"""
Double descent of random features
=================================

Didisheim, Ke, Kelly and Malamud combine random features of characteristics. Without a penalty the
portfolio is worst where features are about as many as months of the window, and better again
beyond. With enough of a penalty more features only help. Means over three panels of the economy of
Gu, Kelly and Xiu.
"""

import os

import matplotlib.pyplot as plt
import pandas as pd

import truepremia as tp
from truepremia.methods.dkkm import DKKM

small = "TRUEPREMIA_SMALL" in os.environ
window = 20 if small else 60
size = {"firms": 40, "months": 30} if small else {"firms": 150, "months": 180}
counts = [6, 12, 20, 40] if small else [6, 18, 36, 48, 60, 72, 120, 240, 480]

judged = pd.concat(
    tp.judge("gkx20", DKKM(features=counts), window=window, index=index, **size)
    for index in range(1 if small else 3)
)
shares = judged[judged["choice"] == "alpha"].groupby(["alpha", "variant"])["share"].mean()

fig, ax = plt.subplots(layout="constrained")
for alpha in (0.0, 1e-3, 0.1):
    share = shares[alpha]
    ax.plot(counts, [share[f"D={count}"] for count in counts], marker="o", label=f"{alpha:g}")
ax.axvline(window, color="black", ls=":", label="months of the window")
ax.set(xscale="log", xlabel="features", ylabel="share of the attainable Sharpe ratio")
ax.set_xticks(counts, [str(count) for count in counts])
ax.minorticks_off()
fig.legend(title="ridge penalty", loc="outside upper center", ncols=4)
plt.show()
