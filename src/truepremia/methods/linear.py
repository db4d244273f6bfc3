"""Linear algebra that several methods share."""

import numpy as np

from truepremia.typing import Array

RANK_CUT = 1e-12
"""Eigenvalues of a Gram matrix below this share of the largest count as zero."""


def minimum_norm_inverse(gram: Array) -> Array:
    """Return the pseudo-inverse of a symmetric positive semi-definite matrix, shape (K, K)."""
    value, vector = np.linalg.eigh(gram)
    kept = value > RANK_CUT * value[-1]
    return np.asarray((vector[:, kept] / value[kept]) @ vector[:, kept].T)
