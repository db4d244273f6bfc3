"""Return predictions by any regressor of scikit-learn, sorted into a portfolio.

The one module that needs scikit-learn, which it imports when a run begins and not before.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any, Literal

import numpy as np

from truepremia.errors import MethodError
from truepremia.methods.contract import Factors, Setting, require_choices
from truepremia.methods.linear import at_gross_two
from truepremia.panel import Known, centred_ranks
from truepremia.portfolios import value_weights
from truepremia.typing import Array

FIRST = 120
"""Months before the first fit where nothing is said, or the window if that is shorter."""

DECIMALS = 14
"""Predictions that agree to so many decimals tie: a sum's rounding must not rank firms."""

FACTORS = ("predicted", "market")


@dataclass(eq=False)
class Predictor:
    """Two factors: the portfolio that a regressor's predictions make, and the market.

    As in Gu, Kelly and Xiu (2020), "Empirical asset pricing via machine learning", eq. (1): the
    expected return is a function of characteristics, here of their ranks, the same for all firms
    and all months of a window. Every few months a new regressor is fitted on all firm-months of
    the window. The past is what the predictions really earned when they were made: a flexible
    learner looks brilliant on the rows it was fitted to.

    Parameters
    ----------
    regressor : str
        Dotted name of a class with fit and predict, such as
        "sklearn.linear_model.LinearRegression".
    arguments : mapping
        Arguments of its constructor.
    refit : int
        Months from fit to fit.
    first : int, optional
        Months of the panel before the first fit; 120 or the window, whichever is shorter, where
        nothing is said.
    target : {"return", "demeaned", "rank"}
        What is predicted: the excess return to the next month, less its mean over the firms of the
        month, or its centred rank among them.
    portfolio : {"rank", "proportional"}
        Whether weights are the ranks of the predictions, or their distances from the mean; one
        long, one short.
    market : {"equal", "value"}
        Weights of the market.
    """

    regressor: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    refit: int = 12
    first: int | None = None
    target: Literal["return", "demeaned", "rank"] = "return"
    portfolio: Literal["rank", "proportional"] = "rank"
    market: Literal["equal", "value"] = "equal"
    _class: Any = field(init=False, repr=False)
    _arguments: dict[str, Any] = field(init=False, repr=False)
    _past: deque[tuple[Array, Array]] = field(init=False, repr=False)
    _months: int = field(init=False, default=0)
    _first: int = field(init=False, default=FIRST)
    _fitted: Any = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        require_choices(self)

    def start(self, setting: Setting) -> None:
        """Import the regressor; its draws and its threads are settled where it has any.

        Raises
        ------
        MethodError
            If its package is not installed, or the class is not there or takes other arguments.
        """
        self._class = _imported(self.regressor)
        settled = {
            "random_state": int(setting.generator(0).integers(2**31)),
            "n_jobs": 1,
            "copy_X": False,
        }
        taken = signature(self._class).parameters
        self._arguments = {k: v for k, v in settled.items() if k in taken} | dict(self.arguments)
        try:
            self._class(**self._arguments)
        except (TypeError, ValueError) as error:
            raise MethodError(f"{self.regressor}: {error}; correct its arguments") from error
        self._past, self._months, self._fitted = deque(maxlen=setting.window), 0, None
        self._first = min(FIRST, setting.window) if self.first is None else self.first

    def form(self, known: Known) -> Iterator[Factors]:
        """Yield the portfolio of the predictions and the market, from the first fit on."""
        if self._months < self._first:
            return
        if (self._months - self._first) % self.refit == 0:
            self._fitted = self._fit()
        if self._fitted is not None:
            weights = np.column_stack([self._predicted(known), self._market(known)])
            yield Factors(weights, FACTORS)

    def learn(self, known: Known, returns: Array) -> None:
        """Add the month's ranks and targets to the window."""
        if self.target == "demeaned" and len(returns):
            returns = returns - returns.mean()
        elif self.target == "rank":
            returns = centred_ranks(returns[:, None])[:, 0]
        self._past.append((known.ranks(), returns))
        self._months += 1

    def _fit(self) -> Any:
        """Return a regressor fitted to the window, or the last one if no firm was there."""
        ranks, targets = (np.concatenate(part) for part in zip(*self._past, strict=True))
        if not len(targets):
            return self._fitted
        return self._class(**self._arguments).fit(ranks, targets)

    def _predicted(self, known: Known) -> Array:
        """Return the portfolio of the predictions, shape (n,); zero where they are all equal."""
        if not len(known):
            return np.zeros(0)
        predictions = np.asarray(self._fitted.predict(known.ranks()), dtype=float).reshape(-1)
        if predictions.shape != (len(known),) or not np.isfinite(predictions).all():
            raise MethodError(
                f"{self.regressor}: month {known.month}: predictions must be one finite number for "
                "each firm; change its arguments"
            )
        predictions = predictions.round(DECIMALS)[:, None]
        if self.portfolio == "rank":
            return at_gross_two(centred_ranks(predictions))[:, 0]
        return at_gross_two(predictions - predictions.mean())[:, 0]

    def _market(self, known: Known) -> Array:
        if self.market == "value" and len(known):
            return value_weights(known.market_equity)
        return np.full(len(known), 1 / max(len(known), 1))


def _imported(name: str) -> Any:
    """Return the class with the dotted name ``name``."""
    module, _, last = name.rpartition(".")
    package = module.partition(".")[0]
    try:
        import_module(package)
    except ModuleNotFoundError as error:
        missing = "scikit-learn" if error.name == "sklearn" else error.name
        raise MethodError(
            f"{name}: the package {missing} is not installed: install it or switch the method off"
        ) from error
    try:
        found = getattr(import_module(module), last)
    except (ImportError, AttributeError) as error:
        raise MethodError(f"{name}: {error}; correct the name") from error
    if not all(callable(getattr(found, step, None)) for step in ("fit", "predict")):
        raise MethodError(f"{name}: has no fit or no predict: name a regressor")
    return found
