"""The engine: what a method sees, what is recorded and judged, and that nobody looks ahead."""

from dataclasses import replace

import numpy as np
import pytest
from small_market import (
    ALPHAS,
    EMPTY_MONTH,
    FIRMS,
    MONTHS,
    NAMES,
    SETTING,
    START,
    WINDOW,
    Editor,
    FullSample,
    Learner,
    Peeker,
    Ranks,
    Stateless,
    Writer,
    market,
)  # fmt: skip

from truepremia.errors import MethodError
from truepremia.judgement import engine, lookahead
from truepremia.judgement.engine import formed_in, judge
from truepremia.judgement.leaderboard import panel_rows
from truepremia.judgement.lookahead import ANOTHER_FUTURE, findings, permuted_future
from truepremia.judgement.statistics import Judged, portfolio_statistics
from truepremia.judgement.window import Window, window_portfolio
from truepremia.methods.contract import Factors, Portfolio, factor_returns
from truepremia.methods.fama_french import FamaFrench
from truepremia.methods.fama_macbeth import FamaMacBeth
from truepremia.methods.linear import left_out_shares
from truepremia.methods.model_implied import ModelImplied
from truepremia.panel import Known, KnownTruth

POSITIONS = (WINDOW + 3, MONTHS - 1)


@pytest.fixture(scope="module")
def world():
    return market()


def rows_of(verdict, **named):
    """Return the positions of the rows of one portfolio."""
    stats = verdict.statistics
    same = np.ones(len(stats.month), dtype=bool)
    for name, value in named.items():
        same &= getattr(stats, name) == value
    return np.flatnonzero(same)


def luck(verdict, known) -> float:
    stats = {f: getattr(verdict.statistics, f) for f in engine.MethodStatistics.__annotations__}
    table = panel_rows("e", "p", "m", stats, {m.month: m.max_sharpe() for m in known})
    table = table[table["choice"] != "alpha"] if (table["choice"] != "alpha").any() else table
    last = table.iloc[-1]
    return last["luck_sum"] / np.sqrt(last["luck_months"])


# --- what is seen ---------------------------------------------------------------------------------


def test_known_holds_no_return_no_loading_and_no_truth(world):
    month = world[0][0]
    assert set(Known.__dataclass_fields__) == {
        *("month", "firm", "names", "characteristics", "market_equity", "riskfree"),
    }
    assert np.isfinite(month.known.characteristics).all()
    assert len(month.known) == len(month.earned) == len(month.investable)
    assert month.known.riskfree == 0.004


def test_methods_see_the_loadings_only_if_they_say_that_they_use_the_truth(world):
    seen = []

    class Curious:
        def form(self, known):
            seen.append(type(known))
            return []

    class Knowing(Curious):
        truth = True

    judge(Curious(), world[0], world[1], SETTING)
    assert set(seen) == {Known}
    seen.clear()
    judge(Knowing(), world[0], world[1], SETTING)
    assert set(seen) == {KnownTruth}


def test_what_is_shown_cannot_be_written_to(world):
    with pytest.raises(MethodError, match=r"read-only.*month 100|month 100.*read-only"):
        judge(Writer(), world[0], world[1], SETTING, "writer")


def test_a_method_is_asked_and_taught_in_every_month_even_without_firms(world):
    calls = []

    class Counting:
        def form(self, known):
            calls.append(("form", known.month, len(known)))
            return []

        def learn(self, known, returns):
            assert len(known) == len(returns)
            calls.append(("learn", known.month, len(known)))

    judge(Counting(), world[0], world[1], SETTING)
    assert [c[:2] for c in calls] == [
        (step, month) for month in range(START, START + MONTHS) for step in ("form", "learn")
    ]
    assert ("form", EMPTY_MONTH, 0) in calls


# --- what is recorded and judged ------------------------------------------------------------------


