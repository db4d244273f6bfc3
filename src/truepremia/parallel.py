"""Work on several items at a time inside one job, with the results of one at a time."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from truepremia.errors import DataError

ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""Environment of one thread of linear algebra: bits must not depend on the number of cores, and
small matrices are slower with more. Set before numpy is imported."""

KEEP_MEMORY = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(2**30))
"""Environment in which glibc keeps the memory of an array that is gone for the next one, instead of
asking the kernel for zeroed pages each month. Read when a process starts; changes no bit."""

FOR_JOBS = {**KEEP_MEMORY, **ONE_THREAD}
"""Environment of the processes that jobs run in."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Yield ``function(item)`` for every item, in order, a few of them computed at a time.

    Items are taken as they are needed, so that no more than two for each thread are held. The
    results do not depend on the number of threads.

    Parameters
    ----------
    function : callable
        Must not change what other calls read. Large numpy operations run side by side.
    items : iterable
    threads : int
        1 computes every item where it stands.
    """
    if threads < 1:
        raise DataError(f"threads is {threads}: must be at least 1")
    if threads == 1:
        yield from map(function, items)
        return
    # Imported where it is used: small jobs, which have one thread, start without it.
    from joblib import Parallel, delayed

    waiting = iter(items)
    with Parallel(n_jobs=threads, backend="threading") as several:
        # By the batch: left to itself joblib would take items faster than results are wanted.
        while batch := list(islice(waiting, 2 * threads)):
            yield from several(delayed(function)(item) for item in batch)
