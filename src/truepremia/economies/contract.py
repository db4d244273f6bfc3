"""What every economy supplies, and what the rest of the package may ask of it."""

import math
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from truepremia.columns import PANEL_COLUMNS, Column, loading_columns, loading_descriptions
from truepremia.economies.parameters import Parameters
from truepremia.errors import NumericalError
from truepremia.panel import Layout, SimulatedMonth, Simulation, Size
from truepremia.seeds import Streams
from truepremia.typing import Array

if TYPE_CHECKING:
    from truepremia.moments import Moments

SHARPE_ROUNDING = 1e-10
"""What rounding of means may add to a maximal Sharpe ratio: as large as an Euler error may be."""


class Solution(Protocol):
    """A solved economy."""

    @property
    def params(self) -> Parameters:
        """The calibration that was solved."""
        ...

    @property
    def diagnostics(self) -> Mapping[str, "float | Undefined"]:
        """Numbers that describe the solution and its accuracy."""
        ...

    def to_arrays(self) -> dict[str, Array]:
        """Return the arrays that, with the parameters, are the whole solution."""
        ...


class State(Protocol):
    """All that is known at the end of one month and matters for the next return."""

    @property
    def month(self) -> int:
        """The month."""
        ...


@dataclass(frozen=True)
class Undefined:
    """A diagnostic that does not exist at a calibration, which is no fault of it.

    Parameters
    ----------
    why : str
        The reason, as the end of the sentence "it does not exist: ...".
    """

    why: str


@dataclass(frozen=True, eq=False)
class Population:
    """The firms of a panel, as an economy's ``census`` counts them.

    Parameters
    ----------
    params : Parameters
        The calibration.
    states : mapping of str to array
        The columns ``STATES`` of the panel's states, all rows.
    months : array of int
        Panel months to average over.
    firms : int
        Number of firms.
    """

    params: Any
    states: Mapping[str, Array]
    months: Array
    firms: int


