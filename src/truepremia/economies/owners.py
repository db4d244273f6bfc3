"""Sums over what firms own."""

import numpy as np

from truepremia.typing import Array


def total_by_owner(owner: Array, values: Array, firms: int) -> Array:
    """Return the sum of ``values`` of each firm's own, shape (firms,).

    Parameters
    ----------
    owner : array of int, shape (L,)
    values : array of float, shape (L,)
    firms : int
    """
    # Of nothing at all numpy counts whole numbers.
    return np.bincount(owner, weights=values, minlength=firms).astype(float, copy=False)
