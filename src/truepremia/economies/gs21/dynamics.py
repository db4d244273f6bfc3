"""How a population of firms moves from one month to the next."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from truepremia.economies.gs21.month import Firms, Month, Tables
from truepremia.economies.gs21.parameters import Params
from truepremia.panel import Size
from truepremia.seeds import Streams, blocks
from truepremia.typing import Array


def productivity_path(params: Params, months: int, rng: np.random.Generator) -> Array:
    """Draw x at dates 0..months, from its stationary law, shape (months + 1,)."""
    shock = rng.standard_normal(months + 1)
    x = np.empty(months + 1)
    x[0] = params.sd_x * shock[0]
    for t in range(months):
        x[t + 1] = params.x_persistence * x[t] + params.x_volatility * shock[t + 1]
    return x


@dataclass(frozen=True, eq=False)
class Draws:
    """Firm-level draws of one month, each shape (N,).

    Parameters
    ----------
    innovation : array
        Innovation u of z.
    refinances : array of bool
        eta = 1.
    cash_flow : array
        m in s.d.
    cost : array
        Position of the investment cost in its range, uniform.
    entrant_z : array
        z of a firm that may enter, in stationary s.d.
    entrant_refinances : array of bool
        Its eta.
    """

    innovation: Array
    refinances: Array
    cash_flow: Array
    cost: Array
    entrant_z: Array
    entrant_refinances: Array


class FirmStreams:
    """The random streams of all blocks of firms, drawn month by month."""

    def __init__(self, params: Params, firms: int, streams: Streams):
        self._chance = params.refinancing_probability
        self._blocks = [(streams.firms(i), block) for i, block in enumerate(blocks(firms))]
        self._firms = firms

    def draw(self) -> Draws:
        """Draw one month; every draw is made whether or not it is used."""
        normal, uniform = np.empty((3, self._firms)), np.empty((3, self._firms))
        for rng, block in self._blocks:
            count = block.stop - block.start
            normal[:, block] = rng.standard_normal((3, count))
            uniform[:, block] = rng.random((3, count))
        return Draws(
            innovation=normal[0],
            refinances=uniform[0] < self._chance,
            cash_flow=normal[1],
            cost=uniform[1],
            entrant_z=normal[2],
            entrant_refinances=uniform[2] < self._chance,
        )


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All firms at one date, after entry and before investment costs are drawn.

    Parameters
    ----------
    capital, z, coupon : array, shape (N,)
        k, z and b.
    entered : array of bool, shape (N,)
        The firm replaced one that defaulted at this date.
    gross : array, shape (N,), or None
        Gross return from the last date to this one, of the old firm where one entered.
    firms : Firms
        Values and decisions.
    """

    capital: Array
    z: Array
    coupon: Array
    entered: Array
    gross: Array | None
    firms: Firms

    @property
    def refinances(self) -> Array:
        """Whether eta = 1, shape (N,)."""
        return self.firms.refinances

    @property
    def price(self) -> Array:
        """Ex-dividend price P^ex per unit of capital, shape (N,)."""
        return np.asarray(self.firms.expected(tables=slice(1))[:, 0])


@dataclass(frozen=True, eq=False)
class Shocks:
    """What happens from one date to the next.

    Parameters
    ----------
    x : float
        Log aggregate productivity at the new date.
    cost : array, shape (N,)
        Investment costs at the old date, as positions in their range.
    draws : Draws
        Of the new date.
    """

    x: float
    cost: Array
    draws: Draws


def first_snapshot(tables: Tables, x: float, draws: Draws) -> Snapshot:
    """Return the firms of date 0: unit capital, the initial coupon, stationary z."""
    params, count = tables.params, len(draws.innovation)
    z = params.sd_z * draws.innovation
    coupon = np.full(count, float(params.initial_coupon))
    firms = Month.with_risk(tables, x).firms(z, coupon, draws.refinances)
    nobody = np.zeros(count, dtype=bool)
    return Snapshot(np.ones(count), z, coupon, nobody, None, firms)


def advance(tables: Tables, now: Snapshot, shocks: Shocks) -> Snapshot:
    """Move from one date to the next: investment, shocks, default, entry.

    Firms default if P + m <= 0; the return is k' max(P' + m', 0) / (k P^ex).
    """
    params, draws, decided = tables.params, shocks.draws, now.firms
    invests = shocks.cost < decided.investment.probability
    coupon = np.where(invests, decided.coupon_grow, decided.coupon_stay)
    capital = np.where(invests, params.investment_growth, 1.0) * now.capital
    z = params.z_persistence * now.z + params.z_volatility * draws.innovation
    month = Month.with_risk(tables, shocks.x)
    firms = month.firms(z, coupon, draws.refinances)
    equity = firms.investment.equity + params.cash_flow_volatility * draws.cash_flow
    dead = equity <= 0
    gross = capital * np.maximum(equity, 0) / (now.capital * now.price)
    rows = np.flatnonzero(dead)
    if len(rows):
        mean = capital[~dead].mean() if not dead.all() else 1.0
        capital[rows], coupon[rows] = params.entrant_capital * mean, 0.0
        z[rows] = params.sd_z * draws.entrant_z[rows]
        entrants = month.firms(z[rows], coupon[rows], draws.entrant_refinances[rows])
        firms = firms.replaced(rows, entrants)
    return Snapshot(capital, z, coupon, dead, gross, firms)


def snapshots(
    tables: Tables, size: Size, streams: Streams, path: Array
) -> Iterator[tuple[int, Snapshot]]:
    """Yield the firms at dates 0..size.end + 1 along the path of x."""
    draw = FirmStreams(tables.params, size.firms, streams).draw
    draws = draw()
    now = first_snapshot(tables, path[0], draws)
    yield 0, now
    for date in range(1, size.end + 2):
        cost, draws = draws.cost, draw()
        now = advance(tables, now, Shocks(path[date], cost, draws))
        yield date, now