@pytest.mark.parametrize("method", [FamaMacBeth, FamaFrench])
def test_ridge_rows_of_bundled_methods_are_those_of_the_bundle_to_the_bit(world, method):
    months, known = world
    verdict = judge(method(), months, known, SETTING)
    returns = factor_returns(method(), months)
    (bundled,) = portfolio_statistics(
        [Judged("m", method(), returns, ALPHAS)], months, known, WINDOW
    )
    np.testing.assert_array_equal(verdict.returns.returns, returns.returns)
    rows = rows_of(verdict, choice="alpha")
    for name in ("month", "alpha", "stdev", "mean", "xret", "hjd"):
        np.testing.assert_array_equal(
            getattr(verdict.statistics, name)[rows], getattr(bundled, name)
        )


def test_truth_is_judged_like_the_model_implied_portfolios_of_the_bundle(world):
    months, known = world
    method = ModelImplied("taylor")
    verdict = judge(method, months, known, SETTING)
    returns = factor_returns(method, months)
    (bundled,) = portfolio_statistics([Judged("m", method, returns, ALPHAS)], months, known, WINDOW)
    rows = rows_of(verdict, choice="alpha")
    np.testing.assert_array_equal(verdict.statistics.hjd[rows], bundled.hjd)


def test_portfolios_are_judged_by_dense_algebra(world):
    """Weights, mean, variance, distance and return of every portfolio, with N x N matrices."""
    months, known = world
    verdict = judge(Ranks(), months, known, SETTING)
    returns = verdict.returns.returns
    truth = {m.month: m for m in known}
    for t in (WINDOW, WINDOW + 7, MONTHS - 1):
        month, section = START + t, months[t]
        formed = formed_in(Ranks(), months[: t + 1], SETTING)[0]
        L = section.on_all_firms(formed.weights)
        X = returns[t - WINDOW : t]
        X = X[np.isfinite(X).all(axis=1)]
        S = truth[month].covariance() + np.outer(truth[month].mean, truth[month].mean)
        for alpha in ALPHAS:
            b = np.linalg.lstsq(
                np.vstack([X, np.sqrt(WINDOW * alpha) * np.eye(X.shape[1])]),
                np.concatenate([np.ones(len(X)), np.zeros(X.shape[1])]),
                rcond=None,
            )[0]
            w = L @ b
            (row,) = rows_of(verdict, month=month, choice="alpha", alpha=alpha)
            stats = verdict.statistics
            gap = truth[month].mean - S @ w
            assert stats.mean[row] == pytest.approx(truth[month].mean @ w, rel=1e-9)
            variance = w @ truth[month].covariance() @ w
            assert stats.stdev[row] == pytest.approx(np.sqrt(variance), rel=1e-9)
            assert stats.hjd[row] == pytest.approx(np.sqrt(gap @ np.linalg.solve(S, gap)), rel=1e-9)
            assert stats.xret[row] == pytest.approx(
                np.nan_to_num(section.excess_return) @ w, rel=1e-9
            )


def test_weights_alone_make_a_factor_method_and_names_are_given(world):
    verdict = judge(Stateless(), *world, SETTING)
    assert verdict.returns.names == (":f_1", ":f_2")


def test_past_under_todays_definition_replaces_the_record(world):
    """The record of a factor that turns is not the past of what it is today."""
    months, known = world

    class Turning:
        def __init__(self, with_past):
            self.with_past, self.seen = with_past, []

        def form(self, known):
            sign = 1.0 if known.month % 2 else -1.0
            past = sign * np.array(self.seen).reshape(-1, 1) if self.with_past else None
            yield Factors(sign * known.ranks()[:, 1:2], ("turning",), past)

        def learn(self, known, returns):
            self.seen.append(known.ranks()[:, 1] @ returns if len(known) else np.nan)

    class Straight:
        def form(self, known):
            yield Factors(known.ranks()[:, 1:2], ("straight",))

    right = judge(Turning(True), months, known, SETTING).statistics
    wrong = judge(Turning(False), months, known, SETTING).statistics
    straight = judge(Straight(), months, known, SETTING).statistics
    np.testing.assert_allclose(right.mean, straight.mean, rtol=1e-12, atol=1e-18)
    assert np.abs(wrong.mean - straight.mean).max() > 1e-4


