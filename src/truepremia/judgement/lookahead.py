"""Proofs that a method uses the past alone: another future, and another order of firms."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from truepremia.judgement.engine import formed_in
from truepremia.methods.contract import Setting
from truepremia.panel import CrossSection
from truepremia.typing import Array

Made = Callable[[], Any]
"""Makes a fresh method."""

ANOTHER_FUTURE = "another future changes no bit of the weights"
ANOTHER_ORDER = "the order of firms does not matter"

UNSTEADY = (
    "between two runs over the same months, so that nothing can be proved: take random numbers "
    "from setting.generator(k)"
)

ORDER_TOLERANCE = 1e-9
"""Largest relative change of weights when firms are listed in another order: sums then round
differently, and regressions magnify it."""


@dataclass(frozen=True)
class Finding:
    """What a proof found.

    Parameters
    ----------
    fact : str
        What was to be proved.
    holds : bool
    detail : str
        What was seen where it does not hold.
    """

    fact: str
    holds: bool
    detail: str = ""


def permuted_future(
    cross_sections: Sequence[CrossSection], position: int, seed: int = 0
) -> list[CrossSection]:
    """Return the panel with another future, as seen at the end of the month at ``position``.

    Returns of that month and later ones, and characteristics of later ones, are shuffled among
    firms and negated. Which returns are missing stays, for it is known.
    """
    rng = np.random.default_rng(seed)
    changed = list(cross_sections[:position])
    for k, section in enumerate(cross_sections[position:]):
        returns = -_shuffled(section.excess_return, rng)
        known = section.characteristics
        if k:
            known = np.column_stack([-_shuffled(column, rng) for column in known.T])
        changed.append(replace(section, excess_return=returns, characteristics=known))
    return changed


def _shuffled(values: Array, rng: np.random.Generator) -> Array:
    """Return the finite values in another order; what is missing stays where it is."""
    moved = values.copy()
    there = np.flatnonzero(np.isfinite(values))
    moved[there] = values[rng.permutation(there)]
    return moved


def findings(
    make: Made,
    cross_sections: Iterable[CrossSection],
    setting: Setting,
    positions: Sequence[int],
    name: str = "method",
) -> list[Finding]:
    """Return what the proofs find at the months at ``positions``.

    Parameters
    ----------
    make : callable
        Makes a fresh method; called once for each run.
    cross_sections : iterable of CrossSection
    setting : Setting
    positions : sequence of int
    name : str
        Name of the method in messages.

    Returns
    -------
    list of Finding
        Two for each month; the first alone where two runs over the same months differ.
    """
    months = list(cross_sections)
    found = []

    def formed(sections: Sequence[CrossSection]) -> list[Any]:
        return formed_in(make(), sections, setting, name)

    for position in positions:
        when = f"month {months[position].month}"
        base = formed(months[: position + 1])
        other = formed(permuted_future(months, position)[: position + 1])
        said = _difference(base, other)
        again = _difference(base, formed(months[: position + 1])) if said else ""
        if again:
            said = f"{again.partition(':')[0]} {UNSTEADY}"
            return [Finding(f"{ANOTHER_FUTURE}, {when}", False, said)]
        found.append(Finding(f"{ANOTHER_FUTURE}, {when}", not said, said))
        order = np.random.default_rng(1).permutation(len(months[0].firm))
        turned = [_reordered(month, order) for month in months[: position + 1]]
        said = _difference_in_order(base, formed(turned), months[position], turned[position])
        found.append(Finding(f"{ANOTHER_ORDER}, {when}", not said, said))
    return found


def _reordered(section: CrossSection, order: Array) -> CrossSection:
    return replace(
        section,
        firm=section.firm[order],
        characteristics=section.characteristics[order],
        market_equity=section.market_equity[order],
        excess_return=section.excess_return[order],
        loadings={name: a[order] for name, a in section.loadings.items()},
    )


def _difference(one: Sequence[Any], other: Sequence[Any]) -> str:
    """Say how the formed items of two runs differ, nothing if they are equal to the bit."""
    if len(one) != len(other):
        return f"{len(one)} and {len(other)} sets of weights"
    for a, b in zip(one, other, strict=True):
        if not np.array_equal(a.weights, b.weights):
            gap = float(np.abs(a.weights - b.weights).max())
            return f"weights{_named(a)} differ by {gap:.3g}: the method sees what it will earn"
        pasts = [np.empty(0) if p is None else p for p in (_past(a), _past(b))]
        if not np.array_equal(pasts[0], pasts[1], equal_nan=True):
            return f"past{_named(a)} differs: the method sees what it will earn"
    return ""


def _difference_in_order(
    one: Sequence[Any], other: Sequence[Any], section: CrossSection, turned: CrossSection
) -> str:
    if len(one) != len(other):
        return f"{len(one)} and {len(other)} sets of weights"
    place = {int(firm): k for k, firm in enumerate(turned.known.firm)}
    rows = np.array([place[int(firm)] for firm in section.known.firm], dtype=int)
    for a, b in zip(one, other, strict=True):
        gap = np.abs(a.weights - b.weights[rows]).max(initial=0.0)
        if gap > ORDER_TOLERANCE * np.abs(a.weights).max(initial=1e-300):
            return f"weights{_named(a)} move by {gap:.3g}"
    return ""


def _past(item: Any) -> Array | None:
    return getattr(item, "past", None)


def _named(item: Any) -> str:
    return f" of {item.variant}" if item.variant else ""
