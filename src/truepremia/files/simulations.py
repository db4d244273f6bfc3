"""Files of an economy: its solution, and a simulated panel."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from truepremia.columns import Column
from truepremia.economies.contract import Economy, Solution, State
from truepremia.economies.parameters import Parameters
from truepremia.errors import DataError
from truepremia.files.finite import require_finite
from truepremia.files.formats import (
    REMEDY,
    TableFile,
    reading,
    replacing,
    table_writer,
    write_table,
)
from truepremia.panel import CrossSection, Layout, Simulation
from truepremia.typing import Array


def write_solution(path: str | Path, solution: Solution) -> None:
    """Write a solution together with the parameters that made it.

    An archive as of :func:`numpy.savez`, whose own headers differ between versions of Python.
    """
    params = json.dumps(solution.params.to_mapping(), sort_keys=True)
    arrays = solution.to_arrays()
    require_finite(arrays, f"solution of {solution.params.economy}")
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in {"params": np.array(params), **arrays}.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())


def read_solution(path: str | Path, economy: Economy, params: Parameters) -> Solution:
    """Read a solution, refusing one that was made with other parameters.

    Raises
    ------
    DataError
        If the file cannot be read or its parameters differ from ``params``.
    """
    wanted = params.to_mapping()
    with reading(path):
        with Path(path).open("rb") as handle, np.load(handle, allow_pickle=False) as archive:
            if archive.zip.testzip() is not None:
                raise DataError(f"cannot read {path}: a checksum is wrong; {REMEDY}")
            arrays = {name: archive[name] for name in archive.files}
        made_with = json.loads(str(arrays.pop("params")))
        differ = [name for name in wanted | made_with if made_with.get(name) != wanted.get(name)]
        if differ:
            raise DataError(
                f"{path} was solved with {differ[0]} = {made_with.get(differ[0])}, this run has "
                f"{wanted.get(differ[0])}; {REMEDY}"
            )
        return economy.restore(params, arrays)


def write_simulation(
    simulation: Simulation,
    economy: Economy,
    panel_id: str,
    paths: Any,
    undefined_growth: str = "zero",
) -> Iterator[int]:
    """Write a simulation as it proceeds and yield each month that is done.

    No number that is not finite is written: the month, the column and the number are named.

    Parameters
    ----------
    simulation : Simulation
    economy : Economy
    panel_id : str
    paths : object
        Attributes ``panel``, ``aggregates`` and ``states`` name the files to write.
    undefined_growth : {"zero", "nan"}
        With "nan" characteristics may be missing.
    """
    undefined = [] if undefined_growth == "zero" else economy.characteristics
    require_finite(simulation.aggregates, f"aggregates of {panel_id}")
    aggregates = {"month": Column("month", "month t"), **economy.columns("aggregates")}
    states = {"month": Column("month", "month t"), **economy.columns("states")}
    write_table(paths.aggregates, "aggregates", panel_id, simulation.aggregates, aggregates)
    with (
        table_writer(paths.panel, "panel", panel_id, economy.columns("panel")) as panel_table,
        table_writer(paths.states, "states", panel_id, states) as states_table,
    ):
        for produced in simulation.months:
            if produced.states:
                require_finite(produced.states, f"states of {panel_id} in month {produced.month}")
                states_table.append(_with_month(produced.month, produced.states))
            if produced.panel is not None:
                where = f"panel {panel_id} in month {produced.month}"
                require_finite(produced.panel, where, undefined)
                panel_table.append(_with_month(produced.month, produced.panel))
            yield produced.month


def _with_month(month: int, columns: Mapping[str, Array]) -> dict[str, Array]:
    rows = len(next(iter(columns.values())))
    return {"month": np.full(rows, month, dtype=np.int32), **columns}


def read_states(
    path: str | Path,
    economy: Economy,
    panel_id: str,
    solution: Solution,
    aggregates: Mapping[str, Array],
    firms: int,
) -> Iterator[State]:
    """Yield the states of a stored panel month by month.

    Parameters
    ----------
    path : path
        The table of states.
    economy : Economy
    panel_id : str
    solution : Solution
    aggregates : mapping of str to array, shape (T,)
        The panel's aggregate path.
    firms : int
        Number of firms.
    """
    rows = TableFile(path, "states", panel_id).months()
    return economy.states(solution, aggregates, rows, firms)


def read_cross_sections(paths: Any, panel_id: str, layout: Layout) -> Iterator[CrossSection]:
    """Yield the cross-sections of a stored panel in order, a row group at a time.

    Parameters
    ----------
    paths : object
        Attributes ``panel`` and ``aggregates`` name the files to read.
    panel_id : str
    layout : Layout
    """
    known = TableFile(paths.aggregates, "aggregates", panel_id).read(["month", "rf"])
    riskfree = dict(zip(known["month"].tolist(), known["rf"].tolist(), strict=True))
    for month, columns in TableFile(paths.panel, "panel", panel_id).months(layout.columns):
        yield layout.cross_section(month, columns, riskfree[month])


def read_excess_returns(path: str | Path, panel_id: str) -> Iterator[Array]:
    """Yield the excess returns of all firms, shape (N,), month by month."""
    for _, columns in TableFile(path, "panel", panel_id).months(["month", "xret"]):
        yield columns["xret"]
