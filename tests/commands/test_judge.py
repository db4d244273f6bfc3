"""What judging one file asks the workflow for."""

from pathlib import Path

import pytest
import yaml

from truepremia.commands.judge import COMPANIONS, at_size, judge, label, overlay, ranking
from truepremia.economies.registry import ECONOMIES
from truepremia.errors import ConfigError
from truepremia.workflow.config import load_overlay

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("class Mine:\n    def form(self, known): return []\n")
    return path


def test_a_few_simple_methods_stand_beside_the_users_own(mine):
    content = overlay(mine, "Mine", {"speed": 2}, 3, ["bgn"], others=False)
    config = load_overlay(content, ROOT)
    assert set(config.methods) == {*COMPANIONS, "mine"}
    assert config.methods["mine"].options == {"speed": 2}
    assert config.panel_ids() == ["bgn_0", "bgn_1", "bgn_2"]


def test_all_configured_methods_are_judged_if_asked(mine):
    content = overlay(mine, "Mine", {}, 1, list(ECONOMIES), others=True)
    config = load_overlay(content, ROOT)
    assert set(COMPANIONS) < set(config.methods)
    assert len(config.methods) > len(COMPANIONS) + 5
    assert len(config.panel_ids()) == len(ECONOMIES)


def test_an_economy_that_does_not_exist_is_named(mine):
    with pytest.raises(ConfigError, match="unknown economy 'bng'"):
        overlay(mine, "Mine", {}, 1, ["bng"], others=False)


def test_a_quick_look_has_its_own_results_and_half_its_months_as_window(mine):
    content = overlay(mine, "Mine", {}, 1, ["bgn"], others=False)
    assert at_size(content, None, None) is content
    small = load_overlay(at_size(content, 60, 84), ROOT)
    for firms, months, said in ((0, None, "firms is 0"), (None, 0, "months is 0")):
        with pytest.raises(ConfigError, match=said):
            load_overlay(at_size(content, firms, months), ROOT)
    assert (small.size.firms, small.size.months, small.window) == (60, 84, 42)
    assert small.results_dir == "results-60x84"
    long = load_overlay(at_size(content, None, 1000), ROOT)
    assert (long.size.firms, long.window) == (1000, 360)


def test_a_file_of_the_user_s_is_not_written_over(mine, tmp_path, monkeypatch):
    monkeypatch.setattr("truepremia.commands.judge.run", lambda order: 0)
    content = overlay(mine, "Mine", {}, 1, ["bgn"], others=False)
    precious, ours = tmp_path / "mine.yaml", tmp_path / "ours.yaml"
    precious.write_text("firms: 60\n")
    with pytest.raises(ConfigError, match="not of this command"):
        judge(precious, content, 1)
    assert precious.read_text() == "firms: 60\n"
    assert [judge(ours, content, 1) for _ in range(2)] == [0, 0]
    assert load_overlay(yaml.safe_load(ours.read_text()), ROOT).methods["mine"].file == mine


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *(("Mine", "mine"), ("MyMethod", "my_method"), ("_X", "x"), ("IPCA2", "ipca2")),
        *(("FM", "own_fm"), ("Capm", "own_capm"), ("None_", "own_none")),
        *(("_1", "own_1"), ("Größe", "grosse"), ("Idée2", "idee2"), ("方法", "own_")),
    ],
)
def test_names_in_tables_follow_from_the_class(name, shown):
    assert label(name) == shown


def test_the_lines_of_ones_own_method_say_where_the_rest_is(tmp_path):
    board = tmp_path / "leaderboard"
    board.mkdir()
    (board / "headline.csv").write_text(
        "method,economy,share,attainable,HJ distance,HJ of nothing,luck,note\n"
        "mine,bgn,0.5,0.33,0.2,0.3,-0.4,\nfm,bgn,0.6,0.33,0.2,0.3,1,\n"
    )
    lines = ranking(tmp_path, "mine")
    assert lines[0].startswith("bgn: share 0.500 of the attainable Sharpe ratio 0.330")
    assert lines[1] == f"all methods: {board / 'leaderboard.html'}"
    assert len(lines) == 2
