"""Configurations that are no configurations: one readable line, in bounded time."""

import json
import os
from decimal import Decimal

import pytest
from miniature import REPOSITORY

from truepremia.errors import ConfigError
from truepremia.workflow.config import load_config, load_config_file, load_overlay
from truepremia.workflow.documents import first_twice, read_yaml

SHIPPED = read_yaml(REPOSITORY / "config" / "config.yaml")
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 15)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 15)
)
TEXTS = {
    "a mapping that holds itself": "tidy: &a\n  stores: *a\n",
    "a list that holds itself": "alphas: &a [*a]\n",
    "deep lists": "alphas: " + "[" * 20_000 + "]" * 20_000,
    "deep mappings": "tidy: " + "{a: " * 20_000 + "1" + "}" * 20_000,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(500)),
    "deep JSON": '{"a": ' * 20_000 + "1" + "}" * 20_000,
    "an alias bomb": BOMB,
    "a bomb of merges": MERGES,
    "an alias of nothing": "firms: *a\n",
    "a tag of Python": "firms: !!python/object/apply:os.getpid []\n",
    "a tag of nobody": "firms: !mine 3\n",
    "a number that is none": "firms: !!int abc\n",
    "a float that is none": "firms: !!float abc\n",
    "a truth that is none": "firms: !!bool abc\n",
    "a date that is none": "firms: !!timestamp abc\n",
    "a date beyond the calendar": "firms: 2001-13-45\n",
    "bytes that are none": "firms: !!binary é\n",
    "a list tagged as a mapping": "firms: !!map [1]\n",
    "a mapping tagged as a list": "firms: !!seq {a: 1}\n",
    "pairs of nothing": "firms: !!pairs [1]\n",
    "a list as a key": "? [a, b]\n: 3\n",
    "a mapping as a key": "? {a: b}\n: 3\n",
    "a merge of a number": "<<: 3\n",
    "two documents": "firms: 3\n---\nfirms: 4\n",
    "a control character": "firms: \x01\n",
    "a number of five thousand digits": "seed: " + "9" * 5_000,
    "an octal number": "firms: 0100\n",
    "a date as a seed, read as octal": "seed: 020260\n",
    "leading zeros of a decimal": "alphas: [00.5]\n",
    "minutes": "months: 12:30\n",
    "hours": "months: 1:12:30\n",
    "a key twice": "firms: 3\nfirms: 4\n",
    "a key twice in JSON": '{"firms": 3, "firms": 4}',
    "an octal number in JSON": '{"firms": 0100}',
}