def test_a_month_without_firms_earns_nothing_and_is_judged_as_holding_nothing(world):
    months, known = world
    verdict = judge(Ranks(), months, known, SETTING)
    empty = months[EMPTY_MONTH - START]
    assert len(empty.known) == 0
    assert np.isnan(verdict.returns.returns[EMPTY_MONTH - START]).all()
    nothing = next(m for m in known if m.month == EMPTY_MONTH).hj_distance(np.zeros(FIRMS))
    for row in rows_of(verdict, month=EMPTY_MONTH):
        assert verdict.statistics.stdev[row] == verdict.statistics.xret[row] == 0
        assert verdict.statistics.hjd[row] == pytest.approx(nothing, rel=1e-13)


def test_a_variant_that_comes_late_is_judged_once_it_has_a_past(world):
    months, known = world

    class Late:
        def form(self, known):
            if known.month >= START + WINDOW + 5:
                yield Factors(known.ranks(), known.names)

    verdict = judge(Late(), months, known, SETTING)
    assert verdict.statistics.month.min() == START + WINDOW + 6
    assert np.isnan(verdict.returns.returns[: WINDOW + 5]).all()


def test_portfolios_are_taken_as_they_are(world):
    months, known = world

    class Market:
        def form(self, known):
            v = known.market_equity
            w = v / v.sum() if len(v) else v
            yield Portfolio(w)
            yield Portfolio(2 * w, choice="alpha", alpha=0.5)

    verdict = judge(Market(), months, known, SETTING)
    one, two = rows_of(verdict, choice="own"), rows_of(verdict, choice="alpha")
    stats = verdict.statistics
    np.testing.assert_allclose(stats.stdev[two], 2 * stats.stdev[one], rtol=1e-12)
    assert set(stats.alpha[two]) == {0.5}
    assert np.isnan(stats.alpha[one]).all()
    assert verdict.returns.names == (":own", ":alpha=0.5")
    assert len(one) == MONTHS - WINDOW


def test_portfolios_judged_together_are_judged_as_alone(world):
    months, known = world

    class Several:
        def __init__(self, chosen):
            self.chosen = chosen

        def form(self, known):
            held = np.column_stack([known.ranks(), np.full(len(known), 1 / max(len(known), 1))])
            for k in self.chosen:
                yield Portfolio(held[:, k], f"{k}")

    together = judge(Several([0, 1, 2]), months, known, SETTING).statistics
    for k in range(3):
        alone = judge(Several([k]), months, known, SETTING).statistics
        row = np.flatnonzero(together.variant == f"{k}")
        for name in ("month", "stdev", "mean", "xret", "hjd"):
            one, many = getattr(alone, name), getattr(together, name)[row]
            np.testing.assert_allclose(many, one, rtol=1e-11, atol=1e-15)


def test_without_a_truth_portfolios_are_recorded_with_their_turnover(world):
    months, known = world
    with_truth = judge(Ranks(), months, known, SETTING).statistics
    assert np.isnan(with_truth.turnover).all()
    without = judge(Ranks(), months, None, SETTING).statistics
    np.testing.assert_array_equal(with_truth.xret, without.xret)
    assert np.isnan(without.stdev).all()
    assert (without.turnover >= 0).all()
    # From nothing to the first portfolio everything is bought.
    first = judge(Ranks(), months, None, SETTING)
    (row,) = rows_of(first, month=START + WINDOW, choice="loo")
    weights = formed_in(Ranks(), months[: WINDOW + 1], SETTING)[0].weights
    b = Window.of(first.returns.returns[:WINDOW], WINDOW).leave_one_out()
    assert first.statistics.turnover[row] == pytest.approx(np.abs(weights @ b).sum(), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.1, np.nan])
