"""The methods that the report shows of an economy: the bundled ones, and others with few factors.

Everything that tables and figures say of a method comes from here, and so from the registry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truepremia.methods.entry import Entry
from truepremia.methods.registry import FAMA, Look, bundled


@dataclass(frozen=True)
class Shown:
    """A method in the report.

    Parameters
    ----------
    name : str
        Name in tables.
    title : str
        Name for people.
    look : Look
    entry : Entry
        How it is made.
    returns, statistics : str
        Names of its tables among the files of a panel.
    own_table : bool
        Whether its statistics have a table of their own.
    penalties : bool
        Whether it is judged at every penalty.
    truth : bool
        Whether it uses the true loadings.
    """

    name: str
    title: str
    look: Look
    entry: Entry
    returns: str
    statistics: str
    own_table: bool
    penalties: bool
    truth: bool


def shown_methods(
    loadings: tuple[str, ...], configured: Mapping[str, Mapping[str, Any]]
) -> dict[str, Shown]:
    """Return the methods of an economy's report, those on characteristics first.

    Parameters
    ----------
    loadings : tuple of str
        Loadings that the economy has.
    configured : mapping
        Entries of further methods that the report lists, by name.
    """
    found = {}
    for name, method in bundled(loadings).items():
        entry = Entry(name, kind=method.kind, options=method.options)
        tables = (method.returns, method.statistics)
        fama = name in FAMA
        found[name] = Shown(name, method.title, method.look, entry, *tables, False, fama, not fama)
    for name, mapping in configured.items():
        entry = Entry.from_mapping(name, mapping)
        tables = (f"{name}_returns", f"{name}_stats")
        found[name] = Shown(name, entry.title, entry.look, entry, *tables, True, True, entry.truth)
    return dict(sorted(found.items(), key=lambda item: item[1].truth))
