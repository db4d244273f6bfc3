import numpy as np
import pytest

from truepremia.columns import factor_of, loading_columns, loading_descriptions
from truepremia.errors import DataError
from truepremia.panel import CrossSection, Layout, Panel, SimulatedMonth, Simulation, Size

LAYOUT = Layout(("size", "bm"), {"taylor": ("A_1_taylor",)})


def columns(firms: int = 3, offset: float = 0.0) -> dict[str, np.ndarray]:
    names = ("firmid", "xret", "mve", "size", "bm", "A_1_taylor")
    return {name: np.arange(firms) + 10.0 * k + offset for k, name in enumerate(names, start=1)}


def cross_section(**changes) -> CrossSection:
    fields = {
        "month": 5,
        "firm": np.arange(3),
        "names": ("size", "bm"),
        "characteristics": np.ones((3, 2)),
        "market_equity": np.ones(3),
        "excess_return": np.zeros(3),
        "loadings": {"taylor": np.ones((3, 1))},
    }
    return CrossSection(**{**fields, **changes})


def test_panel_months_follow_the_burn_in():
    size = Size(firms=10, months=720, burnin=300)
    assert (size.start, size.end) == (300, 1019)


def test_loading_columns_are_named_by_shock_and_method():
    assert loading_columns("proj", 2) == ("A_1_proj", "A_2_proj")


def test_loadings_on_any_number_of_shocks_are_described():
    described = loading_descriptions("taylor", 12)
    assert tuple(described) == loading_columns("taylor", 12)
    assert described["A_4_taylor"].meaning == "loading on the fourth aggregate shock, Taylor"
    assert described["A_12_taylor"].meaning == "loading on the 12th aggregate shock, Taylor"
    assert {column.unit for column in described.values()} == {"return per s.d."}


def test_factor_of_a_characteristic_without_a_name_of_its_own_is_called_like_it():
    assert [factor_of(c) for c in ("size", "bm", "agr", "roe", "mom")] == [
        *("smb", "hml", "cma", "rmw", "umd")
    ]
    assert [factor_of(c) for c in ("mkt_lev", "c7")] == ["mkt_lev", "c7"]


def test_layout_lists_the_columns_of_a_cross_section():
    assert LAYOUT.columns == ("month", "firmid", "xret", "mve", "size", "bm", "A_1_taylor")


def test_layout_arranges_columns_in_the_economy_s_order():
    values = columns()
    arranged = LAYOUT.cross_section(7, values)
    assert arranged.month == 7
    assert np.array_equal(arranged.characteristics, np.column_stack([values["size"], values["bm"]]))
    assert np.array_equal(arranged.loadings["taylor"], values["A_1_taylor"][:, None])
    assert arranged.excess_return is values["xret"]


@pytest.mark.parametrize(
    ("part", "bad"), [("return", np.nan), ("value", np.inf), ("value", 0.0), ("value", -1.0)]
)
def test_firm_without_a_return_or_a_positive_value_is_not_investable(part, bad):
    numbers = np.array([1.0, bad, 2.0])
    field = {"return": "excess_return", "value": "market_equity"}[part]
    assert list(cross_section(**{field: numbers}).investable) == [0, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_firm_with_a_missing_characteristic_is_not_investable(bad):
    characteristics = np.ones((3, 2))
    characteristics[2, 1] = bad
    assert list(cross_section(characteristics=characteristics).investable) == [0, 1]


def test_firm_with_a_missing_loading_stays_investable():
    assert len(cross_section(loadings={"taylor": np.full((3, 1), np.nan)}).investable) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"firm": np.arange(4)},
        {"characteristics": np.ones((3, 3))},
        {"market_equity": np.ones(2)},
        {"excess_return": np.ones((3, 1))},
        {"loadings": {"taylor": np.ones(3)}},
        {"loadings": {"taylor": np.ones((2, 1))}},
    ],
)
def test_cross_section_with_an_array_of_another_length_is_refused(changes):
    with pytest.raises(DataError, match="cross-section of month 5: every array"):
        cross_section(**changes)


def test_panel_collects_the_months_after_the_burn_in_and_all_states():
    months = [
        SimulatedMonth(1, None, {"s": np.array([1])}),
        SimulatedMonth(2, columns(offset=0.25), {"s": np.array([2])}),
        SimulatedMonth(3, columns(offset=0.5), {"s": np.empty(0)}),
    ]
    panel = Panel.collect(LAYOUT, Simulation({"rf": np.array([0.1, 0.2])}, iter(months)))
    assert list(panel.month) == [2, 3]
    assert panel["bm"].shape == (2, 3)
    assert np.array_equal(panel["xret"][1], columns(offset=0.5)["xret"])
    assert [month for month, _ in panel.states] == [1, 2, 3]
    assert [c.month for c in panel.cross_sections()] == [2, 3]
    assert np.array_equal(panel.aggregates["rf"], [0.1, 0.2])
