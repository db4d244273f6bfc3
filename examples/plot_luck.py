"""
Luck of an honest and of a cheating method
==========================================

An honest portfolio earns its true mean plus noise: in any month its luck, the standardised sum of
all surprises so far, is about standard normal, though a path may leave the band for a while. A
method that knows the shocks of the month to come earns more than its mean again and again, and its
luck grows without bound.
"""

import os

import matplotlib.pyplot as plt
import numpy as np

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
panel = tp.simulate("bgn", firms=40 if small else 300, months=36 if small else 240)

luck = {"honest": [], "cheating": []}
for t, moments in enumerate(panel.moments()):
    honest = moments.sdf_portfolio()
    surprise = panel["xret"][t] - moments.mean
    cheating = honest + 0.1 * np.sign(surprise) * abs(honest)
    for name, weights in (("honest", honest), ("cheating", cheating)):
        luck[name].append(weights @ surprise / np.sqrt(moments.variance(weights)))

fig, ax = plt.subplots(layout="constrained")
count = np.arange(1, len(panel.month) + 1)
for name, surprises in luck.items():
    ax.plot(panel.month, np.cumsum(surprises) / np.sqrt(count), label=name)
ax.axhspan(-2, 2, color="#dddddd", label="within two standard errors")
ax.set(xlabel="month", ylabel="luck")
ax.legend()
plt.show()
