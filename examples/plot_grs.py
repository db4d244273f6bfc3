"""
A GRS test on real series
=========================

Do the factors leave alphas? The statistic of Gibbons, Ross and Shanken for the CAPM and the three
factors, on portfolios of real stocks, 1949 to 2017, that the package linearmodels ships. All four
tests reject; size and value factors help with portfolios sorted by size and value, and do worse
than the market alone with industries.
"""

import matplotlib.pyplot as plt

from truepremia.tidy.french import price_published

rows = [
    (f"{test.model}, {portfolios}", test)
    for portfolios, pricing in price_published().items()
    for test in pricing.alphas["published"]
]
fig, ax = plt.subplots(layout="constrained", figsize=(7, 3.6))
ax.barh([name for name, _ in rows], [test.grs for _, test in rows])
for place, (_, test) in enumerate(rows):
    ax.text(test.grs, place, f" p = {test.p:.3g}", va="center")
ax.axvline(1, color="black", ls=":", label="mean without alphas, about 1")
ax.set_xlabel("GRS statistic")
ax.margins(x=0.3)
ax.invert_yaxis()
fig.legend(loc="outside upper center")
plt.show()
