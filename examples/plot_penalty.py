"""
Sharpe ratio against the ridge penalty
======================================

A portfolio of Fama-MacBeth factors is fitted to a window of past returns. The penalty trades the
error of the fit against distance from the best portfolio; the truth says which side loses.
"""

import os

import matplotlib.pyplot as plt

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
size = {"firms": 40, "months": 40} if small else {"firms": 300, "months": 240}

tp.plots.sharpe_by_penalty(tp.judge("kp14", tp.FamaMacBeth(), **size))
plt.show()