def test_turnover_of_a_penalty_is_the_change_since_its_own_last_weights(world, alpha):
    months, _ = world

    class Constant:
        def form(self, known):
            yield Portfolio(np.full(len(known), 1.0), "v", "own")
            yield Portfolio(np.zeros(len(known)), "v", "alpha", 1.0 * alpha)  # another NaN
            yield Portfolio(known.ranks()[:, 0], "w", "alpha", 1.0 * alpha)

    found = judge(Constant(), months, None, SETTING).statistics
    nothing = (found.variant == "v") & (found.choice == "alpha")
    assert not found.turnover[nothing].any()
    ranks = np.flatnonzero(found.variant == "w")
    later = [row for row in ranks if found.month[row] > START + WINDOW]
    seen = [month.known for month in months]
    held = {k.month: dict(zip(k.firm, k.ranks()[:, 0], strict=True)) for k in seen}
    for row in later:
        now, last = held[found.month[row]], held[found.month[row] - 1]
        change = sum(abs(now.get(firm, 0) - last.get(firm, 0)) for firm in {*now, *last})
        assert found.turnover[row] == pytest.approx(change, rel=1e-9, abs=1e-12)


# --- the penalty chosen on the window -------------------------------------------------------------


@pytest.mark.parametrize(("rows", "factors"), [(24, 3), (24, 40), (2, 5)])
def test_what_is_earned_in_a_month_left_out_is_that_of_a_refit_without_it(rows, factors):
    rng = np.random.default_rng(rows + factors)
    X = rng.normal(0.02, 0.1, (rows, factors))
    window = Window.of(X, 30)
    penalties = window._shrinkage()
    left_out = window._left_out(penalties)
    for i in (0, 7, 14):
        for s in range(rows):
            others = np.delete(X, s, axis=0)
            gram = others.T @ others + 30 * penalties[i] * np.eye(factors)
            b = np.linalg.solve(gram, others.sum(axis=0))
            # The smallest penalty leaves a Gram matrix with a condition number near 1e8.
            assert left_out[s, i] == pytest.approx(X[s] @ b, rel=1e-6, abs=1e-9)


def test_the_combination_of_penalties_is_the_best_of_all_with_positive_shares():
    """First-order conditions of min |1 - R q|^2 over q >= 0."""
    X = np.random.default_rng(3).normal(0.03, 0.1, (60, 8))
    window = Window.of(X, 60)
    R = window._left_out(window._shrinkage())
    q = left_out_shares(R)
    gradient = R.T @ (R @ q - 1)
    assert (q >= 0).all()
    assert np.abs(gradient[q > 0]).max() < 1e-9
    assert gradient.min() > -1e-9


def test_factors_that_lose_leave_the_most_shrunk_portfolio_as_a_direction():
    rng = np.random.default_rng(11)
    for _ in range(50):
        R = -np.abs(rng.normal(0.1, 0.1, (20, 15)))
        assert list(left_out_shares(R)) == [0.0] * 14 + [1.0]


def test_windows_without_a_complete_month_or_of_zeros_hold_nothing():
    for X in (np.full((24, 3), np.nan), np.zeros((24, 3))):
        window = Window.of(X, 24)
        assert not window.ridge(ALPHAS).any()
        assert not window.leave_one_out().any()


def test_ridge_portfolios_come_from_one_function():
    X = np.random.default_rng(0).normal(0, 0.1, (24, 5))
    np.testing.assert_array_equal(window_portfolio(X, ALPHAS, 24), Window.of(X, 24).ridge(ALPHAS))


# --- nobody looks ahead ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Ranks, Stateless, Learner, FamaFrench, Editor])
def test_another_future_changes_no_bit_of_an_honest_method(world, make):
    assert all(f.holds for f in findings(make, world[0], SETTING, POSITIONS))


@pytest.mark.parametrize("make", [Ranks, Learner])
def test_a_panel_that_is_cut_gives_the_same_weights(world, make):
    months, known = world
    whole = judge(make(), months, known, SETTING).statistics
    short = judge(make(), months[:50], known[: 50 - WINDOW], SETTING).statistics
    same = whole.month < START + 50
    np.testing.assert_array_equal(whole.mean[same], short.mean)


def test_full_sample_means_fail_although_they_are_not_lucky(world):
    months, known = world

    def make_on(panel):
        return lambda: FullSample(panel)

    base = formed_in(FullSample(months), months[:40], SETTING)
    future = permuted_future(months, 39)
    other = formed_in(FullSample(future), future[:40], SETTING)
    assert not np.array_equal(base[0].weights, other[0].weights)
    assert abs(luck(judge(FullSample(months), months, known, SETTING), known)) < 5


