"""A consumption economy: firms differ in how their returns move with consumption growth."""

from truepremia.economies.contract import Economy

ECONOMY = Economy(
    name="skeleton",
    title="Consumption economy",
    characteristics=("size", "bm", "agr", "roe", "mom", "beta"),
    shocks=("c",),
    loadings=("proj",),
)
