"""A bar for calls that take long, where somebody watches."""

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TypeVar

from truepremia.errors import ConfigError

T = TypeVar("T")


def watched(items: Iterable[T], total: int, what: str, progress: bool | None = None) -> Iterator[T]:
    """Yield items, with a bar of tqdm if that is wanted.

    Parameters
    ----------
    items : iterable
    total : int
        How many there are.
    what : str
        What is being done, in front of the bar.
    progress : bool, optional
        Whether to show a bar. Where nothing is given there is one if tqdm is installed and errors
        go to a terminal.

    Raises
    ------
    ConfigError
        If a bar is asked for and tqdm is not installed.
    """
    installed = find_spec("tqdm") is not None
    if progress and not installed:
        raise ConfigError(
            "progress is True: must be None or False without tqdm; install it, for example with "
            "'pip install tqdm'"
        )
    if progress is None:
        progress = installed and sys.stderr.isatty()
    if not progress:
        yield from items
        return
    from tqdm.auto import tqdm

    yield from tqdm(items, total=total, desc=what, leave=False)
