"""The parameters of an economy: each declares its unit, meaning and range; all faults at once."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from truepremia.errors import CalibrationError

SMALLEST, LARGEST = 1e-12, 1e6
"""Sizes that every number of a calibration other than zero must have: squares, inverses and
exponentials of such numbers, and products of a few of them, stay within double precision."""


class Rule(Protocol):
    """What the value of one parameter must be."""

    @property
    def must(self) -> str:
        """The rule, as the end of the sentence "must ..."."""
        ...

    def fault(self, value: Any) -> str | None:
        """Return "value: must be ...", or None if the value obeys."""
        ...


@dataclass(frozen=True)
class Number:
    """A finite number in a range.

    Parameters
    ----------
    above, below : float, optional
        Bounds that the value must not reach.
    least, most : float, optional
        Bounds that the value may reach.
    consequence : str
        What happens outside, as the end of the sentence "must ..., else".
    """

    above: float | None = None
    below: float | None = None
    least: float | None = None
    most: float | None = None
    consequence: str = ""

    def fault(self, value: Any) -> str | None:
        """Return the broken rule; what is no finite number breaks it whatever the range."""
        if not _is_number(value):
            return f"{value!r}: must be a finite number"
        obeyed = (
            (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
        )
        return None if obeyed else f"{_shown(value)}: must {self.must}"

    @property
    def must(self) -> str:
        """The range, and what happens outside."""
        return self._range() + (f", else {self.consequence}" if self.consequence else "")

    def _range(self) -> str:
        lower = self.above if self.least is None else self.least
        upper = self.below if self.most is None else self.most
        if lower is None and upper is None:
            return "be a finite number"
        if lower is None:
            return f"be below {upper:g}" if self.most is None else f"be at most {upper:g}"
        if upper is not None:
            if self.least is None and self.most is None:
                return f"lie strictly between {lower:g} and {upper:g}"
            opening, closing = "(["[self.least is not None], ")]"[self.most is not None]
            return f"lie in {opening}{lower:g}, {upper:g}{closing}"
        if self.least is not None:
            return f"be at least {lower:g}"
        return "be positive" if lower == 0 else f"exceed {lower:g}"


@dataclass(frozen=True)
class ZeroOr:
    """Zero, which turns something off, or a number in a range."""

    number: Number

    def fault(self, value: Any) -> str | None:
        """Return the broken rule."""
        found = None if _is_number(value) and value == 0 else self.number.fault(value)
        return found and found.replace(self.number.must, self.must)

    @property
    def must(self) -> str:
        """Zero or the range."""
        return f"be 0 or {self.number.must}"


@dataclass(frozen=True)
class WholeNumber:
    """A whole number from ``least`` to ``most``."""

    least: int
    most: int

    def fault(self, value: Any) -> str | None:
        """Return the broken rule."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and self.least <= value <= self.most:
            return None
        shown = _shown(value) if whole else repr(value)
        return f"{shown}: must {self.must}"

    @property
    def must(self) -> str:
        """Both ends."""
        return f"be a whole number from {self.least} to {self.most}"


@dataclass(frozen=True)
class Choice:
    """One of several words."""

    words: tuple[str, ...]

    def fault(self, value: Any) -> str | None:
        """Return the broken rule."""
        if value in self.words:
            return None
        return f"{value!r}: must {self.must}"

    @property
    def must(self) -> str:
        """The words."""
        return f"be one of {', '.join(self.words)}"


ANY = Number()
POSITIVE = Number(above=0)
NOT_NEGATIVE = Number(least=0)
INSIDE_ONE = Number(above=0, below=1)
BELOW_ONE = Number(least=0, below=1)
SHARE = Number(least=0, most=1)
RATE = Number(least=-1, most=1)
RISK_PRICE = Number(least=-3, most=3, consequence="Sharpe ratios of 90 a period could be had")
LOG_RATIO = Number(least=-20, most=20)


def parameter(
    unit: str, meaning: str, symbol: str, rule: Rule = ANY, computable: Rule = ANY
) -> Any:
    """Declare one calibration parameter as a dataclass field with its documentation and range.

    Parameters
    ----------
    unit, meaning, symbol : str
    rule : Rule
        What the value must be to make economic sense.
    computable : Rule
        What it must be besides for the economy to be computed.
    """
    described = {"unit": unit, "meaning": meaning, "symbol": symbol}
    return field(metadata={**described, "rule": rule, "computable": computable})