def refused(path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    assert len(message) < 1_000
    return message


@pytest.mark.parametrize("case", TEXTS)
def test_text_that_is_no_configuration_is_refused_in_one_line(tmp_path, case):
    (tmp_path / "c.yaml").write_text(TEXTS[case])
    refused(tmp_path / "c.yaml")


@pytest.mark.parametrize("raw", [b"\xff\xfef\x00", b"firms: \xe9", b"\x00\x01"], ids=str)
def test_bytes_that_are_no_text_are_refused(tmp_path, raw):
    (tmp_path / "c.yaml").write_bytes(raw)
    refused(tmp_path / "c.yaml")


def test_quoted_digits_and_plain_words_stay_texts(tmp_path):
    text = "a: '0100'\nb: \"12:30\"\nc: 0\nd: 0.5\ne: -0.0\nf: 00:ab\ng: 2001-01-01x\nh: 0x10\n"
    (tmp_path / "c.yaml").write_text(text)
    assert list(read_yaml(tmp_path / "c.yaml").values())[:5] == ["0100", "12:30", 0, 0.5, -0.0]


PLACES = ("a pipe", "a device", "a folder", "a link to itself", "a name of 300", "a path of 9000")


def place(tmp_path, kind):
    path = tmp_path / "c.yaml"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a link to itself":
        path.symlink_to(path)
    else:
        return tmp_path / ("a" * 300 if kind == "a name of 300" else "a/" * 4_500)
    return path


@pytest.mark.parametrize("kind", PLACES)
def test_configuration_that_is_no_file_is_refused_at_once(tmp_path, kind):
    with pytest.raises(ConfigError, match="cannot read"):
        read_yaml(place(tmp_path, kind))


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("key", ["calibration", "method", "real panel", "store", "package"])
def test_path_in_a_configuration_that_is_no_file_is_refused_at_once(tmp_path, kind, key):
    if (kind, key) == ("a folder", "store"):
        pytest.skip("a store may be a folder, and is told that it lacks tables")
    path = str(place(tmp_path, kind))
    overlay = {
        "calibration": {"economies": {"bgn": path}},
        "method": {"methods": {"mine": {"file": path, "class": "Mine"}}},
        "real panel": {"panels": {"mine": {"file": path}}},
        "store": {"tidy": {"stores": {"mine": {"path": path}}}},
        "package": {"economies": {"mine": {"package": path, "calibration": path}}},
    }[key]
    if (kind, key) in {("a pipe", "store"), ("a device", "store")}:
        pytest.skip("read_store says so: the configuration asks only whether it is there")
    with pytest.raises(ConfigError) as caught:
        load_overlay(overlay, REPOSITORY)
    assert str(caught.value).isprintable()


def message(**changes) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(SHIPPED | changes, REPOSITORY)
    assert len(str(caught.value)) < 4_100
    return str(caught.value)


HOLDS_ITSELF: list = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
MAPPING: dict = {}
MAPPING["stores"] = MAPPING


@pytest.mark.parametrize(
    "changes",
    [
        {"firms": Decimal("NaN")},
        {"firms": Decimal("1E+400")},
        {"firms": float("nan")},
        {"seed": 10**5_000},
        {"seed": -(10**400)},
        {"firms": object()},
        {"firms": b"x"},
        {"firms": {1, 2}},
        {"alphas": HOLDS_ITSELF},
        {"tidy": MAPPING},
        {"results_dir": "a" * 300},
        {"results_dir": "a/" * 5_000},
        {"x" * 100_000: 1},
        {"firms": "x" * 100_000},
    ],
    ids=lambda changes: "-".join(changes)[:20],
)
def test_value_of_any_kind_is_refused_in_one_line(changes):
    assert message(**changes).isprintable()


@pytest.mark.parametrize("overlay", [{"tidy": MAPPING}, {"alphas": HOLDS_ITSELF}])
def test_overlay_that_holds_itself_is_refused(overlay):
    with pytest.raises(ConfigError, match="holds itself"):
        load_overlay(overlay, REPOSITORY)


def test_double_among_sixty_thousand_panels_is_found():
    assert "lists 5 twice" in message(panels={"bgn": [*range(60_000), 5]})


def test_double_among_sixty_thousand_mixed_values_is_found():
    mixed = [*range(30_000), *map(str, range(30_000)), 7]
    assert "lists 7 twice" in message(panels={"bgn": mixed})


def test_thousands_of_faults_end_in_their_number():
    assert "further faults" in message(panels={"bgn": [-1 - i for i in range(5_000)]})
    assert "further faults" in message(**{f"k{i}": 1 for i in range(60_000)})


def test_penalties_that_are_one_number_in_double_precision_are_refused():
    assert "list every penalty once" in message(alphas=[9007199254740993, 9007199254740992])


@pytest.mark.parametrize("values", [[1, 1.0], [[1], [1]], [{"a": 1, "b": 2}, {"b": 2, "a": 1}]])
def test_equal_values_are_found_whatever_their_type(values):
    assert first_twice(values) == values[1]


@pytest.mark.parametrize("values", [[1, True], [1, "1"], [None, "null"], [0, False], [[1], 1]])
def test_different_values_are_not_taken_for_equal(values):
    assert first_twice(values) is None


def test_configuration_in_json_is_the_same_as_in_yaml(tmp_path):
    changes = {"firms": 60, "alphas": [0, 1e-4], "panels": {"bgn": [3]}}
    (tmp_path / "c.json").write_text(json.dumps(changes).replace("0.0001", "1e-4"))
    (tmp_path / "c.yaml").write_text("firms: 60\nalphas: [0, 1.0e-4]\npanels: {bgn: [3]}\n")
    of_json, of_yaml = (load_config_file(tmp_path / f"c.{s}", REPOSITORY) for s in ("json", "yaml"))
    assert of_json == of_yaml
