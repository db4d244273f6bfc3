"""The methods that can be judged: one entry a kind, and what may be said of it in configuration.

Adding a kind is one module beside this file, one entry here and one line of configuration. Nothing
below is part of a stage's digest: it only lists, so that a new entry reruns nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from truepremia.errors import ConfigError
from truepremia.methods.class_source import class_faults
from truepremia.methods.options import different, number, one_of, whole


@dataclass(frozen=True)
class Look:
    """How a method is drawn: colour (Okabe and Ito), marker and line of matplotlib."""

    colour: str
    marker: str
    line: str


@dataclass(frozen=True)
class Option:
    """What a kind lets the configuration choose.

    Parameters
    ----------
    default : object
        Value where nothing is said; :data:`REQUIRED` if something must be.
    rule : str
        Completes the sentence "<option> is <value>: must be ...".
    holds : callable
        Takes a value and returns whether it follows the rule.
    """

    default: Any
    rule: str
    holds: Callable[[Any], bool]


REQUIRED: Any = object()


def nothing_joint(options: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Return no fault: most kinds have options that do not depend on anything else."""
    del options, facts
    return []


def nothing_looked_up(options: Mapping[str, Any]) -> list[str]:
    """Return no fault: most kinds name nothing outside the configuration."""
    del options
    return []


