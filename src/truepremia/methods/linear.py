"""Linear algebra that several methods and their judgement share."""

import numpy as np

from truepremia.typing import Array

RANK_CUT = 1e-12
"""Eigenvalues of a Gram matrix below this share of the largest count as zero."""

SINGULAR = 1e-14
"""Eigenvalues of X'X below this share of the largest count as zero when alpha is zero."""

DECIDES_ALONE = 1e-12
"""Below this one minus a leverage has no digits left."""

SHRINKAGE = np.logspace(-6, 1, 15)
"""Penalties among which the leave-one-out choice combines, per mean eigenvalue of X'X / rows."""

FLAT = 1e-10
"""Scores that add up to no more than this in absolute value do not tell firms apart."""


def minimum_norm_inverse(gram: Array) -> Array:
    """Return the pseudo-inverse of a symmetric positive semi-definite matrix, shape (K, K)."""
    value, vector = np.linalg.eigh(gram)
    kept = value > RANK_CUT * value[-1]
    return np.asarray((vector[:, kept] / value[kept]) @ vector[:, kept].T)


def principal_axes(moments: Array, mean: Array) -> tuple[Array, Array]:
    """Return eigenvalues, ascending, and eigenvectors of second moments of portfolios.

    Of the directions without variance, as with more portfolios than months, which have no axes of
    their own, the last is the mean's part among them: so that whatever is made of the axes follows
    where the portfolios are turned or put in another order.

    Parameters
    ----------
    moments : array, shape (P, P)
        Positive semi-definite.
    mean : array, shape (P,)
    """
    value, vector = np.linalg.eigh(moments)
    flat = int((value <= RANK_CUT * value[-1]).sum())
    if flat > 1:
        part = vector[:, :flat].T @ mean
        turn = np.linalg.qr(np.column_stack([part, np.eye(flat)]))[0]
        vector[:, :flat] = vector[:, :flat] @ turn[:, ::-1]
    return value, vector


def left_out_returns(fitted: Array, leverage: Array) -> Array:
    """Return what ridge portfolios earn in each month, fitted without that month.

    R_s = ((H 1)_s - h_ss) / (1 - h_ss), exactly, with H the matrix that takes the constant of one
    to what the fitted portfolio earns in the window. Where a month alone decides what is fitted to
    it, nothing is known of it from the others and its return is zero.

    Parameters
    ----------
    fitted : array, shape (rows, I)
        H 1 at I penalties.
    leverage : array, shape (rows, I)
        h_ss.
    """
    left = 1 - leverage
    known = left > DECIDES_ALONE
    return np.asarray(np.divide(fitted - leverage, left, out=np.zeros_like(left), where=known))


def left_out_shares(left_out: Array) -> Array:
    """Return the combination of portfolios that is best on the months left out.

    q = argmin_{q >= 0} |1 - R q|^2. If q = 0 the last portfolio, the most shrunk one, is taken,
    so that a direction remains. After Kelly, Malamud, Pourmohammadi and Trojani (2023), with the
    second moment as objective.

    Parameters
    ----------
    left_out : array, shape (rows, I)
        R of :func:`left_out_returns`, penalties ascending.

    Returns
    -------
    array, shape (I,)
    """
    from scipy.optimize import nnls  # most methods of a run do without scipy

    q = np.zeros(left_out.shape[1])
    if len(left_out):
        q, _ = nnls(left_out, np.ones(len(left_out)))
    if not q.any():
        q[-1] = 1.0
    return np.asarray(q)


def at_gross_two(scores: Array) -> Array:
    """Return columns of scores scaled to one long and one short, 2 g / sum |g|.

    Parameters
    ----------
    scores : array, shape (n, K)
        Columns of mean zero; a column of zeros stays zero.
    """
    gross = np.abs(scores).sum(axis=0)
    return np.asarray(np.divide(2 * scores, gross, out=np.zeros(scores.shape), where=gross > FLAT))
