"""Prove on a small panel of every economy that a method keeps its contract and sees no future."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from truepremia.errors import ConfigError, MethodError
from truepremia.judgement.leaderboard import KNOWS_THE_FUTURE
from truepremia.judgement.lookahead import findings
from truepremia.methods.own import build, faults, loaded, require_declared
from truepremia.outside import shell_path
from truepremia.panel import Size
from truepremia.workflow.laboratory import trials

SIZE, WINDOW = Size(firms=60, months=60, burnin=40), 24
POSITIONS = (WINDOW + 8, SIZE.months - 1)
"""Months at which the future is changed: early, and the last one."""


def split(place: str) -> tuple[Path, str]:
    """Return file and class of "my_method.py:Mine".

    Raises
    ------
    ConfigError
        If the text has another form, or the file has no such class.
    """
    file, colon, name = place.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise ConfigError(f"{place!r}: must be FILE:CLASS, for example my_method.py:Mine")
    path = Path(shell_path(file))
    wrong = faults(path, name)
    if wrong:
        raise ConfigError("; ".join(wrong))
    return path.resolve(), name


def check(file: Path, name: str, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for everything that is proved, economy by economy.

    Raises
    ------
    MethodError
        If the method breaks its contract, or a proof fails: with every failure.
    """
    failed = []
    for trial in trials(SIZE, WINDOW):
        # Loaded afresh for every run, and dropped when all is proved: a method may import late.
        with contextlib.ExitStack() as kept:

            def make(kept: contextlib.ExitStack = kept) -> Any:
                method = build(kept.enter_context(loaded(file, name)), options, name)
                require_declared(method, file, name)
                return method

            rows = trial.judge(make(), name)
            months, setting = trial.panel.cross_sections(), trial.setting(name)
            proofs = findings(make, months, setting, POSITIONS, name)
        best = rows[rows["choice"] != "alpha"]
        best = (best if len(best) else rows).iloc[-1]
        yield (
            f"{trial.model}: contract kept; share of the attainable Sharpe ratio "
            f"{best['share']:.2f}, luck {best['luck']:.1f} on a panel too small to mean much"
        )

        for finding in proofs:
            yield f"{trial.model}: {finding.fact}: {'yes' if finding.holds else finding.detail}"
            if not finding.holds:
                failed.append(f"{trial.model}: {finding.fact}: no, {finding.detail}")
        if abs(best["luck"]) > KNOWS_THE_FUTURE:
            failed.append(f"{trial.model}: luck {best['luck']:.1f}: the method knows the future")
    if failed:
        raise MethodError(f"{name} fails {len(failed)} proofs: {'; '.join(failed)}")
