"""Small worlds in which methods are tried, and plain walks of a method through them."""

from dataclasses import dataclass, replace

import numpy as np

from truepremia.methods.contract import Factors, Portfolio, Setting
from truepremia.methods.registry import KINDS
from truepremia.moments import Moments
from truepremia.panel import CrossSection, centred_ranks

NAMES = ("size", "bm", "agr", "roe", "mom")
SETTINGS = {"empty_cells": "balanced", "model_factor_weights": "ols"}
ALPHAS = (0.0, 1e-3, 1e-2, 0.1)
OLS = "sklearn.linear_model.LinearRegression"

EVERY_KIND = {
    "capm": ("capm", {}),
    "ff": ("ff", {}),
    "fm": ("fm", {}),
    "managed": ("managed", {}),
    "sorts25": ("sorts25", {}),
    "deciles": ("deciles", {}),
    "pca": ("pca", {"factors": [1, 3]}),
    "rppca": ("pca", {"base": "deciles", "factors": [2], "gamma": 10}),
    "kns": ("kns", {}),
    "kns, lasso": ("kns", {"lasso": [0, 0.2]}),
    "kns, lasso on portfolios": ("kns", {"lasso": [0.1, 0.4], "space": "characteristics"}),
    "ipca": ("ipca", {"factors": [1, 2, 6]}),
    "dkkm": ("dkkm", {"features": [4, 60]}),
    "dkkm, raw": ("dkkm", {"features": [4], "rank_features": False}),
    "ols": ("predictor", {"regressor": OLS, "first": 8, "refit": 5}),
    "ridge, proportional": (
        "predictor",
        {
            "regressor": "sklearn.linear_model.Ridge",
            "arguments": {"alpha": 2.0},
            "first": 8,
            "refit": 3,
            "target": "rank",
            "portfolio": "proportional",
            "market": "value",
        },
    ),
}
"""One method, or more, of every kind that does not use the truth: kind and options by name."""


def make(name: str):
    kind, options = EVERY_KIND[name]
    return KINDS[kind].make(options, SETTINGS)


def setting(names=NAMES, window=24, alphas=ALPHAS, seed=7) -> Setting:
    def generator(k):
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))

    return Setting(tuple(names), window, tuple(alphas), generator)


@dataclass(frozen=True, eq=False)
class World:
    """Months of a panel and their exact moments."""

    months: list[CrossSection]
    moments: list[Moments]
    gamma: np.ndarray
    premia: np.ndarray


def instrumented_world(
    firms=60,
    months=60,
    premia=(0.03, 0.015),
    risk=(0.10, 0.08),
    residual=0.08,
    seed=3,
    names=NAMES,
) -> World:
    """Firms whose loadings are linear in their ranks, and whose characteristics persist."""
    rng = np.random.default_rng(seed)
    premia, risk = np.array(premia), np.array(risk)
    gamma = np.linalg.qr(rng.standard_normal((len(names) + 1, len(premia))))[0]
    values = rng.standard_normal((firms, len(names)))
    equity = rng.lognormal(0, 1, firms)
    panel, moments = [], []
    for t in range(months):
        loadings = np.column_stack([centred_ranks(values), np.ones(firms)]) @ gamma
        mean, exposure = loadings @ premia, loadings * risk
        earned = mean + exposure @ rng.standard_normal(len(premia))
        earned = earned + residual * rng.standard_normal(firms)
        panel.append(
            CrossSection(
                month=t,
                firm=np.arange(firms),
                names=tuple(names),
                characteristics=values,
                market_equity=equity,
                excess_return=earned,
                loadings={},
                riskfree=0.002,
            )
        )
        moments.append(
            Moments(mean, exposure, np.full(firms, residual**2), 0.002, np.arange(firms), t)
        )
        values = 0.9 * values + np.sqrt(1 - 0.81) * rng.standard_normal(values.shape)
        equity = equity * np.exp(0.05 * rng.standard_normal(firms))
    return World(panel, moments, gamma, premia)


def walk(method, months, how=None):
    """Return what a method forms in every month, as the engine would call it."""
    if hasattr(method, "start"):
        method.start(how or setting())
    formed = []
    for cross_section in months:
        known = cross_section.known
        if hasattr(method, "form"):
            items = [copied(item) for item in method.form(known)]
        else:
            items = [Factors(np.array(method.weights(known)), method.names(known))]
        formed.append(items)
        if hasattr(method, "learn"):
            method.learn(known, cross_section.earned)
    return formed


def copied(item):
    return replace(item, weights=np.array(item.weights))


def weights_of(items) -> np.ndarray:
    """Return the weights of everything that was formed, side by side."""
    return np.column_stack([item.weights for item in items])


def combined(items, record, window, alphas=ALPHAS) -> dict[tuple[str, float], np.ndarray]:
    """Return ridge portfolios by brute force, and final portfolios as they are."""
    found = {}
    for item in items:
        if isinstance(item, Portfolio):
            found[item.variant, item.alpha] = item.weights
            continue
        X = item.past if item.past is not None else record
        for alpha in alphas:
            found[item.variant, alpha] = item.weights @ ridge(X, alpha, window)
    return found


def ridge(X, alpha, window):
    """Return b = argmin |1 - X b|^2 + window alpha |b|^2, minimum norm at zero."""
    rows, K = X.shape
    tall = np.vstack([X, np.sqrt(window * alpha) * np.eye(K)])
    right = np.concatenate([np.ones(rows), np.zeros(K)])
    return np.linalg.lstsq(tall, right, rcond=1e-7)[0]


def shuffled_future(months, t, seed=11):
    """Return the months with returns from t on and everything after t shuffled and negated."""
    rng = np.random.default_rng(seed)
    future = []
    for cross_section in months:
        if cross_section.month >= t:
            order = rng.permutation(len(cross_section.firm))
            cross_section = replace(
                cross_section, excess_return=-cross_section.excess_return[order]
            )
            if cross_section.month > t:
                cross_section = replace(
                    cross_section,
                    characteristics=-cross_section.characteristics[order],
                    market_equity=cross_section.market_equity[order],
                )
        future.append(cross_section)
    return future


def reordered(months, seed=5):
    """Return the months with the firms in another order, and that order."""
    order = np.random.default_rng(seed).permutation(len(months[0].firm))
    return [
        replace(
            m,
            firm=m.firm[order],
            characteristics=m.characteristics[order],
            market_equity=m.market_equity[order],
            excess_return=m.excess_return[order],
        )
        for m in months
    ], order
