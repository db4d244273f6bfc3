"""
A GRS test on real series
=========================

Do the factors leave alphas? The statistic of Gibbons, Ross and Shanken for the CAPM and the three
factors, on portfolios that the package linearmodels ships.
"""

import matplotlib.pyplot as plt

from truepremia.tidy.french import price_published

rows = [
    (f"{test.model}, {portfolios}", test)
    for portfolios, pricing in price_published().items()
    for test in pricing.alphas["published"]
]
fig, ax = plt.subplots(layout="constrained")
ax.barh([name for name, _ in rows], [test.grs for _, test in rows])
for place, (_, test) in enumerate(rows):
    ax.text(test.grs, place, f" p = {test.p:.3g}", va="center")
ax.set_xlabel("GRS statistic; about 1 where there are no alphas")
ax.margins(x=0.2)
plt.show()
