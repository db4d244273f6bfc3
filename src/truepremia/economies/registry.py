"""The economies that can be simulated."""

from collections.abc import Mapping

from truepremia.economies.contract import Economy
from truepremia.errors import ConfigError

SHIPPED: Mapping[str, Economy] = {
    economy.name: economy
    for economy in (
        Economy(
            name="bgn",
            title="Berk, Green and Naik (1999)",
            characteristics=("size", "bm", "agr", "roe", "mom"),
            shocks=("mu", "xi"),
            loadings=("taylor", "proj"),
        ),
        Economy(
            name="kp14",
            title="Kogan and Papanikolaou (2014)",
            characteristics=("size", "bm", "agr", "roe", "mom"),
            shocks=("z", "x"),
            loadings=("taylor", "proj"),
        ),
        Economy(
            name="gs21",
            title="Gomes and Schmid (2021)",
            characteristics=("size", "bm", "agr", "roe", "mom", "mkt_lev"),
            shocks=("x",),
            loadings=("taylor",),
        ),
        Economy(
            name="gkx20",
            title="Gu, Kelly and Xiu (2020)",
            characteristics=(
                *("size", "bm", "agr", "roe", "mom"),
                *("c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10"),
            ),
            shocks=("mkt", "f1", "f2", "f3"),
            loadings=("proj",),
        ),
        Economy(
            name="lw07",
            title="Lettau and Wachter (2007)",
            characteristics=("size", "bm", "agr", "roe", "mom"),
            shocks=("d", "z", "x"),
            loadings=("taylor", "proj"),
        ),
    )
}
"""The economies of this package: adding one is one entry here, one package beside this file and one
calibration in config/economies."""

ECONOMIES: dict[str, Economy] = dict(SHIPPED)
"""The registry: the shipped economies and, while a configuration names some, its own
(:mod:`truepremia.economies.own`)."""


def economy(name: str) -> Economy:
    """Return the economy of the registry called ``name``.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if not isinstance(name, str) or name not in ECONOMIES:
        raise ConfigError(f"unknown economy {name!r}; known: {', '.join(ECONOMIES)}")
    return ECONOMIES[name]
