"""Calibration ranges stand on the parameter, and every fault is named at once."""

from dataclasses import dataclass, fields
from typing import ClassVar

import pytest

from truepremia.economies.parameters import Choice, Number, Parameters, WholeNumber, parameter
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import CalibrationError

RULES = [
    (Number(above=0, below=1), 0.5, 1.0, "1: must lie strictly between 0 and 1"),
    (Number(above=0), 1e-300, 0.0, "0: must be positive"),
    (Number(above=1), 1.1, 1.0, "1: must exceed 1"),
    (Number(least=3), 3.0, 2.9, "2.9: must be at least 3"),
    (Number(least=0, below=1), 0.0, 1.0, "1: must lie in [0, 1)"),
    (Number(least=0, most=1), 1.0, 1.1, "1.1: must lie in [0, 1]"),
    (Number(above=0, most=1), 1.0, 0.0, "0: must lie in (0, 1]"),
    (Number(most=2), 2.0, 2.5, "2.5: must be at most 2"),
    (Number(below=2), 1.9, 2.0, "2: must be below 2"),
    (Number(), -1e300, float("inf"), "inf: must be a finite number"),
    (Number(above=0), 1, True, "True: must be a finite number"),
    (Number(least=3, consequence="a tale"), 3, 2, "2: must be at least 3, else a tale"),
    (WholeNumber(3, 9), 9, 10, "10: must be a whole number from 3 to 9"),
    (WholeNumber(3, 9), 3, 3.0, "3.0: must be a whole number from 3 to 9"),
    (Choice(("red", "blue")), "blue", "green", "'green': must be one of red, blue"),
]


@pytest.mark.parametrize(("rule", "good", "bad", "message"), RULES)
def test_a_value_outside_its_range_is_told_the_rule(rule, good, bad, message):
    assert rule.fault(good) is None
    assert rule.fault(bad) == message


@dataclass(frozen=True)
class Pair(Parameters):
    economy: ClassVar[str] = "pair"
    low: float = parameter("1", "lower", "l", Number(least=0))
    high: float = parameter("1", "upper", "h", Number(least=0))
    colour: str = parameter("word", "colour", "c", Choice(("red",)))

    def inconsistencies(self, broken):
        if self.high > self.low:
            return []
        return [f"high is {self.high:g}: must exceed low {self.low:g}, broken: {sorted(broken)}"]


def test_ranges_and_joint_rules_are_broken_in_one_message():
    with pytest.raises(CalibrationError) as refused:
        Pair(low=2, high=-1, colour="blue")
    assert str(refused.value) == (
        "calibration of pair: high is -1: must be at least 0; "
        "colour is 'blue': must be one of red; "
        "high is -1: must exceed low 2, broken: ['colour', 'high']"
    )


def test_joint_rules_are_not_asked_about_what_is_no_number():
    with pytest.raises(CalibrationError) as refused:
        Pair(low=float("nan"), high=-1, colour="red")
    assert "must exceed low" not in str(refused.value)
    assert "low is nan" in str(refused.value)
    assert "high is -1" in str(refused.value)


@pytest.mark.parametrize("name", ECONOMIES)
def test_every_parameter_has_unit_meaning_and_rule(name):
    for declared in fields(ECONOMIES[name].module("parameters").Params):
        assert declared.metadata["unit"], declared.name
        assert declared.metadata["meaning"], declared.name
        assert declared.metadata["rule"].fault(None), declared.name
