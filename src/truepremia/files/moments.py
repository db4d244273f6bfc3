"""Files of conditional moments, written and read one month at a time."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from truepremia.columns import MOMENT_COLUMNS, SDF_COLUMNS
from truepremia.files.finite import require_finite
from truepremia.files.formats import Table, TableFile, column, table_writer
from truepremia.moments import Moments
from truepremia.typing import Array


@contextlib.contextmanager
def moment_writer(paths: Any, panel_id: str) -> Iterator["MomentWriter"]:
    """Open the files of a panel's moments; they appear when the block ends well.

    Parameters
    ----------
    paths : object
        Attributes ``moments`` and ``sdf`` name the files to write.
    panel_id : str
    """
    with (
        table_writer(paths.moments, "moments", panel_id, MOMENT_COLUMNS) as moments,
        table_writer(paths.sdf, "sdf", panel_id, SDF_COLUMNS) as sdf,
    ):
        yield MomentWriter(moments, sdf)


@dataclass(frozen=True, eq=False)
class StoredMonth:
    """What is stored of one month's moments.

    Parameters
    ----------
    row : mapping of str to number
        The month's row of the SDF table.
    moments : Moments or None
        Mean, F and d without the columns that carry nothing; None before the first full window.
    """

    row: Mapping[str, float]
    moments: Moments | None

    @classmethod
    def reduce(
        cls,
        moments: Moments,
        excess_return: Array,
        sdf: float,
        euler_errors: Array,
        first: int,
    ) -> "StoredMonth":
        """Reduce one month to what is stored.

        Parameters
        ----------
        moments : Moments
        excess_return : array, shape (N,)
            Realised excess returns from the month to the next.
        sdf : float
            Realised discount factor from the month to the next.
        euler_errors : array, shape (N,)
            E_t[m R_i] - 1 of every firm.
        first : int
            First month whose mean, F and d are stored: the first with a full window before it.
        """
        row = {
            "month": moments.month,
            "max_sr": moments.max_sharpe(),
            "sdf_ret": moments.sdf_portfolio() @ excess_return,
            "sdf": sdf,
            "euler_error": float(np.abs(euler_errors).max()),
        }
        return cls(row, moments.compressed() if moments.month >= first else None)


class MomentWriter:
    """Writes months in calendar order; made by :func:`moment_writer`."""

    def __init__(self, moments: Table, sdf: Table):
        self._moments, self._sdf = moments, sdf
        self.largest_error = 0.0
        """Largest absolute Euler error of all firms and months so far."""

    def append(self, month: StoredMonth) -> None:
        """Store one month."""
        row = {name: np.array([value]) for name, value in month.row.items()}
        require_finite(row, f"truth of month {month.row['month']}")
        self.largest_error = max(self.largest_error, month.row["euler_error"])
        self._sdf.append({**row, "month": row["month"].astype(np.int32)})
        if month.moments is not None:
            _append(self._moments, month.moments)


def _append(table: Table, moments: Moments) -> None:
    """Append one month's mean, F and d."""
    rows, width = moments.exposure.shape
    offsets = column(np.arange(rows + 1, dtype=np.int32) * width)
    table.append(
        {
            "month": np.full(rows, moments.month, dtype=np.int32),
            "firmid": moments.firm.astype(np.int32),
            "mean": moments.mean,
            "residual": moments.residual,
            "exposure": pa.ListArray.from_arrays(offsets, column(moments.exposure.ravel())),
            "riskfree": np.full(rows, moments.riskfree),
        }
    )
    # The width of F differs by month: a row group holds exactly one month.
    table.flush()


def read_moments(path: str | Path, panel_id: str, every: int = 1) -> Iterator[Moments]:
    """Yield the stored moments month by month, or every so many months, one at a time.

    Raises
    ------
    DataError
        If the file is not what it should be.
    """
    for month, columns in TableFile(path, "moments", panel_id).months(every=every):
        yield Moments(
            mean=columns["mean"],
            exposure=columns["exposure"],
            residual=columns["residual"],
            riskfree=float(columns["riskfree"][0]),
            firm=columns["firmid"],
            month=month,
        )
