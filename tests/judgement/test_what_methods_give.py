"""What a method may give, and the one line for what it may not."""

import os

import numpy as np
import pytest
from small_market import SETTING, market

from truepremia.commands.check_method import check
from truepremia.errors import MethodError
from truepremia.judgement.engine import judge
from truepremia.methods.contract import Factors, Portfolio


@pytest.fixture(scope="module")
def world():
    return market(empty=False)


def giving(make):
    class Gives:
        def form(self, known):
            return make(known)

    return Gives()


def ones(known):
    return np.ones((len(known), 1))


WRONG = {
    "masked": (lambda k: [Factors(np.ma.masked_less(ones(k), 2), ("a",))], "masked numbers"),
    "complex": (lambda k: [Factors(ones(k) * 1j, ("a",))], "not an array of numbers"),
    "texts": (lambda k: [Factors(ones(k).astype(str), ("a",))], "not an array of numbers"),
    "texts among objects": (
        lambda k: [Factors(np.array([["1"]] * len(k), dtype=object), ("a",))],
        "not an array of numbers",
    ),
    "dates": (lambda k: [Factors(ones(k).astype("M8[s]"), ("a",))], "not an array of numbers"),
    "ragged": (lambda k: [Factors([[1.0], [1.0, 2.0]], ("a",))], "not an array of numbers"),
    "nothing": (lambda k: [Factors(np.array([[None]] * len(k)), ("a",))], "not finite"),
    "huge": (lambda k: [Factors(ones(k) * 1e101, ("a",))], "beyond 1e+100"),
    "huge past": (lambda k: [Factors(ones(k), ("a",), np.full((9, 1), -1e200))], "beyond 1e+100"),
    "no names": (lambda k: [Factors(ones(k), None)], "names is None: must be a sequence"),
    "one text": (lambda k: [Factors(ones(k), "ab")], "names is 'ab': must be a sequence"),
    "one column": (lambda k: [Factors(ones(k)[:, 0], ("a",))], "a column for each factor"),
    "a text": (lambda k: ["ab"], "form gave a str"),
    "no list": (lambda k: None, "raised TypeError"),
    "a penalty": (lambda k: [Portfolio(ones(k)[:, 0], "", "alpha", "much")], "ValueError: could"),
    "an array as choice": (lambda k: [Portfolio(ones(k)[:, 0], "", np.ones(2))], "what form gave"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_the_contract_does_not_allow_is_one_line_with_the_month(world, case):
    make, said = WRONG[case]
    with pytest.raises(MethodError) as error:
        judge(giving(make), *world, SETTING, "mine")
    assert said in str(error.value)
    assert str(error.value).startswith("mine: ")
    assert "month 100" in str(error.value)
    assert "\n" not in str(error.value)


FINE = {
    "a list": lambda k: [Factors(ones(k).tolist(), ["a"])],
    "single precision": lambda k: [Factors(ones(k).astype("f4"), ("a",))],
    "whole numbers": lambda k: [Factors(ones(k).astype(int), ("a",))],
    "truth values": lambda k: [Factors(ones(k).astype(bool), ("a",))],
    "objects": lambda k: [Factors(ones(k).astype(object), ("a",))],
    "Fortran's order": lambda k: [Factors(np.asfortranarray(ones(k)), ("a",))],
    "nothing masked": lambda k: [Factors(np.ma.asarray(ones(k)), ("a",))],
    "numbers as names": lambda k: [Factors(ones(k), (1,))],
    "one that is not in a list": lambda k: Factors(ones(k), ("a",)),
    "a generator": lambda k: (Factors(ones(k), ("a",)) for _ in range(1)),
}


@pytest.mark.parametrize("case", FINE)
def test_whatever_holds_the_same_numbers_is_the_same(world, case):
    one = judge(giving(FINE[case]), *world, SETTING).statistics
    other = judge(giving(lambda k: [Factors(ones(k), ("a",))]), *world, SETTING).statistics
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.hjd, other.hjd)


def test_the_largest_weights_are_judged(world):
    found = judge(giving(lambda k: [Factors(ones(k) * 1e100, ("a",))]), *world, SETTING)
    assert np.isfinite(found.statistics.stdev).all()
    assert np.isfinite(found.statistics.hjd).all()


@pytest.mark.parametrize("method", [type("Mine", (), {"form": None}), None, "mine", object()])
def test_what_is_no_method_is_said_before_the_first_month(world, method):
    with pytest.raises(MethodError, match="must be an object, not a class, with form"):
        judge(method, *world, SETTING)


def test_a_method_that_never_forms_anything_is_named(world):
    verdict = judge(giving(lambda _: []), *world, SETTING)
    with pytest.raises(MethodError, match="mine on bgn_0: forms nothing in any judged month"):
        verdict.require_formed("mine on bgn_0")
    judge(giving(lambda k: [Factors(ones(k), ("a",))]), *world, SETTING).require_formed("mine")


# --- a file ---------------------------------------------------------------------------------------

METHOD = """
import os, pickle
import numpy as np
from truepremia.methods import Factors

class Kept:
    pass

class Mine:
    def __init__(self):
        {init}

    def form(self, known):
        {form}
        yield Factors(np.ones((len(known), 1)), ("a",))
"""

LATE = {
    "a late import of a file beside it": "import helper_of_mine; helper_of_mine.one",
    "its own class in a pickle": "pickle.loads(pickle.dumps(Kept()))",
    "another folder": "os.chdir('/')",
    "errors raised": "np.seterr(all='raise')",
}
ENDS = {
    "SystemExit when it is made": ("raise SystemExit", "pass"),
    "the end of Python when it is made": ("os._exit(0)", "pass"),
    "SystemExit in form": ("pass", "raise SystemExit(0)"),
    "the end of Python in form": ("pass", "os._exit(0)"),
}


def written(folder, init="pass", form="pass"):
    (folder / "helper_of_mine.py").write_text("one = 1\n")
    file = folder / "mine.py"
    file.write_text(METHOD.format(init=init, form=form))
    return file


@pytest.mark.parametrize("case", LATE)
def test_what_works_in_a_run_works_in_the_check(tmp_path, monkeypatch, case):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    lines = check(written(tmp_path, form=LATE[case]), "Mine", {})
    assert "contract kept" in next(lines)
    assert next(lines).endswith(": yes")
    assert os.getcwd() == str(tmp_path / "here")  # noqa: PTH109 - what the system says


@pytest.mark.parametrize("case", ENDS)
def test_a_method_that_ends_python_fails_its_check(tmp_path, case):
    init, form = ENDS[case]
    with pytest.raises(MethodError, match=r"Mine: .*SystemExit"):
        next(check(written(tmp_path, init, form), "Mine", {}))
