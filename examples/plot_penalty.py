"""
Sharpe ratio against the ridge penalty
======================================

A portfolio of Fama-MacBeth factors is fitted to a window of past returns. Too small a penalty
follows the noise of the window, too large a one gives up what the window says: the best lies
between, and stays far below what is attainable.
"""

import os

import matplotlib.pyplot as plt

import truepremia as tp

small = "TRUEPREMIA_SMALL" in os.environ
size = {"firms": 40, "months": 40} if small else {"firms": 300, "months": 240}

tp.plots.sharpe_by_penalty(tp.judge("kp14", tp.FamaMacBeth(), **size))
plt.show()
