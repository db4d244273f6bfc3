"""Panels of one economy and one configuration, gathered from their summaries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from truepremia.economies.contract import Economy
from truepremia.files.formats import read_json
from truepremia.report.selection import configuration, require_one_configuration
from truepremia.report.shown import Shown

_HEAD = ("panel_id", "config", "accuracy")


@dataclass(frozen=True, eq=False)
class Panels:
    """Finished panels of one economy and one configuration.

    Parameters
    ----------
    economy : Economy
    names : tuple of str
        The panels, in order of their indices.
    config : mapping
        What they have in common.
    rows : mapping of str to DataFrame
        The summaries' rows by kind, with a column ``panel``.
    methods : mapping of str to Shown
        The methods that are shown.
    """

    economy: Economy
    names: tuple[str, ...]
    config: Mapping[str, Any]
    rows: Mapping[str, pd.DataFrame]
    methods: Mapping[str, Shown]

    @property
    def sample(self) -> str:
        """The sample in words."""
        config, count = self.config, len(self.names)
        return (
            f"{self.economy.title}: {count} panel{'s' * (count > 1)} of {config['firms']} firms "
            f"and {config['months']} months, {config['months'] - config['window']} of them judged "
            f"with windows of {config['window']} months."
        )


def gather(
    economy: Economy, summaries: Iterable[Mapping[str, Any]], methods: Mapping[str, Shown]
) -> Panels:
    """Gather the summaries of panels.

    Parameters
    ----------
    economy : Economy
    summaries : iterable of mapping
        At least one result of :func:`truepremia.report.summary.summarise`.
    methods : mapping of str to Shown
        The methods that are shown.

    Raises
    ------
    DataError
        If the panels have different configurations.
    """
    ordered = sorted(summaries, key=lambda s: int(s["config"]["index"]))
    require_one_configuration({s["panel_id"]: s["config"] for s in ordered})
    kinds = [kind for kind in ordered[0] if kind not in _HEAD]
    rows = {
        kind: pd.DataFrame([{"panel": s["panel_id"], **row} for s in ordered for row in s[kind]])
        for kind in kinds
    }
    names = tuple(str(s["panel_id"]) for s in ordered)
    return Panels(economy, names, configuration(ordered[0]["config"]), rows, methods)


def read_summaries(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Read summary files, each of which holds several panels."""
    return [summary for path in paths for summary in read_json(path)["panels"]]
