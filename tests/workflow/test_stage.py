"""The frame around the scripts: work side by side, in order."""

import threading

import pytest

from truepremia.parallel import in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(threads):
    finished = threading.Event()

    def slow_first(item):
        if threads > 1 and item == 0:
            finished.wait(10)  # until a later item is done
        finished.set()
        return item**2

    assert list(in_order(slow_first, range(20), threads)) == [i**2 for i in range(20)]


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_items_are_taken_than_are_needed(threads):
    taken = []

    def items():
        for i in range(50):
            taken.append(i)
            yield i

    results = in_order(lambda item: item, items(), threads)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    assert len(taken) <= 4 + 2 * threads + 1


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_reaches_the_caller(threads):
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item: 1 / item, [1, 0, 1], threads))