def test_reading_the_panel_behind_our_back_is_found_by_luck(world):
    months, known = market(empty=False)
    assert luck(judge(Peeker(months), months, known, SETTING), known) > 5
    assert abs(luck(judge(Ranks(), months, known, SETTING), known)) < 4


def test_editing_weights_after_the_returns_gains_nothing(world):
    months, known = world

    class Honest:
        def form(self, known):
            yield Factors(known.ranks()[:, :1].copy(), ("edited",))

    one = judge(Editor(), months, known, SETTING)
    two = judge(Honest(), months, known, SETTING)
    np.testing.assert_array_equal(one.statistics.mean, two.statistics.mean)
    np.testing.assert_array_equal(one.returns.returns, two.returns.returns)


class Spy:
    """Weights are the last returns that it was taught."""

    last = None

    def form(self, known):
        yield Factors(np.full((len(known), 1), self.last or 1.0), ("spy",))

    def learn(self, known, returns):
        self.last = float(np.sum(returns)) if len(returns) else None


@pytest.mark.parametrize("mutation", ["learn before form", "no copy", "record of the month itself"])
def test_an_engine_that_lets_methods_look_ahead_is_found(world, monkeypatch, mutation):
    """Mutations of the engine: the proofs above must be able to fail."""
    months, known = world
    if mutation == "learn before form":
        formed = engine._Run.formed

        def early(self, seen):
            section = next(m for m in self.future if m.month == seen.month)
            self.learned(seen, section.earned)
            return formed(self, seen)

        def found(panel):
            monkeypatch.setattr(engine._Run, "future", panel, raising=False)
            return formed_in(Spy(), panel[:40], SETTING)[0].weights

        monkeypatch.setattr(engine._Run, "formed", early)
    elif mutation == "no copy":

        def numbers(self, month, values, what, missing=False):
            return np.asarray(values, dtype=float)

        monkeypatch.setattr(engine._Run, "numbers", numbers)

        def found(panel):
            editor, kept = Editor(), []
            original = engine._Run.learned

            def learned(self, seen, earned):
                original(self, seen, earned)
                kept.append(editor.held.copy())

            with monkeypatch.context() as patch:
                patch.setattr(engine._Run, "learned", learned)
                judge(editor, panel, known, SETTING)
            return kept[39]

    else:
        window = engine._Record.window
        monkeypatch.setattr(
            engine._Record, "window", lambda self, position, n: window(self, position + 1, n)
        )

        def found(panel):
            return judge(Ranks(), panel, known, SETTING).statistics.mean[
                np.flatnonzero(judge(Ranks(), panel, known, SETTING).statistics.month == START + 39)
            ]

    assert not np.array_equal(found(months), found(permuted_future(months, 39)))


def test_without_mutation_the_future_changes_nothing_that_was_held(world):
    months, known = world
    future = permuted_future(months, 39)
    one, two = (judge(Ranks(), p, known, SETTING).statistics for p in (months, future))
    held = one.month <= START + 39
    np.testing.assert_array_equal(one.mean[held], two.mean[held])
    later = one.month > START + 40
    assert (one.mean[later] != two.mean[later]).any()


def test_another_future_has_the_same_past_and_the_same_holes(world):
    months = world[0]
    future = permuted_future(months, 30)
    assert all(a is b for a, b in zip(months[:30], future[:30], strict=True))
    for t in range(30, MONTHS):
        assert np.array_equal(np.isnan(months[t].excess_return), np.isnan(future[t].excess_return))
    np.testing.assert_array_equal(months[30].characteristics, future[30].characteristics)
    assert (
        np.nan_to_num(months[31].characteristics) != np.nan_to_num(future[31].characteristics)
    ).any()