@dataclass(frozen=True)
class Parameters:
    """Base of the parameters of an economy.

    A subclass declares its fields with :func:`parameter`; rules that join several of them stand
    in :meth:`inconsistencies`. Construction raises one error that names every broken rule.

    Raises
    ------
    CalibrationError
        If any rule is broken.
    """

    economy: ClassVar[str]

    def __post_init__(self) -> None:
        wrong = self.violations()
        if wrong:
            raise CalibrationError(f"calibration of {self.economy}: " + "; ".join(wrong))

    def violations(self) -> list[str]:
        """Return every rule that the values break, as "name is value: rule"."""
        faults = {f.name: self._fault(f) for f in fields(self)}
        broken = {name: fault for name, fault in faults.items() if fault}
        wrong = [f"{name} is {fault}" for name, fault in broken.items()]
        if any(not _is_carried(getattr(self, f.name)) for f in self._numbers()):
            return wrong
        return wrong + self._joint_faults(broken)

    def _joint_faults(self, broken: Collection[str]) -> list[str]:
        try:
            with np.errstate(all="ignore"):
                return self.inconsistencies(broken)
        except ArithmeticError as error:
            # Of values outside their own ranges nothing more can be said.
            far = f"the values together leave double precision ({error}); choose less extreme ones"
            return [] if broken else [far]

    def _fault(self, declared: Any) -> str | None:
        """Return the broken rule of one parameter; for a number first that it can be carried."""
        value, rule = getattr(self, declared.name), declared.metadata["rule"]
        if not _is_number(value) or isinstance(rule, Choice) or _is_carried(value):
            fault: str | None = rule.fault(value)
            computable: Rule = declared.metadata.get("computable", ANY)
            return fault if fault or isinstance(rule, Choice) else computable.fault(value)
        may_be_zero = "0 or " if rule.fault(0) is None else ""
        return (
            f"{_shown(value)}: must be {may_be_zero}a number whose size lies between {SMALLEST:g} "
            f"and {LARGEST:g}, else what is computed from it leaves double precision"
        )

    def inconsistencies(self, broken: Collection[str]) -> list[str]:
        """Return the joint rules that the values break; all numbers are finite.

        Parameters
        ----------
        broken : collection of str
            Parameters that are outside their own range.
        """
        del broken
        return []

    @classmethod
    def described(cls) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield every parameter with its symbol, unit, meaning, and what it must be."""
        for declared in fields(cls):
            known = declared.metadata
            rules = [known["rule"], known.get("computable", ANY)]
            said = [rule.must for rule in rules if rule is not ANY] or [ANY.must]
            texts = {name: known[name] for name in ("symbol", "unit", "meaning")}
            yield declared.name, {**texts, "must": "; ".join(dict.fromkeys(said))}

    @classmethod
    def _numbers(cls) -> list[Any]:
        return [f for f in fields(cls) if not isinstance(f.metadata["rule"], Choice)]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build the parameters from a mapping of names to values.

        Raises
        ------
        CalibrationError
            If a name is unknown or missing, or a value is not valid.
        """
        known = [f.name for f in fields(cls)]
        wrong = []
        for name in values:
            if name not in known:
                close = get_close_matches(str(name), known, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
                wrong.append(f"unknown parameter {name!r}{hint}")
        wrong += [f"parameter {name!r} is missing" for name in known if name not in values]
        if wrong:
            raise CalibrationError(f"calibration of {cls.economy}: " + "; ".join(wrong))
        # Numbers of numpy are those of Python, as from a sweep over np.linspace.
        own = {k: v.item() if isinstance(v, np.number) else v for k, v in values.items()}
        return cls(**own)

    def to_mapping(self) -> dict[str, Any]:
        """Return names and values."""
        return asdict(self)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # A whole number of any length is finite, though it may be none that a float can hold.
    return isinstance(value, int) or math.isfinite(value)


def _is_carried(value: Any) -> bool:
    return _is_number(value) and (value == 0 or SMALLEST <= abs(value) <= LARGEST)


def _shown(value: float) -> str:
    """Return a number briefly, also a whole number that no float can hold."""
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"a whole number of about {value.bit_length() * math.log10(2):.0f} digits"
    return f"{value:g}"