@dataclass(frozen=True)
class Kind:
    """A way to form factors or portfolios.

    Parameters
    ----------
    name : str
        Name in the configuration.
    title : str
        Name for people; may hold names of options in braces.
    family : str
        What kinds are drawn alike.
    module : str
        Module of ``truepremia.methods`` that holds it.
    made_by : str
        Class of that module; built from the options by name.
    options : mapping of str to Option
    settings : mapping of str to str
        Arguments of the class that are keys of the whole configuration, such as the rule for empty
        cells, by argument.
    look : Look
    joint : callable
        Takes all options and what they may depend on, ``months``, ``window`` and
        ``characteristics`` (their names by economy), to the rules that they break together.
    reported : bool
        Whether the report lists its factors, economy by economy: it has few.
    cost : tuple of float
        CPU seconds and megabytes of judging the default panel, measured and rounded up.
    looked_up : callable
        Takes all options, each following its rule, and returns what they name that is not there.
    base : str
        Option that names the kind whose portfolios the method starts from; empty if none does.
        The class takes the base method itself.
    varied : tuple of str
        The option of which every value is a variant, and the letter that names it: "K" of "K=2".
    """

    name: str
    title: str
    family: str
    module: str
    made_by: str
    look: Look
    options: Mapping[str, Option] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    joint: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]] = nothing_joint
    reported: bool = False
    cost: tuple[float, float] = (3.0, 100.0)
    looked_up: Callable[[Mapping[str, Any]], list[str]] = nothing_looked_up
    base: str = ""
    varied: tuple[str, str] = ("", "")

    @property
    def module_path(self) -> str:
        """Full name of the module, for digests."""
        return f"truepremia.methods.{self.module}"

    def make(self, options: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """Return a fresh method.

        Parameters
        ----------
        options : mapping
            Options that are said; the others keep their default.
        settings : mapping
            The whole configuration, or the part of it that :attr:`settings` names.
        """
        chosen = self.chosen(options)
        chosen |= {argument: settings[key] for argument, key in self.settings.items()}
        if self.base:
            chosen[self.base] = KINDS[chosen[self.base]].make({}, settings)
        return getattr(import_module(self.module_path), self.made_by)(**chosen)

    def chosen(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options: those that are said, and the defaults of the others."""
        return {name: option.default for name, option in self.options.items()} | dict(options)

    def variants(self, options: Mapping[str, Any]) -> list[str]:
        """Return the variants of a method with ``options``, none where a run alone tells them."""
        option, letter = self.varied
        return [f"{letter}={value}" for value in self.chosen(options)[option]] if option else []

    def loads(self, options: Mapping[str, Any]) -> list[str]:
        """Return the modules that a method with ``options`` loads by name, for digests."""
        return [kind.module_path for kind in self._kinds(options)]

    def reads(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of the whole configuration that a method with these options uses."""
        keys = (key for kind in self._kinds(options) for key in kind.settings.values())
        return tuple(dict.fromkeys(keys))

    def _kinds(self, options: Mapping[str, Any]) -> list["Kind"]:
        based = [KINDS[self.chosen(options)[self.base]]] if self.base else []
        return [self, *based]

    def misfits(self, options: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
        """Return what in options without faults does not fit the rest of the configuration."""
        own, *based = self._kinds(options)
        wrong = own.joint(self.chosen(options), facts)
        return [*wrong, *(fault for kind in based for fault in kind.misfits({}, facts))]

    def faults(self, options: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with the options of one method."""
        known = ", ".join(self.options) or "none"
        wrong = [
            f"unknown option {name!r} of kind {self.name}{suggestion(name, self.options)}; "
            f"its options: {known}"
            for name in options
            if name not in self.options
        ]
        for name, option in self.options.items():
            if name in options and not option.holds(options[name]):
                wrong.append(f"{name} is {options[name]!r}: must be {option.rule}")
            if name not in options and option.default is REQUIRED:
                wrong.append(f"kind {self.name} needs {name}: {option.rule}")
        return wrong or self.looked_up(self.chosen(options))


def suggestion(name: str, known: Mapping[str, Any]) -> str:
    """Return a hint at the name that was meant, empty if none is near."""
    near = get_close_matches(str(name).lower(), list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


LOADINGS = ("taylor", "proj")
"""Ways in which the true loadings of an economy are computed."""

BASES = ("managed", "sorts25", "deciles", "ff", "fm")
"""Kinds whose portfolios others start from."""

BLUE, RED, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, GREY = "#E69F00", "#56B4E9", "#B8A800", "#666666"

_BASE = Option("managed", f"one of {', '.join(BASES)}", one_of(*BASES))
_FACTORS = Option([1, 2, 3, 4, 5], "a list of different integers >= 1", different(whole))


def _few_instruments(options: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Refuse more factors than there are characteristics and a constant."""
    most = max(options["factors"])
    return [
        f"factors has {most}: must be at most {len(names) + 1} in {economy}, its {len(names)} "
        "characteristics and one; leave it out"
        for economy, names in facts["characteristics"].items()
        if most > len(names) + 1
    ]


def _size_and_bm(options: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Refuse economies whose firms have no size or no book-to-market ratio."""
    del options
    return [
        f"the 25 portfolios need the characteristics size and bm: {economy} has only "
        f"{', '.join(names)}; switch the method off or use deciles"
        for economy, names in facts["characteristics"].items()
        if not {"size", "bm"} <= set(names)
    ]


def _first_within(options: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Refuse a first fit after the end of the panel."""
    first = options["first"]
    if first is None or first < facts["months"]:
        return []
    return [f"first is {first}, months is {facts['months']}: must be less; lower first"]


def _regressor(options: Mapping[str, Any]) -> list[str]:
    return class_faults(options["regressor"], ("fit", "predict"), options["arguments"])


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="ff",
            title="Fama-French",
            family="sorts",
            module="fama_french",
            made_by="FamaFrench",
            settings={"empty_cells": "empty_cells"},
            look=Look(BLUE, "o", "-"),
            reported=True,
        ),
        Kind(
            name="fm",
            title="Fama-MacBeth",
            family="regressions",
            module="fama_macbeth",
            made_by="FamaMacBeth",
            look=Look(RED, "s", "--"),
            reported=True,
        ),
        Kind(
            name="model",
            title="model, {loading}",
            family="truth",
            module="model_implied",
            made_by="ModelImplied",
            options={
                "loading": Option(REQUIRED, " or ".join(LOADINGS), lambda v: v in LOADINGS),
            },
            settings={"weighting": "model_factor_weights"},
            look=Look(GREEN, "^", "-."),
            reported=True,
        ),
        Kind(
            name="capm",
            title="market",
            family="market",
            module="capm",
            made_by="CAPM",
            look=Look(ORANGE, "D", "-"),
            reported=True,
        ),
        Kind(
            name="managed",
            title="managed portfolios",
            family="portfolios",
            module="managed",
            made_by="Managed",
            look=Look(SKY, "p", "-"),
        ),
        Kind(
            name="sorts25",
            title="25 portfolios",
            family="portfolios",
            module="sorted_portfolios",
            made_by="Sorts25",
            look=Look(SKY, "s", "--"),
            joint=_size_and_bm,
        ),
        Kind(
            name="deciles",
            title="deciles",
            family="portfolios",
            module="sorted_portfolios",
            made_by="Deciles",
            look=Look(SKY, "X", "-."),
        ),
        Kind(
            name="pca",
            title="principal components of {base}",
            family="latent factors",
            module="pca",
            made_by="PCA",
            options={
                "base": _BASE,
                "factors": _FACTORS,
                "gamma": Option(-1, "a number >= -1", lambda v: number(v) and v >= -1),
            },
            base="base",
            varied=("factors", "K"),
            look=Look(PINK, "v", "-"),
            cost=(5.0, 100.0),
        ),
        Kind(
            name="ipca",
            title="instrumented PCA",
            family="latent factors",
            module="ipca",
            made_by="IPCA",
            options={"factors": _FACTORS},
            varied=("factors", "K"),
            joint=_few_instruments,
            look=Look(PINK, "P", "--"),
            cost=(25.0, 100.0),
        ),
        Kind(
            name="kns",
            title="shrunk {base}",
            family="shrinkage",
            module="kns",
            made_by="KNS",
            options={
                "base": _BASE,
                "kappas": Option(
                    [0.02 * 100 ** (k / 12) for k in range(13)],
                    "a list of different numbers > 0",
                    different(lambda v: number(v) and v > 0),
                ),
                "lasso": Option(
                    [0],
                    "a list of different numbers from 0 to below 1",
                    different(lambda v: number(v) and 0 <= v < 1),
                ),
                "space": Option(
                    "components",
                    "components or characteristics",
                    one_of("components", "characteristics"),
                ),
            },
            base="base",
            look=Look(GREY, "*", "-"),
            cost=(6.0, 100.0),
        ),
        Kind(
            name="dkkm",
            title="random features",
            family="complexity",
            module="dkkm",
            made_by="DKKM",
            options={
                "features": Option(
                    [6, 36, 360],
                    "a list of different even integers >= 2",
                    different(lambda v: whole(v, 2) and v % 2 == 0),
                ),
                "rank_features": Option(True, "true or false", lambda v: isinstance(v, bool)),
            },
            varied=("features", "D"),
            look=Look(YELLOW, "h", "-"),
            cost=(25.0, 120.0),
        ),
        Kind(
            name="predictor",
            title="predicted by {regressor}",
            family="prediction",
            module="predictor",
            made_by="Predictor",
            options={
                "regressor": Option(
                    REQUIRED, "the dotted name of a class", lambda v: isinstance(v, str)
                ),
                "arguments": Option(
                    {},
                    "a mapping of names to values",
                    lambda v: isinstance(v, Mapping) and all(isinstance(k, str) for k in v),
                ),
                "refit": Option(12, "an integer >= 1", whole),
                "first": Option(None, "an integer >= 2", lambda v: whole(v, 2)),
                "target": Option(
                    "return",
                    "return, demeaned or rank",
                    one_of("return", "demeaned", "rank"),
                ),
                "portfolio": Option("rank", "rank or proportional", one_of("rank", "proportional")),
                "market": Option("equal", "equal or value", one_of("equal", "value")),
            },
            looked_up=_regressor,
            joint=_first_within,
            look=Look(BLUE, "d", ":"),
            cost=(60.0, 300.0),
        ),
    )
}
"""The registry."""


def kind_of(name: str) -> Kind:
    """Return the kind called ``name``.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in KINDS:
        raise ConfigError(
            f"unknown kind {name!r}{suggestion(name, KINDS)}; known: {', '.join(KINDS)}"
        )
    return KINDS[name]


@dataclass(frozen=True)
class Bundled:
    """A method whose results are part of every panel's bundle.

    Parameters
    ----------
    name : str
        Name in tables.
    title : str
        Name for people.
    kind : str
    options : mapping
    returns, statistics : str
        Tables of the panel with its factors' returns and with its statistics.
    look : Look
    """

    name: str
    title: str
    kind: str
    options: Mapping[str, Any]
    returns: str
    statistics: str
    look: Look

    def make(self, settings: Mapping[str, Any]) -> Any:
        """Return a fresh method."""
        return KINDS[self.kind].make(self.options, settings)


BUNDLED: Mapping[str, Bundled] = {
    method.name: method
    for method in (
        Bundled("ff", "Fama-French", "ff", {}, "ff_returns", "fama_stats", KINDS["ff"].look),
        Bundled("fm", "Fama-MacBeth", "fm", {}, "fm_returns", "fama_stats", KINDS["fm"].look),
        Bundled(
            "taylor",
            "model, Taylor",
            "model",
            {"loading": "taylor"},
            "latent_taylor",
            "model_stats",
            Look(GREEN, "^", "-."),
        ),
        Bundled(
            "proj",
            "model, proj.",
            "model",
            {"loading": "proj"},
            "latent_proj",
            "model_stats",
            Look(PINK, "v", ":"),
        ),
    )
}
"""The methods of the bundle's contract, in its order."""

FAMA = tuple(m.name for m in BUNDLED.values() if m.statistics == "fama_stats")
"""Methods on characteristics alone, judged at every penalty."""


def bundled(loadings: tuple[str, ...]) -> dict[str, Bundled]:
    """Return the methods of the bundle that an economy with ``loadings`` has."""
    return {
        name: method
        for name, method in BUNDLED.items()
        if method.options.get("loading", loadings[0]) in loadings
    }
