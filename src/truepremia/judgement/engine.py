"""One pass over the months of a panel: known, formed, earned, judged, learned.

The order makes look-ahead impossible. In month t a method sees what is known, forms factors or
portfolios, and its weights are copied; only then are the returns of row t looked at, and only
then may it learn them.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from truepremia.errors import MethodError, shortened
from truepremia.judgement.statistics import Judgement, on_firms
from truepremia.judgement.window import Window
from truepremia.methods.contract import (
    FactorMethod,
    FactorReturns,
    Factors,
    Portfolio,
    Setting,
    returns_of,
    uses_truth,
)
from truepremia.moments import Moments
from truepremia.outside import as_before, words_of
from truepremia.panel import CrossSection, Known
from truepremia.typing import Array

ALPHA, LOO, OWN = "alpha", "loo", "own"
CHOICES = (ALPHA, LOO, OWN)
"""How a portfolio's penalty was chosen: given, on the window alone, by the method itself."""

LARGEST = 1e100
"""Weight, or past return, up to which sums of squares are finite."""

_STEPS = ("form", "weights")

Label = tuple[str, str, float]
"""Variant, choice and penalty of a portfolio."""


@dataclass(frozen=True, eq=False)
class MethodStatistics:
    """Statistics of all portfolios of a method, one row per month and portfolio.

    Parameters
    ----------
    month : array of int, shape (M,)
    variant, choice : array of object, shape (M,)
        Which of the method's portfolios; how its penalty was chosen.
    alpha : array, shape (M,)
        Ridge penalty, NaN unless ``choice`` is "alpha".
    stdev, mean, hjd : array, shape (M,)
        Exact conditional moments and Hansen-Jagannathan distance, NaN where no truth is known.
    xret : array, shape (M,)
        Realised excess return from the month to the next.
    turnover : array, shape (M,)
        Sum of absolute changes of the weights on firms since the month before; the first month
        buys everything. NaN where the truth is known: it needs the weights of two months.
    """

    month: Array
    variant: Array
    choice: Array
    alpha: Array
    stdev: Array
    mean: Array
    xret: Array
    hjd: Array
    turnover: Array


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a method earned and what is true of it: the result of :func:`judge`.

    Parameters
    ----------
    returns : FactorReturns
        What its factors and portfolios earned, every month.
    statistics : MethodStatistics
        What is true of them, in the judged months.
    window : int, optional
        Months before the first judged one.
    """

    returns: FactorReturns
    statistics: MethodStatistics
    window: int = 0

    def require_formed(self, name: str) -> None:
        """Refuse a method of which nothing is judged; ``name`` is its name in the message."""
        months, window = len(self.returns.month), self.window
        if not len(self.statistics.month):
            raise MethodError(
                f"{name}: forms nothing in any judged month, which are those after the first "
                f"window, {window} of {months} months; it must be ready in one of them: let what "
                "it waits for follow setting.window"
            )


def judge(
    method: Any,
    cross_sections: Iterable[CrossSection],
    moments: Iterable[Moments] | None,
    setting: Setting,
    name: str = "method",
) -> Verdict:
    """Run a method through the months of a panel and judge its portfolios.

    Parameters
    ----------
    method : Method or FactorMethod
        A fresh object: it must not have seen another panel.
    cross_sections : iterable of CrossSection
        Consecutive months in calendar order, consumed month by month.
    moments : iterable of Moments or None
        The truth of the months from the first full window on, in order; None if there is none:
        portfolios of the same months are then recorded by what they earn.
    setting : Setting
    name : str
        Name of the method in messages.

    Raises
    ------
    MethodError
        If the method raises, or what it returns breaks the contract; with the month.
    """
    run = _Run(method, setting, name)
    truth = None if moments is None else iter(moments)
    run.start()
    for position, cross_section in enumerate(cross_sections):
        judged = position >= setting.window
        known = next(truth, None) if judged and truth is not None else None
        if judged and truth is not None and (known is None or known.month != cross_section.month):
            raise MethodError(
                f"{name}: there are no moments of month {cross_section.month}: compute the moments "
                "again for this window"
            )
        run.month(position, cross_section, known, judged)
    return Verdict(run.returns(), run.statistics(), setting.window)


def formed_in(
    method: Any, cross_sections: Iterable[CrossSection], setting: Setting, name: str = "method"
) -> list[Factors | Portfolio]:
    """Run a method through months and return what it forms in the last one, before it learns it.

    Parameters
    ----------
    method : Method or FactorMethod
        A fresh object.
    cross_sections : iterable of CrossSection
        At least one month.
    setting : Setting
    name : str
        Name of the method in messages.
    """
    run = _Run(method, setting, name)
    run.start()
    formed: list[Factors | Portfolio] = []
    last: tuple[Known, Array] | None = None
    for cross_section in cross_sections:
        if last is not None:
            run.learned(*last)
        known = run.seen(cross_section)
        formed = run.formed(known)
        last = known, cross_section.earned
    return formed


@dataclass(eq=False)
class _Record:
    """What the factors or the portfolio of one name have earned, NaN where nothing.

    Parameters
    ----------
    names : tuple of str
    rows : array, shape (capacity, K)
        By position of the month.
    """

    names: tuple[str, ...]
    rows: Array
    first: int

    def put(self, position: int, earned: Array) -> None:
        """Store what was earned in the month at ``position``."""
        if position >= len(self.rows):
            more = np.full((max(position + 1, 2 * len(self.rows)), len(self.names)), np.nan)
            more[: len(self.rows)] = self.rows
            self.rows = more
        self.rows[position] = earned

    def window(self, position: int, months: int) -> Array:
        """Return the rows of the ``months`` months before ``position``."""
        wanted = np.full((months, len(self.names)), np.nan)
        stored = self.rows[max(position - months, 0) : position]
        wanted[months - min(months, position) :][: len(stored)] = stored
        return wanted


@dataclass(frozen=True, eq=False)
class _Held:
    """Portfolios of one month that were made together.

    Parameters
    ----------
    labels : sequence of (variant, choice, alpha)
        One for each portfolio.
    weights : array, shape (N, P)
        On all firms.
    realised : array, shape (P,)
        What they earn.
    """

    labels: Sequence[Label]
    weights: Array
    realised: Array

    @classmethod
    def together(
        cls, cross_section: CrossSection, formed: Sequence[tuple[Portfolio, Array]]
    ) -> "_Held":
        """Stack final portfolios and what they earn: one product judges them all."""
        labels = [(item.variant, item.choice, item.alpha) for item, _ in formed]
        weights = np.column_stack([item.weights for item, _ in formed])
        realised = np.nan_to_num(np.concatenate([earned for _, earned in formed]))
        return cls(labels, cross_section.on_all_firms(weights), realised)


@dataclass(eq=False)
class _Run:
    """The state of a method's walk through a panel."""

    method: Any
    setting: Setting
    name: str
    months: list[int] = field(default_factory=list)
    records: dict[str, _Record] = field(default_factory=dict)
    held: dict[tuple[str, str, str], tuple[int, Array, Array]] = field(default_factory=dict)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    truth: bool = field(init=False)

    def __post_init__(self) -> None:
        # Once, before any of the method's own steps: it cannot turn to the truth on the way.
        self.truth = uses_truth(self.method)

    def start(self) -> None:
        """Tell the method its setting."""
        if isinstance(self.method, type) or not any(hasattr(self.method, s) for s in _STEPS):
            raise MethodError(
                f"{self.name}: is {shortened(repr(self.method), 60)}: must be an object, not a "
                "class, with form(known) or weights(known)"
            )
        if hasattr(self.method, "start"):
            with self.blaming("start", None):
                self.method.start(self.setting)

    def month(
        self, position: int, cross_section: CrossSection, moments: Moments | None, judged: bool
    ) -> None:
        """Let the method form, record what it earns, judge it, and let it learn."""
        known = self.seen(cross_section)
        formed = self.formed(known)
        earned = cross_section.earned
        self.months.append(cross_section.month)
        held: list[_Held] = []
        final: list[tuple[Portfolio, Array]] = []
        for item in formed:
            returns = self.recorded(position, known, item, earned)
            if not judged:
                continue
            if isinstance(item, Portfolio):
                final.append((item, returns))
            else:
                held += self.combined(position, cross_section, item, returns)
        if final:
            held.append(_Held.together(cross_section, final))
        for part in held:
            self.store(position, cross_section, moments, part)
        self.learned(known, earned)

    def seen(self, cross_section: CrossSection) -> Known:
        """Return what the method sees of a month."""
        return cross_section.known_truth if self.truth else cross_section.known

    def learned(self, known: Known, earned: Array) -> None:
        """Show the method what was earned."""
        if hasattr(self.method, "learn"):
            with self.blaming("learn", known.month):
                self.method.learn(known, earned)

    def formed(self, known: Known) -> list[Factors | Portfolio]:
        """Return what the method forms, checked, with copies of all arrays."""
        with self.blaming("form", known.month):
            if hasattr(self.method, "form"):
                formed = self.method.form(known)
                # A method that returns what it should yield.
                formed = [formed] if isinstance(formed, Factors | Portfolio) else list(formed)
            else:
                formed = [_without_memory(self.method, known)]
        with self.blaming("what form gave", known.month):
            checked = [self.checked(known, item) for item in formed]
        labels = [_label(item) for item in checked]
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise self.fault(
                known.month, f"gave {twice or 'the same variant'!r} twice: name the variants apart"
            )
        return checked

    def checked(self, known: Known, item: Any) -> Factors | Portfolio:
        """Return what was formed with copied weights, or raise what is wrong with it."""
        if isinstance(item, Factors):
            return self.checked_factors(known, item)
        if isinstance(item, Portfolio):
            return self.checked_portfolio(known, item)
        raise self.fault(
            known.month,
            f"form gave a {type(item).__name__}: must give Factors or Portfolio objects",
        )

    def checked_factors(self, known: Known, item: Factors) -> Factors:
        """Return factors with copied weights, or raise what is wrong with them."""
        weights = self.numbers(known.month, item.weights, "weights")
        if isinstance(item.names, str) or not isinstance(item.names, Iterable):
            raise self.fault(
                known.month,
                f"names is {shortened(repr(item.names), 60)}: must be a sequence of names, one for "
                "each factor",
            )
        names = tuple(map(str, item.names))
        if weights.ndim != 2:
            raise self.fault(
                known.month,
                f"weights have the shape {weights.shape}: must be ({len(known)}, K), a row for "
                "each firm that is known and a column for each factor",
            )
        if len(set(names)) != len(names) or not names:
            raise self.fault(known.month, f"names are {names}: must be different, one at least")
        if weights.shape != (len(known), len(names)):
            raise self.fault(
                known.month,
                f"weights have the shape {weights.shape}: must be {(len(known), len(names))}, "
                "firms that are known by names",
            )
        past = None
        if item.past is not None:
            past = self.numbers(known.month, item.past, "past", missing=True)
            if past.ndim != 2 or past.shape[1] != len(names):
                raise self.fault(
                    known.month,
                    f"past has the shape {past.shape}: must have {len(names)} columns, one for "
                    "each factor",
                )
            past = past[-self.setting.window :]
        return Factors(weights, names, past, str(item.variant))

    def checked_portfolio(self, known: Known, item: Portfolio) -> Portfolio:
        """Return a portfolio with copied weights, or raise what is wrong with it."""
        weights = self.numbers(known.month, item.weights, "weights")
        if weights.shape != (len(known),):
            raise self.fault(
                known.month,
                f"weights have the shape {weights.shape}: must be {(len(known),)}, one for each "
                "firm that is known",
            )
        if item.choice not in CHOICES:
            raise self.fault(
                known.month, f"choice is {item.choice!r}: must be one of {', '.join(CHOICES)}"
            )
        alpha = float(item.alpha) if item.choice == ALPHA else np.nan
        return Portfolio(weights, str(item.variant), item.choice, alpha)

    def numbers(self, month: int, values: Any, what: str, missing: bool = False) -> Array:
        """Return a copy of an array of numbers, or raise what is wrong with it."""
        if np.ma.is_masked(values):
            raise self.fault(month, f"{what} has masked numbers: fill them")
        try:
            if _kinds(values) - set("biuf"):
                raise TypeError("must be real ones")
            copied = np.array(values, dtype=float, order="C")
        except (TypeError, ValueError) as error:
            raise self.fault(month, f"{what} is not an array of numbers: {error}") from None
        if not (missing or np.isfinite(copied).all()):
            raise self.fault(month, f"{what} holds a number that is not finite")
        known = copied[np.isfinite(copied)] if missing else copied
        if max(known.max(initial=0.0), -known.min(initial=0.0)) > LARGEST:
            raise self.fault(
                month, f"{what} holds a number beyond {LARGEST:g}, whose square is not finite"
            )
        return copied

    def recorded(
        self, position: int, known: Known, item: Factors | Portfolio, earned: Array
    ) -> Array:
        """Record what was formed under its name and return what it earns, shape (K,)."""
        if isinstance(item, Factors):
            names, weights = tuple(f"{item.variant}:{n}" for n in item.names), item.weights
        else:
            names, weights = (_label(item),), item.weights[:, None]
        label = item.variant if isinstance(item, Factors) else _label(item)
        record = self.records.get(label)
        if record is None:
            record = _Record(names, np.full((position + 1, len(names)), np.nan), position)
            self.records[label] = record
        if record.names != names:
            raise self.fault(
                known.month,
                f"variant {item.variant!r} changes its factors from "
                f"{', '.join(record.names)} to {', '.join(names)}: they must stay the same",
            )
        returns = returns_of(weights, earned)
        record.put(position, returns)
        return returns

    def combined(
        self, position: int, cross_section: CrossSection, item: Factors, earned: Array
    ) -> Iterator[_Held]:
        """Yield the portfolios of factors, those of the given penalties apart from the chosen."""
        past = item.past
        if past is None:
            record = self.records[item.variant]
            if record.first == position:
                return
            past = record.window(position, self.setting.window)
        window = Window.of(past, self.setting.window)
        alphas = self.setting.alphas
        blocks = (
            ([(item.variant, ALPHA, alpha) for alpha in alphas], window.ridge(alphas)),
            ([(item.variant, LOO, np.nan)], window.leave_one_out()[:, None]),
        )
        for labels, fitted in blocks:
            yield _Held(labels, *on_firms(cross_section, item.weights, earned, fitted))

    def store(
        self,
        position: int,
        cross_section: CrossSection,
        moments: Moments | None,
        held: _Held,
    ) -> None:
        """Judge portfolios and store their rows."""
        j = _judged(moments, held.weights, held.realised)
        traded = np.full(len(held.labels), np.nan)
        if moments is None:
            columns = zip(held.labels, held.weights.T, strict=True)
            traded[:] = [self.turnover(k, position, cross_section.firm, w) for k, w in columns]
        numbers = zip(j.stdev, j.mean, j.xret, j.hjd, traded, strict=True)
        for label, row in zip(held.labels, numbers, strict=True):
            self.rows.append((cross_section.month, *label, *row))

    def turnover(self, label: Label, position: int, firm: Array, weights: Array) -> float:
        """Return how much the weights of a portfolio have changed since the month before."""
        variant, choice, alpha = label
        key = variant, choice, repr(alpha)  # NaN itself is no key
        last = self.held.get(key)
        self.held[key] = (position, firm, weights.copy())
        if last is None or last[0] != position - 1:
            return float(np.abs(weights).sum())
        _, old_firm, old = last
        if len(old_firm) == len(firm) and np.array_equal(old_firm, firm):
            return float(np.abs(weights - old).sum())
        everyone, place = np.unique(np.concatenate([firm, old_firm]), return_inverse=True)
        change = np.zeros(len(everyone))
        change[place[: len(firm)]] += weights
        change[place[len(firm) :]] -= old
        return float(np.abs(change).sum())

    def returns(self) -> FactorReturns:
        """Return what all factors and portfolios earned, NaN in months without them."""
        months = np.array(self.months, dtype=np.int64)
        blocks = [np.full((len(months), 0), np.nan)]
        for record in self.records.values():
            block = np.full((len(months), len(record.names)), np.nan)
            stored = record.rows[: len(months)]
            block[: len(stored)] = stored
            blocks.append(block)
        names = tuple(name for record in self.records.values() for name in record.names)
        return FactorReturns(months, names, np.hstack(blocks))

    def statistics(self) -> MethodStatistics:
        """Return the rows of all months as columns."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(fields(MethodStatistics))
        types: dict[str, Any] = {"month": np.int64, "variant": object, "choice": object}
        names = [f.name for f in fields(MethodStatistics)]
        return MethodStatistics(
            **{
                name: np.array(column, dtype=types.get(name, float))
                for name, column in zip(names, columns, strict=True)
            }
        )

    @contextlib.contextmanager
    def blaming(self, step: str, month: int | None) -> Iterator[None]:
        """Turn what goes wrong inside the method into one line that says where."""
        try:
            with as_before():
                yield
        except (MethodError, KeyboardInterrupt):
            raise
        except BaseException as error:
            when = "" if month is None else f" in month {month}"
            place = _place(self.method, error)
            raise MethodError(
                f"{self.name}: {step}{when} raised {words_of(error)} ({place}); mend the method or "
                "switch it off"
            ) from error

    def fault(self, month: int, phrase: str) -> MethodError:
        """Return the error of a method that breaks the contract."""
        return MethodError(f"{self.name}: month {month}: {phrase}")


def _judged(moments: Moments | None, held: Array, realised: Array) -> Judgement:
    if moments is not None:
        return Judgement.of(moments, held, realised)
    unknown = np.full(held.shape[1], np.nan)
    return Judgement(unknown, unknown, np.asarray(realised), unknown)


def _without_memory(method: FactorMethod, known: Known) -> Factors:
    """Return the factors of a method that has weights alone; its names default to f_1, f_2, ..."""
    weights = method.weights(known)
    if hasattr(method, "names"):
        return Factors(weights, method.names(known))
    count = np.shape(weights)[1] if np.ndim(weights) == 2 else 0
    return Factors(weights, tuple(f"f_{k}" for k in range(1, count + 1)))


def _label(item: Factors | Portfolio) -> str:
    if isinstance(item, Factors):
        return item.variant
    penalty = f"={item.alpha:g}" if item.choice == ALPHA else ""
    return f"{item.variant}:{item.choice}{penalty}"


def _place(method: object, error: BaseException) -> str:
    """Return file and line of the deepest frame in the file of the method, else of the error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = getattr(sys.modules.get(type(method).__module__), "__file__", None)
    inside = [frame for frame in frames if frame.filename == own]
    if own is not None and not inside:
        return f"{own}, class {type(method).__name__}"
    frame = (inside or list(frames))[-1]
    return f"{frame.filename}, line {frame.lineno}"


def _kinds(values: Any) -> set[str]:
    """Return the kinds of numpy that an array's elements have, those of its objects one by one."""
    found = np.asanyarray(values)
    elements = found.flat if found.dtype.kind == "O" else [found]
    return {str(np.asarray(element).dtype.kind) for element in elements} - {"O"}
