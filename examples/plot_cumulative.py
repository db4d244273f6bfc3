"""
Factors against the true SDF portfolio
======================================

Cumulative returns of Fama-French factors in the economy of Berk, Green and Naik, all scaled to the
risk of the first, beside the portfolio that mirrors the true stochastic discount factor. No
portfolio has a higher conditional Sharpe ratio than that one; over twenty years luck still lets a
factor come close, and smb, hml and the market do, while cma, rmw and umd earn nothing here.
"""

import os

import matplotlib.pyplot as plt

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
panel = tp.simulate("bgn", firms=40 if small else 300, months=36 if small else 240)

tp.plots.cumulative(panel.factors(tp.FamaFrench()), panel.truth()["sdf_ret"])
plt.show()
