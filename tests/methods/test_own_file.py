"""A user's own file: found, digested and loaded afresh, and gone afterwards."""

import sys
import textwrap

import pytest

from truepremia.errors import MethodError
from truepremia.methods.entry import Entry
from truepremia.methods.own import build, digest, faults, loaded, local_files

GOOD = """
from truepremia.methods import Factors

class Mine:
    def __init__(self, speed=1.0):
        self.speed = speed

    def form(self, known):
        yield Factors(self.speed * known.ranks(), known.names)
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_a_good_file_has_no_fault(write):
    assert faults(write(GOOD), "Mine") == []


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("x = (", "Mine", "line 1: not Python"),
        (
            "class Other:\n    def form(self, known): ...\n",
            "Mine",
            "no class Mine; its classes: Oth",
        ),
        ("class Mine:\n    def fit(self, known): ...\n", "Mine", "neither form nor weights"),
        ("x = '\x00'", "Mine", "not Python"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_importing_it(write, text, name, said):
    path = write("raise RuntimeError\n" + text if "x = " not in text else text)
    (found,) = faults(path, name)
    assert said in found.replace("line 2", "line 1")
    assert str(path) in found


def test_a_missing_file_is_named(tmp_path):
    assert "no such file" in faults(tmp_path / "none.py", "Mine")[0]


def test_a_class_that_is_imported_or_inherits_is_left_to_the_run(write):
    assert faults(write("from other import Mine\n"), "Mine") == []
    assert faults(write("class Mine(Base):\n    x = 1\n"), "Mine") == []


def test_comments_docstrings_and_layout_do_not_change_the_digest(write):
    before = digest(write(GOOD))
    commented = GOOD.replace("    def form", "    # why\n\n    def form").replace(
        "class Mine:", 'class Mine:\n    """What it is."""\n'
    )
    assert digest(write(commented)) == before
    assert digest(write(GOOD.replace("1.0", "2.0"))) != before


def test_local_imports_are_part_of_the_digest_and_others_are_not(write):
    path = write("import numpy\nimport helper\nfrom pack import deep\n" + GOOD)
    write("from pack.deep import x\n", "helper.py")
    write("", "pack/__init__.py")
    write("x = 1\n", "pack/deep.py")
    write("y = 1\n", "unused.py")
    names = [p.name for p in local_files(path)]
    assert names[0] == "mine.py"
    assert set(names) == {"mine.py", "helper.py", "__init__.py", "deep.py"}
    before = digest(path)
    write("y = 2\n", "unused.py")
    assert digest(path) == before
    write("x = 1  # a comment\n", "pack/deep.py")
    assert digest(path) == before
    write("x = 2\n", "pack/deep.py")
    assert digest(path) != before


def test_relative_and_hidden_imports_are_local_too(write):
    path = write("def f():\n    from pack import inner\n" + GOOD)
    write("from . import sister\nfrom .sister import z\n", "pack/__init__.py")
    write("", "pack/inner.py")
    write("z = 1\n", "pack/sister.py")
    assert {p.name for p in local_files(path)} == {
        "mine.py",
        "__init__.py",
        "inner.py",
        "sister.py",
    }


def test_a_file_is_loaded_afresh_and_leaves_nothing_behind(write):
    path = write("import helper_of_mine\n" + GOOD + "\n    count = helper_of_mine.count\n")
    helper = write("count = []\n", "helper_of_mine.py")
    before, where = set(sys.modules), list(sys.path)
    for _ in range(2):
        with loaded(path, "Mine") as own:
            assert own.count == []
            own.count.append(1)
    assert set(sys.modules) - before == set()
    assert sys.path == where
    assert not list(path.parent.rglob("__pycache__"))
    helper.write_text("count = ['new']\n")
    with loaded(path, "Mine") as own:
        assert own.count == ["new"]


def test_a_helper_that_somebody_imported_before_is_not_used(write, monkeypatch):
    path = write("import helper_of_mine\n" + GOOD + "\n    value = helper_of_mine.value\n")
    write("value = 1\n", "helper_of_mine.py")
    monkeypatch.syspath_prepend(str(path.parent))
    import helper_of_mine  # type: ignore[import-not-found]

    helper_of_mine.value = 99
    with loaded(path, "Mine") as own:
        assert own.value == 1


def test_what_loading_raises_is_one_line(write):
    path = write("import no_such_library_anywhere\n" + GOOD)
    with (
        pytest.raises(MethodError, match="no_such_library_anywhere") as caught,
        loaded(path, "Mine"),
    ):
        pass
    assert "\n" not in str(caught.value)
    with pytest.raises(MethodError, match="SystemExit"), loaded(write("exit(3)\n"), "Mine"):
        pass


def test_options_that_the_constructor_does_not_take_are_said_in_its_words(write):
    with loaded(write(GOOD), "Mine") as own:
        assert build(own, {"speed": 3.0}, "mine").speed == 3.0
        with pytest.raises(MethodError, match="unexpected keyword argument 'spede'"):
            build(own, {"spede": 3.0}, "mine")


@pytest.mark.parametrize(
    ("said", "truth"),
    [
        ("truth = True", True),
        ("truth: bool = True", True),
        ("truth = False", False),
        ("x = 1", False),
    ],
)
def test_a_class_that_says_so_is_marked_as_using_the_truth(write, said, truth):
    path = write(f"class Mine:\n    {said}\n    def form(self, known): ...\n")
    assert Entry("mine", file=path, made_by="Mine").truth == truth


def test_a_class_of_the_same_file_says_so_for_those_that_come_from_it(write):
    path = write(
        "class Base:\n    truth = True\n    def form(self, known): ...\n"
        "class Sub(Base):\n    pass\n"
        "class Not(Base):\n    truth = False\n"
    )
    assert Entry("mine", file=path, made_by="Sub").truth
    assert not Entry("mine", file=path, made_by="Not").truth


@pytest.mark.parametrize("place", ["def __init__(self): self.truth = True", "truth = 1 == 1"])
def test_the_truth_is_not_shown_to_a_method_whose_file_does_not_say_so(write, place):
    path = write(f"class Mine:\n    {place}\n    def form(self, known): ...\n")
    entry = Entry("mine", file=path, made_by="Mine")
    with pytest.raises(MethodError, match="write truth = True into the body"), entry.made({}):
        pass


def test_an_entry_makes_a_fresh_object_each_time(write):
    entry = Entry("mine", options={"speed": 2.0}, file=write(GOOD), made_by="Mine")
    again = Entry.from_mapping("mine", entry.to_mapping())
    with again.made({}) as one, again.made({}) as two:
        assert one is not two
        assert type(one) is not type(two)
        assert one.speed == 2.0
