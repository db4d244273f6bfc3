"""One style for all figures, and one way to save them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

from truepremia.files.formats import replacing

WIDTH = 7.0
"""Width in inches: the text block of a journal page."""

PIXELS_PER_INCH = 160
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666")
"""The colours of Okabe and Ito, which the colour-blind can tell apart."""

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=PALETTE),
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "truepremia",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and save figures in the report's style inside the block."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, folder: str | Path, name: str) -> None:
    """Write a figure as ``{name}.pdf`` and ``{name}.png``; equal figures give equal bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout is found; finding it again takes as long
    for suffix, without in (("pdf", "CreationDate"), ("png", "Software")):
        with replacing(Path(folder) / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, dpi=PIXELS_PER_INCH, metadata={without: None})
