"""What a method is, what it returns, and the returns of its factors.

A method sees what is :class:`~truepremia.panel.Known` at the end of a month and forms factors or
final portfolios. What they earn is shown to it afterwards, once its weights are copied.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

import numpy as np

from truepremia.columns import factor_of
from truepremia.errors import DataError, MethodError, shortened
from truepremia.panel import CrossSection, Known
from truepremia.parallel import in_order
from truepremia.typing import Array

MARKET = "mkt_rf"

NO_MONTH = "there is no month to form factors in: give at least one cross-section"


def require_choices(method: Any) -> None:
    """Refuse an argument that is none of those its type lists, for ``__post_init__``.

    Raises
    ------
    MethodError
        Naming argument, value and choices.
    """
    for name, hint in get_type_hints(type(method)).items():
        value, choices = getattr(method, name, None), get_args(hint)
        if get_origin(hint) is Literal and value not in choices:
            raise MethodError(
                f"{name} is {shortened(repr(value), 60)}: must be {' or '.join(map(repr, choices))}"
            )


def factor_names(characteristics: Iterable[str]) -> tuple[str, ...]:
    """Return the factors of ``characteristics`` in their order, the market last."""
    return (*(factor_of(c) for c in characteristics), MARKET)


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors of one month; the engine combines them into portfolios.

    Parameters
    ----------
    weights : array, shape (n, K)
        Weights on the firms that are known.
    names : tuple of str
        Names of the K factors, the same in every month.
    past : array, shape (rows, K), optional
        Returns of the window's months, the last row the latest, under today's definition of the
        factors, for methods that change it as they learn. Without it the engine takes what the
        factors of this variant really earned.
    variant : str
        Which of the method's several sets of factors this is.
    """

    weights: Array
    names: tuple[str, ...]
    past: Array | None = None
    variant: str = ""


@dataclass(frozen=True, eq=False)
class Portfolio:
    """Final weights of the discount factor 1 - w'r, taken as they are.

    Parameters
    ----------
    weights : array, shape (n,)
        Weights on the firms that are known.
    variant : str
        Which of the method's portfolios this is.
    choice : {"own", "alpha", "loo"}
        How its penalty was chosen.
    alpha : float
        The penalty if ``choice`` is "alpha", else NaN.
    """

    weights: Array
    variant: str = ""
    choice: str = "own"
    alpha: float = np.nan


@dataclass(frozen=True, eq=False)
class Setting:
    """What a method is told before the first month.

    Parameters
    ----------
    names : tuple of str
        Names of the C characteristics.
    window : int
        Months W of the window: the past that portfolios of month t are fitted to is t-W .. t-1.
    alphas : tuple of float
        Ridge penalties of the run, ascending.
    generator : callable
        Takes a number k to the k-th random generator of this panel and method.
    """

    names: tuple[str, ...]
    window: int
    alphas: tuple[float, ...]
    generator: Callable[[int], np.random.Generator]


@runtime_checkable
class Method(Protocol):
    """A method that may learn from month to month.

    It may also have ``start(setting)``, called once before the first month, and
    ``learn(known, returns)``, called after ``form`` in every month with the excess returns (n,)
    that the firms of ``known`` earned. A class attribute ``truth = True`` says that it uses the
    true loadings: ``known`` is then a :class:`~truepremia.panel.KnownTruth`.
    """

    def form(self, known: Known) -> Iterable[Factors | Portfolio]:
        """Return the factors or portfolios of the month, nothing if it is not ready yet."""
        ...


@runtime_checkable
class FactorMethod(Protocol):
    """A method without memory: one month's firms to the weights of its factors.

    Returns and statistics both use :meth:`weights`: it is the one definition of the portfolios.
    """

    def weights(self, known: Any) -> Array:
        """Return the factors' weights on the firms, shape (n, K)."""
        ...

    def names(self, known: Any) -> tuple[str, ...]:
        """Return the names of the K factors."""
        ...


@dataclass(frozen=True, eq=False)
class FactorReturns:
    """Monthly returns of K factors.

    Parameters
    ----------
    month : array of int, shape (T,)
        Month t of the formation; the return is earned from t to t + 1.
    names : tuple of str
    returns : array, shape (T, K)
        Excess returns per month; NaN in months without an investable firm.
    """

    month: Array
    names: tuple[str, ...]
    returns: Array


@dataclass(frozen=True, eq=False)
class Formation:
    """The factors formed from one month's cross-section.

    Parameters
    ----------
    names : tuple of str
    weights : array, shape (n, K)
        Weights on the investable firms.
    returns : array, shape (K,)
        Excess returns from the month to the next; NaN if no firm is investable.
    """

    names: tuple[str, ...]
    weights: Array
    returns: Array


def form(method: FactorMethod, cross_section: CrossSection) -> Formation:
    """Form the factors of a method without memory in one month."""
    known = cross_section.known_truth if uses_truth(method) else cross_section.known
    weights = method.weights(known)
    return Formation(method.names(known), weights, returns_of(weights, cross_section.earned))


def returns_of(weights: Array, earned: Array) -> Array:
    """Return what factors earn, shape (K,); NaN where there is no firm to hold.

    Parameters
    ----------
    weights : array, shape (n, K)
    earned : array, shape (n,)
        Excess returns of the same firms.
    """
    return weights.T @ earned if len(earned) else np.full(weights.shape[1], np.nan)


def uses_truth(method: object) -> bool:
    """Return whether a method declares that it uses the true loadings."""
    return bool(getattr(method, "truth", False))


def factor_returns(
    method: FactorMethod, cross_sections: Iterable[CrossSection], threads: int = 1
) -> FactorReturns:
    """Return the monthly returns of the factors of ``method``.

    Parameters
    ----------
    method : FactorMethod
    cross_sections : iterable of CrossSection
        At least one month, in calendar order; consumed month by month.
    threads : int
        Months that are formed at a time; the results do not depend on it.

    Raises
    ------
    MethodError
        If ``method`` is no such object.
    DataError
        If there is no month.
    """
    if isinstance(method, type) or not (hasattr(method, "weights") and hasattr(method, "names")):
        raise MethodError(
            f"method is {shortened(repr(method), 60)}: must be an object with weights and names, "
            "for example tp.FamaFrench()"
        )

    def earned(cross_section: CrossSection) -> tuple[int, tuple[str, ...], Array]:
        formed = form(method, cross_section)
        return cross_section.month, formed.names, formed.returns

    found = list(in_order(earned, cross_sections, threads))
    if not found:
        raise DataError(NO_MONTH)
    months, names, rows = zip(*found, strict=True)
    return FactorReturns(np.array(months), names[0], np.array(rows))
