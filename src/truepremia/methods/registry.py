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
        Takes the options and what they may depend on, ``months``, ``window`` and
        ``characteristics`` (their number by economy), to the rules that they break together.
    reported : bool
        Whether the report lists its factors, economy by economy: it has few.
    cost : tuple of float
        CPU seconds and megabytes of judging the default panel, measured and rounded up.
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

    @property
    def module_path(self) -> str:
        """Full name of the module, for digests."""
        return f"truepremia.methods.{self.module}"

    def loads(self, options: Mapping[str, Any]) -> list[str]:
        """Return the modules that a method with ``options`` loads by name."""
        base = options.get("base", getattr(self.options.get("base"), "default", None))
        return [self.module_path, *([KINDS[base].module_path] if base in KINDS else [])]

    def make(self, options: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """Return a fresh method.

        Parameters
        ----------
        options : mapping
            Options that are said; the others keep their default.
        settings : mapping
            The whole configuration, or the part of it that :attr:`settings` names.
        """
        chosen = {name: option.default for name, option in self.options.items()} | dict(options)
        chosen |= {argument: settings[key] for argument, key in self.settings.items()}
        return getattr(import_module(self.module_path), self.made_by)(**chosen)

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
        return wrong


def suggestion(name: str, known: Mapping[str, Any]) -> str:
    """Return a hint at the name that was meant, empty if none is near."""
    near = get_close_matches(str(name).lower(), list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


LOADINGS = ("taylor", "proj")
"""Ways in which the true loadings of an economy are computed."""

BLUE, RED, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#666666"

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
