"""A small panel with a known truth, and methods that are honest or not."""

import numpy as np

from truepremia.methods.contract import Factors, Portfolio, Setting
from truepremia.moments import Moments
from truepremia.panel import CrossSection

FIRMS, MONTHS, START, WINDOW = 30, 60, 100, 24
NAMES = ("size", "bm", "mom")
ALPHAS = (0.0, 1e-3, 0.1)
EMPTY_MONTH = START + 40


def generator(k: int) -> np.random.Generator:
    return np.random.default_rng(k)


SETTING = Setting(NAMES, WINDOW, ALPHAS, generator)


def market(seed: int = 5, empty: bool = True) -> tuple[list[CrossSection], list[Moments]]:
    """Return months with holes in every column, and the truth of the judged ones."""
    rng = np.random.default_rng(seed)
    months, known = [], []
    for month in range(START, START + MONTHS):
        value = np.exp(rng.normal(0, 1, FIRMS))
        characteristics = rng.normal(0, 1, (FIRMS, 3))
        characteristics[:, 0] = np.log(value)
        loadings = {"taylor": rng.normal(0, 1, (FIRMS, 2))}
        mean = rng.normal(0.01, 0.01, FIRMS)
        exposure, residual = rng.normal(0, 0.05, (FIRMS, 4)), rng.uniform(0.001, 0.01, FIRMS)
        truth = Moments(mean, exposure, residual, 0.004, np.arange(FIRMS), month)
        shocks, own = rng.normal(0, 1, 4), rng.normal(0, 1, FIRMS)
        xret = mean + exposure @ shocks + np.sqrt(residual) * own
        characteristics[rng.random(FIRMS) < 0.1, 1] = np.nan
        xret[rng.random(FIRMS) < 0.05] = np.nan
        if empty and month == EMPTY_MONTH:
            value[:] = np.nan
        if month >= START + WINDOW:
            known.append(truth)
        months.append(
            CrossSection(
                month, np.arange(FIRMS), NAMES, characteristics, value, xret, loadings, 0.004
            )
        )
    return months, known


class Ranks:
    """Honest: ranks and the equal-weighted market."""

    def form(self, known):
        g = known.ranks()
        n = max(len(g), 1)
        yield Factors(np.column_stack([g, np.full(len(g), 1 / n)]), (*known.names, "mkt"))


class Stateless:
    """Honest: the protocol with weights alone."""

    def weights(self, known):
        return known.ranks()[:, :2]


class Learner:
    """Honest: yesterday's winners, and a rotation that it keeps under today's definition."""

    def __init__(self):
        self.earned = []

    def start(self, setting):
        self.window = setting.window

    def form(self, known):
        if len(self.earned) < 12 or not len(known):
            return
        past = np.array(self.earned[-self.window :])
        direction = past.mean(axis=0) / np.abs(past).sum()
        g = known.ranks()
        yield Factors(g @ direction[:, None], ("best",), past @ direction[:, None], "K=1")
        yield Factors(g, known.names, None, "K=3")
        yield Portfolio(g @ direction, variant="mean")

    def learn(self, known, returns):
        g = known.ranks()
        self.earned.append(g.T @ returns if len(g) else np.zeros(g.shape[1]))


class Peeker:
    """Dishonest: weights are next month's returns, from a panel it has read behind our back."""

    def __init__(self, months):
        self.returns = {m.month: m for m in months}

    def form(self, known):
        month = self.returns[known.month]
        yield Factors(month.earned[:, None].copy(), ("future",))


class FullSample:
    """Dishonest: the mean return of a firm over the whole sample."""

    def __init__(self, months):
        self.mean = np.nanmean([m.excess_return for m in months], axis=0)

    def form(self, known):
        yield Factors(self.mean[known.firm][:, None], ("mean",))


class Editor:
    """Dishonest, in vain: it edits its weights once it has seen the returns."""

    def form(self, known):
        self.held = known.ranks()[:, :1].copy()
        yield Factors(self.held, ("edited",))

    def learn(self, known, returns):
        self.held[:, 0] = 100 * returns


class Writer:
    """Dishonest, in vain: it writes into what it is shown."""

    def form(self, known):
        known.characteristics[0, 0] = 7.0
        yield Factors(known.characteristics, known.names)
