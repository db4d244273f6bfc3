"""Types that every room uses."""

import numpy as np

Array = np.ndarray
"""A numpy array; shape and unit stand in the docstring that names it."""