def test_failures_name_the_proof(world):
    months = world[0]

    class Unsteady:
        made = 0

        def __init__(self):
            Unsteady.made += 1
            self.factor = Unsteady.made

        def form(self, known):
            yield Factors(self.factor * known.ranks()[:, :1], ("x",))

    found = findings(Unsteady, months, SETTING, (30,))
    assert not found[0].holds
    assert found[0].fact.startswith(ANOTHER_FUTURE)
    assert "differ by" in found[0].detail
    assert "setting.generator(k)" in found[0].detail
    assert len(found) == 1, "where runs differ nothing else can be proved"
    assert lookahead.ORDER_TOLERANCE < 1e-6


def test_a_method_cannot_turn_to_the_truth_on_the_way(world):
    class Turning:
        def start(self, setting):
            self.truth = True

        def form(self, known):
            self.seen = known
            yield Factors(known.ranks()[:, :1], ("x",))

    method = Turning()
    judge(method, world[0], None, SETTING)
    assert not hasattr(method.seen, "loadings")


# --- what breaks the contract ---------------------------------------------------------------------


def broken(form):
    class Broken:
        def form(self, known):
            return form(known)

    return Broken()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda k: [Factors(np.zeros((len(k) + 1, 1)), ("a",))], "shape"),
        (lambda k: [Factors(np.zeros(len(k)), ("a",))], "shape"),
        (lambda k: [Factors(np.full((len(k), 1), np.nan), ("a",))], "not finite"),
        (lambda k: [Factors(np.full((len(k), 1), np.inf), ("a",))], "not finite"),
        (lambda k: [Factors(np.zeros((len(k), 1)), ("a",), np.zeros((5, 2)))], "1 columns"),
        (lambda k: [Factors(np.zeros((len(k), 1)), ("a",), np.zeros(5))], "1 columns"),
        (lambda k: [Factors(np.zeros((len(k), 2)), ("a", "a"))], "different"),
        (lambda k: [Factors(np.zeros((len(k), 0)), ())], "one at least"),
        (lambda k: [Factors(np.zeros((len(k), 1)), (f"m{k.month}",))], "must stay the same"),
        (lambda k: [Factors(np.zeros((len(k), 1)), ("a",))] * 2, "twice"),
        (lambda k: [Portfolio(np.zeros(len(k)))] * 2, "twice"),
        (lambda k: [Portfolio(np.zeros((len(k), 1)))], "shape"),
        (lambda k: [Portfolio(np.zeros(len(k)), choice="best")], "choice"),
        (lambda k: [Factors("words", ("a",))], "not an array of numbers"),
        (lambda k: [np.zeros((len(k), 1))], "must give Factors or Portfolio"),
        (lambda k: 5, "TypeError"),
        (lambda k: [1 / 0], "ZeroDivisionError"),
        (lambda k: exec("raise SystemExit(3)"), "SystemExit"),
    ],
)  # fmt: skip
def test_what_breaks_the_contract_is_one_line_with_method_and_month(world, form, said):
    with pytest.raises(MethodError, match=said) as caught:
        judge(broken(form), *world, SETTING, "mine on bgn_0")
    text = str(caught.value)
    assert text.startswith("mine on bgn_0: ")
    assert "\n" not in text
    assert "10" in text  # the month


def test_an_error_in_learn_names_the_line(world):
    class Bad:
        def form(self, known):
            return []

        def learn(self, known, returns):
            raise ValueError("no idea")

    with pytest.raises(
        MethodError, match=r"learn in month 100 raised ValueError: no idea .*line \d+"
    ):
        judge(Bad(), *world, SETTING)


def test_moments_of_other_months_are_refused(world):
    months, known = world
    with pytest.raises(MethodError, match="no moments of month 124"):
        judge(Ranks(), months, known[1:], SETTING)


def test_statistics_without_a_full_window_are_refused(world):
    from truepremia.errors import DataError

    months, known = world
    returns = factor_returns(FamaMacBeth(), months)
    judged = [Judged("fm", FamaMacBeth(), returns, ALPHAS)]
    early = [replace(known[0], month=START + 5)]
    with pytest.raises(DataError, match=r"fm: month 105 has 5 months.*at least the window, 24"):
        portfolio_statistics(judged, months, early, WINDOW)
    assert months[0].names == NAMES