@dataclass(frozen=True)
class Economy:
    """An economy of the registry: its description, and its stages loaded on first use.

    The science stands in the modules ``parameters`` (``Params``), ``solution`` (``Solution``,
    ``solve``), ``simulation`` (``simulate``, ``step``), ``conditional`` (``states``, ``price``,
    ``loadings``, ``moments``) and ``certificate`` (``euler_errors``) of the package
    ``truepremia.economies.{name}``; the report reads ``census`` (``STATES``, ``census``) and
    ``solution_plot`` (``draw``). They are imported by stage, so that a change of one stage's code
    leaves the stages before it alone.

    Parameters
    ----------
    name : str
        Name of the economy in files and configuration.
    title : str
        Name of the economy for people.
    characteristics : tuple of str
        Characteristics of its firms, in the order of the contract.
    shocks : tuple of str
        Aggregate shocks that the panel's loadings refer to.
    loadings : tuple of str
        Methods by which the loadings are computed, "taylor" and "proj".
    package : str
        Import name of the package that holds the modules, if it is not this package's own.
    """

    name: str
    title: str
    characteristics: tuple[str, ...]
    shocks: tuple[str, ...]
    loadings: tuple[str, ...]
    package: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for names in (self.characteristics, self.shocks, self.loadings):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"economy {self.name}: lists {twice!r} twice; name it once")

    @property
    def layout(self) -> Layout:
        """Which panel columns are characteristics and loadings."""
        return self.layout_with(*self.loadings)

    def layout_with(self, *loadings: str) -> Layout:
        """Return the layout with the named loadings only, for readers that need no others."""
        count = len(self.shocks)
        return Layout(self.characteristics, {m: loading_columns(m, count) for m in loadings})

    def module(self, stage: str) -> ModuleType:
        """Return the module of this economy that implements ``stage``."""
        return import_module(f"{self._package}.{stage}")

    def has(self, stage: str) -> bool:
        """Return whether the economy has the module ``stage``; census and plot are optional."""
        return find_spec(f"{self._package}.{stage}") is not None

    @property
    def _package(self) -> str:
        return self.package or f"truepremia.economies.{self.name}"

    def parameters(self, values: Mapping[str, Any]) -> Parameters:
        """Return the typed calibration; raises :class:`CalibrationError` naming every fault."""
        params: Parameters = self.module("parameters").Params.from_mapping(values)
        return params

    def solve(self, params: Parameters) -> Solution:
        """Solve the economy for its prices."""
        with self._carried("solution"):
            solution: Solution = self.module("solution").solve(params)
        return solution

    def restore(self, params: Parameters, arrays: Mapping[str, Array]) -> Solution:
        """Rebuild a solution from :meth:`Solution.to_arrays`."""
        solution: Solution = self.module("solution").Solution.from_arrays(params, arrays)
        return solution

    def report(self, solution: Solution) -> dict[str, Any]:
        """Return the diagnostics of a solution as they are written: finite numbers and None.

        A diagnostic that does not exist is None; the entry ``undefined``, which is there if there
        is any such, says why by name.

        Raises
        ------
        NumericalError
            Naming the diagnostics that are not finite though they should exist.
        """
        found = dict(solution.diagnostics)
        why = {name: value.why for name, value in found.items() if isinstance(value, Undefined)}
        numbers = {name: float(v) for name, v in found.items() if not isinstance(v, Undefined)}
        wrong = [f"{name} is {v:g}" for name, v in numbers.items() if not math.isfinite(v)]
        if wrong:
            raise NumericalError(
                f"diagnostics of {self.name}: {', '.join(wrong)}: must be finite; the calibration "
                "is beyond what this economy can be computed for, move it towards the shipped one"
            )
        reported: dict[str, Any] = {name: None if name in why else v for name, v in found.items()}
        return {**reported, "undefined": why} if why else reported

    def simulate(
        self, solution: Solution, size: Size, streams: Streams, undefined_growth: str = "zero"
    ) -> Simulation:
        """Start a simulation; its months are produced as they are consumed.

        Parameters
        ----------
        solution : Solution
        size : Size
        streams : Streams
            Random streams of the panel.
        undefined_growth : {"zero", "nan"}
            Value of characteristics that divide by a lagged book value of zero.
        """
        simulate = self.module("simulation").simulate
        with self._carried("simulation"):
            simulation: Simulation = simulate(solution, size, streams, undefined_growth)
        return Simulation(simulation.aggregates, self._carried_months(simulation))

    def states(
        self,
        solution: Solution,
        aggregates: Mapping[str, Array],
        rows: Iterable[tuple[int, Mapping[str, Array]]],
        firms: int,
    ) -> Iterator[State]:
        """Yield the state of every panel month from the state rows of a simulation.

        Parameters
        ----------
        solution : Solution
        aggregates : mapping of str to array, shape (T,)
        rows : iterable of (month, columns)
            State rows in calendar order.
        firms : int
            Number of firms.
        """
        states: Iterator[State] = self.module("conditional").states(
            solution, aggregates, rows, firms
        )
        return states

    def moments(self, solution: Solution, state: State) -> "Moments":
        """Return the exact conditional moments of next month's returns."""
        with self._carried(f"moments of month {state.month}"):
            moments: Moments = self.module("conditional").moments(solution, state)
        return moments

    def price_of(self, solution: Solution, state: State) -> Array:
        """Return the ex-dividend values of all firms, shape (N,).

        Per unit of the firm's own scale where the economy's state knows no other.
        """
        price: Array = self.module("conditional").price(solution, state)
        return price

    def loadings_of(self, solution: Solution, state: State) -> Mapping[str, Array]:
        """Return the loadings of next month's returns by panel column, each of shape (N,)."""
        loadings: Mapping[str, Array] = self.module("conditional").loadings(solution, state)
        return loadings

    def step(self, solution: Solution, now: Any, shocks: Any) -> Any:
        """Move firms by one month, as the simulator does: no draw is made.

        Parameters
        ----------
        solution : Solution
        now : Snapshot
            The economy's ``simulation.Snapshot``: firms at one date.
        shocks : Shocks
            Its ``simulation.Shocks``: everything that is random in the month.

        Returns
        -------
        Snapshot
            The same firms a month later.
        """
        return self.module("simulation").step(solution, now, shocks)

    def sharpe_bound(self, solution: Solution, state: State) -> float:
        """Return a bound on the Sharpe ratios of the month that are computed from its moments.

        The economy's ``conditional.sharpe_bound`` where the bound moves with the state, else that
        of the diagnostics, and in both cases what rounding may add: where nothing is priced the
        bound itself is zero, and premia of 1e-16 have a Sharpe ratio.
        """
        own = getattr(self.module("conditional"), "sharpe_bound", None)
        bound: Any = own(solution, state) if own else solution.diagnostics["sharpe_bound"]
        return float(bound) + SHARPE_ROUNDING

    def euler_errors(self, solution: Solution, state: State) -> Array:
        """Return E_t[m R_i] - 1 for every firm, by quadrature independent of the pricing."""
        with self._carried(f"certificate of month {state.month}"):
            errors: Array = self.module("certificate").euler_errors(solution, state)
        return errors

    def _carried_months(self, simulation: Simulation) -> Iterator[SimulatedMonth]:
        months = iter(simulation.months)
        while True:
            # Not around the yield: what floating point may do is a setting of the whole thread.
            with self._carried("simulation"):
                month = next(months, None)
            if month is None:
                return
            yield month

    @contextmanager
    def _carried(self, what: str) -> Iterator[None]:
        """Turn numbers that leave double precision in the economy's own code into one line.

        Those that become infinite on the way are not announced: what they lead to is refused by
        name where it is written.
        """
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                yield
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f" ({frame.filename}, line {frame.lineno})" if self.package else ""
            raise NumericalError(
                f"{what} of {self.name}: {error}{place}: the calibration is beyond what double "
                "precision carries; move its largest and smallest values towards the shipped ones"
            ) from error

    def columns(self, table: str) -> Mapping[str, Column]:
        """Return units and meanings of the columns of a table.

        Parameters
        ----------
        table : {"panel", "aggregates", "states"}
        """
        own: Mapping[str, Column] = self.module("simulation").COLUMNS.get(table, {})
        if table != "panel":
            return own
        shared = dict(PANEL_COLUMNS)
        for method in self.loadings:
            shared |= loading_descriptions(method, len(self.shocks))
        return {**shared, **own}
