"""Files between stages: what is written is read, what is damaged is named."""

import errno
import json
import random
import re
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truepremia.columns import PANEL_COLUMNS, Column
from truepremia.economies.registry import economy
from truepremia.errors import DataError
from truepremia.files.factors import read_factor_returns, write_factor_returns
from truepremia.files.formats import (
    REMEDY,
    TableFile,
    replacing,
    table_writer,
    write_json,
    write_table,
)
from truepremia.files.moments import StoredMonth, moment_writer, read_moments
from truepremia.files.simulations import read_cross_sections, read_solution, write_simulation
from truepremia.files.simulations import write_solution as write_bgn_solution
from truepremia.methods.contract import FactorReturns
from truepremia.moments import Moments
from truepremia.panel import Layout, SimulatedMonth, Simulation

MONTHS = np.repeat(np.arange(40, 50, dtype=np.int32), 20)


def described(columns) -> dict[str, Column]:
    return {name: Column(f"unit of {name}", f"meaning of {name}") for name in columns}


def write(path, columns, kind="panel", panel_id="bgn_0"):
    write_table(path, kind, panel_id, columns, described(columns))
    return TableFile(path, kind, panel_id)


def table_of_months(path) -> TableFile:
    values = np.random.default_rng(0).normal(size=len(MONTHS))
    names = np.array(["ff", "fm"] * (len(MONTHS) // 2), dtype=object)
    return write(path, {"month": MONTHS, "xret": values, "method": names})


def message(path, *, kind="panel", panel_id="bgn_0", columns=None) -> str:
    with pytest.raises(DataError) as caught:
        TableFile(path, kind, panel_id).read(columns)
    text = str(caught.value)
    assert str(path) in text
    assert REMEDY in text
    return text


# --- round trips -------------------------------------------------------------------------------

EXTREMES = [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -1.7976931348623157e308, 1 / 3]
COLUMNS = {
    "float64": np.array(EXTREMES),
    "float32": np.arange(8, dtype=np.float32) / 3,
    "int64": np.array([-(2**63), 2**63 - 1, 0, 1, -1, 2, 3, 4]),
    "int32": np.array([-(2**31), 2**31 - 1, 0, 1, -1, 2, 3, 4], dtype=np.int32),
    "uint8": np.array([0, 255, 1, 2, 3, 4, 5, 6], dtype=np.uint8),
    "bool": np.array([True, False, False, True, True, False, True, True]),
    "text": np.array(["ff", "", "β̂", "a b", "x" * 300, "ff", "\n", "'"], dtype=object),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("rows", [8, 1])
def test_column_is_read_as_it_was_written(tmp_path, kind, rows):
    written = COLUMNS[kind][:rows]
    read = write(tmp_path / "t.parquet", {kind: written}).read()[kind]
    assert read.dtype == written.dtype
    if kind.startswith("float"):
        assert read.tobytes() == written.tobytes()
    else:
        assert read.tolist() == written.tolist()


def test_views_of_matrices_are_written_like_copies(tmp_path):
    matrix = np.arange(12.0).reshape(4, 3)
    read = write(tmp_path / "t.parquet", {"b": matrix[:, 1], "reversed": matrix[::-1, 2]}).read()
    assert read["b"].tolist() == [1, 4, 7, 10]
    assert read["reversed"].tolist() == [11, 8, 5, 2]


@pytest.mark.parametrize("width", [3, 1, 0])
def test_list_column_is_read_as_a_matrix(tmp_path, width):
    matrix = np.random.default_rng(1).normal(size=(4, width))
    offsets = np.arange(5, dtype=np.int32) * width
    lists = pa.ListArray.from_arrays(offsets, pa.array(matrix.ravel(), pa.float64()))
    read = write(tmp_path / "t.parquet", {"exposure": lists}).read()["exposure"]
    assert read.shape == (4, width)
    assert np.array_equal(read, matrix)


def test_columns_keep_their_order_and_can_be_chosen(tmp_path):
    table = write(tmp_path / "t.parquet", {n: np.arange(3.0) for n in ("z", "a", "m")})
    assert table.column_names == ["z", "a", "m"]
    assert list(table.read()) == ["z", "a", "m"]
    assert list(table.read(["m"])) == ["m"]
    assert table.rows == 3


def test_equal_tables_are_equal_bytes(tmp_path):
    for name in ("one", "two"):
        table_of_months(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_factor_returns_are_read_as_they_were_written(tmp_path):
    returns = np.random.default_rng(2).normal(size=(5, 2))
    returns[2] = np.nan
    written = FactorReturns(np.arange(40, 45), ("smb", "mkt_rf"), returns)
    write_factor_returns(tmp_path / "t", "ff_returns", "bgn_0", written)
    read = read_factor_returns(tmp_path / "t", "ff_returns", "bgn_0")
    assert read.names == written.names
    assert np.array_equal(read.month, written.month)
    assert np.array_equal(read.returns, returns, equal_nan=True)


def test_json_is_sorted_and_refuses_what_is_not_a_number(tmp_path):
    write_json(tmp_path / "t.json", {"b": 1, "a": [1.5, None]})
    text = (tmp_path / "t.json").read_text()
    assert json.loads(text) == {"a": [1.5, None], "b": 1}
    assert text.index('"a"') < text.index('"b"')
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "other.json", {"a": float("nan")})
    assert [file.name for file in tmp_path.iterdir()] == ["t.json"]


# --- metadata ----------------------------------------------------------------------------------


def test_table_says_what_it_is_and_what_its_columns_mean(tmp_path):
    table_of_months(tmp_path / "t")
    schema = pq.read_schema(tmp_path / "t")
    assert schema.metadata[b"truepremia.table"] == b"panel"
    assert schema.metadata[b"truepremia.panel"] == b"bgn_0"
    for field in schema:
        assert field.metadata[b"unit"].decode() == f"unit of {field.name}"
        assert field.metadata[b"meaning"].decode() == f"meaning of {field.name}"


@pytest.mark.parametrize("name", PANEL_COLUMNS)
def test_every_panel_column_has_a_meaning_and_all_but_identifiers_a_unit(name):
    column = PANEL_COLUMNS[name]
    assert len(column.meaning) >= 10
    assert column.unit or name == "firmid"


def test_column_without_a_description_is_not_written(tmp_path):
    with pytest.raises(KeyError), table_writer(tmp_path / "t", "panel", "bgn_0", {}) as table:
        table.append({"month": MONTHS})
    assert list(tmp_path.iterdir()) == []


# --- months ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_per_group", [1, 20, 30, 65_536])
def test_months_are_the_whole_table_in_pieces(tmp_path, rows_per_group):
    values = np.arange(len(MONTHS), dtype=float)
    columns = {"month": MONTHS, "xret": values}
    path = tmp_path / "t"
    with table_writer(path, "panel", "bgn_0", described(columns), rows_per_group) as table:
        for month in np.unique(MONTHS):
            table.append({name: array[month == MONTHS] for name, array in columns.items()})
    table = TableFile(path, "panel", "bgn_0")
    pieces = list(table.months())
    assert [month for month, _ in pieces] == list(range(40, 50))
    assert all((piece["month"] == month).all() for month, piece in pieces)
    for name, array in table.read().items():
        assert np.array_equal(array, np.concatenate([piece[name] for _, piece in pieces]))
        assert np.array_equal(array, columns[name])
    groups = pq.ParquetFile(path).num_row_groups
    assert groups == {1: 10, 20: 10, 30: 5, 65_536: 1}[rows_per_group]


def test_months_of_chosen_columns_have_those_columns(tmp_path):
    table = table_of_months(tmp_path / "t")
    assert {tuple(columns) for _, columns in table.months(["month", "xret"])} == {("month", "xret")}


def test_months_may_have_different_numbers_of_rows(tmp_path):
    month = np.array([40, 41, 41, 41, 44], dtype=np.int32)
    table = write(tmp_path / "t", {"month": month})
    assert [(m, len(c["month"])) for m, c in table.months()] == [(40, 1), (41, 3), (44, 1)]


def month_of_moments(month, width, firms=6) -> Moments:
    rng = np.random.default_rng(month)
    return Moments(
        mean=rng.normal(size=firms) / 100,
        exposure=rng.normal(size=(firms, width)) / 10,
        residual=rng.uniform(0.01, 0.02, size=firms),
        riskfree=0.001 * month,
        firm=np.arange(firms),
        month=month,
    )


@pytest.fixture
def moments_file(tmp_path):
    """Write moments of months 40..49, stored from 44 on, with F of different widths."""

    class Paths:
        moments, sdf = tmp_path / "moments.parquet", tmp_path / "sdf.parquet"

    written = [month_of_moments(month, width=1 + month % 3) for month in range(40, 50)]
    with moment_writer(Paths, "bgn_0") as writer:
        for known in written:
            excess = np.full(6, 0.01)
            errors = np.linspace(-3e-14, 2e-14, 6)
            writer.append(StoredMonth.reduce(known, excess, 0.99, errors, first=44))
    assert writer.largest_error == 3e-14
    return Paths, written


def test_moments_are_read_as_they_were_written_from_the_first_stored_month(moments_file):
    paths, written = moments_file
    read = list(read_moments(paths.moments, "bgn_0"))
    assert [m.month for m in read] == list(range(44, 50))
    for before, after in zip(written[4:], read, strict=True):
        assert np.array_equal(before.mean, after.mean)
        assert after.riskfree == before.riskfree
        assert np.allclose(before.covariance(), after.covariance(), rtol=1e-12, atol=1e-16)
    sdf = TableFile(paths.sdf, "sdf", "bgn_0").read()
    assert sdf["month"].tolist() == list(range(40, 50))
    assert np.allclose(sdf["max_sr"], [m.max_sharpe() for m in written], rtol=1e-13)
    assert (sdf["euler_error"] == 3e-14).all()


def test_moments_are_read_one_month_at_a_time(moments_file, monkeypatch):
    paths, _ = moments_file
    read_groups = []
    plain = pq.ParquetFile.read_row_group

    def counted(self, group, *args, **kwargs):
        read_groups.append(group)
        return plain(self, group, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    months = read_moments(paths.moments, "bgn_0")
    next(months)
    next(months)
    assert read_groups == [0, 1]
    assert pq.ParquetFile(paths.moments).num_row_groups == 6


# --- whole files or none -----------------------------------------------------------------------


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("months_before", [0, 1, 3])
def test_failure_while_writing_leaves_nothing(tmp_path, months_before):
    columns = {"month": MONTHS, "xret": np.zeros(len(MONTHS))}
    with (
        pytest.raises(StoppedError),
        table_writer(tmp_path / "t", "panel", "bgn_0", described(columns), 1) as table,
    ):
        for _ in range(months_before):
            table.append(columns)
        raise StoppedError
    assert list(tmp_path.iterdir()) == []


def test_failure_while_writing_leaves_the_file_that_was_there(tmp_path):
    table_of_months(tmp_path / "t")
    before = (tmp_path / "t").read_bytes()
    with (
        pytest.raises(StoppedError),
        table_writer(tmp_path / "t", "panel", "bgn_0", described(["month"])) as table,
    ):
        table.append({"month": MONTHS})
        table.flush()
        raise StoppedError
    assert (tmp_path / "t").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["t"]


def test_file_appears_only_when_it_is_complete(tmp_path):
    with table_writer(tmp_path / "t", "panel", "bgn_0", described(["month"])) as table:
        table.append({"month": MONTHS})
        table.flush()
        assert not (tmp_path / "t").exists()
    assert (tmp_path / "t").exists()


def test_simulation_that_fails_leaves_neither_panel_nor_states(tmp_path):
    class Paths:
        panel, aggregates, states = (tmp_path / name for name in ("panel", "aggregates", "states"))

    def months():
        firms = np.arange(3)
        states = {name: np.zeros(3) for name in ("death", "beta", "volatility")}
        yield SimulatedMonth(40, {"firmid": firms}, {"firmid": firms, **states})
        raise StoppedError

    simulation = Simulation({"month": np.arange(40, 42)}, months())
    with pytest.raises(StoppedError):
        list(write_simulation(simulation, economy("bgn"), "bgn_0", Paths))
    assert [file.name for file in tmp_path.iterdir()] == ["aggregates"]


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free space or choose another results_dir"),
        (errno.EACCES, "change its permissions"),
        (errno.EROFS, "choose another results_dir"),
    ],
)
def test_refusal_of_the_file_system_names_the_file_and_the_remedy(tmp_path, code, remedy):
    def refuse():
        raise OSError(code, "refused by the test")

    with pytest.raises(DataError) as caught, replacing(tmp_path / "t") as temporary:
        temporary.write_text("half")
        refuse()
    assert str(caught.value).startswith(f"cannot write {tmp_path / 't'}: ")
    assert remedy in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_does_not_exist_names_the_file(tmp_path):
    path = tmp_path / "missing" / "t"
    with pytest.raises(DataError, match="cannot write") as caught:
        table_of_months(path)
    assert str(path) in str(caught.value)


# --- damaged files -----------------------------------------------------------------------------


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"t\.parquet: there is no such file; run the same command"):
        TableFile(tmp_path / "t.parquet", "panel", "bgn_0")


@pytest.mark.parametrize("size", [0, 3, 100, -1])
def test_truncated_file_is_named(tmp_path, size):
    path = tmp_path / "t"
    table_of_months(path)
    path.write_bytes(path.read_bytes()[:size])
    message(path)


def test_text_file_is_named(tmp_path):
    (tmp_path / "t").write_text("month,xret\n40,0.1\n")
    message(tmp_path / "t")


def test_foreign_table_is_named(tmp_path):
    pq.write_table(pa.table({"month": MONTHS}), tmp_path / "t")
    assert "is not a truepremia table" in message(tmp_path / "t")


def test_table_of_another_panel_or_kind_is_named(tmp_path):
    table_of_months(tmp_path / "t")
    expected = "is the panel table of bgn_0, expected the panel table of bgn_1"
    assert expected in message(tmp_path / "t", panel_id="bgn_1")
    expected = "is the panel table of bgn_0, expected the moments table of bgn_0"
    assert expected in message(tmp_path / "t", kind="moments")


def test_missing_columns_are_named(tmp_path):
    table_of_months(tmp_path / "t")
    assert "bm" in message(tmp_path / "t", columns=["month", "bm"])


def test_panel_without_a_characteristic_is_named(tmp_path):
    table_of_months(tmp_path / "t")
    rates = {"month": np.arange(3, 9), "rf": np.zeros(6)}
    described = dict.fromkeys(rates, Column("", ""))
    write_table(tmp_path / "a", "aggregates", "bgn_0", rates, described)
    paths = SimpleNamespace(panel=tmp_path / "t", aggregates=tmp_path / "a")
    with pytest.raises(DataError, match="bm") as caught:
        list(read_cross_sections(paths, "bgn_0", Layout(("bm",), {})))
    assert REMEDY in str(caught.value)


def test_table_without_months_is_named(tmp_path):
    table = write(tmp_path / "t", {"xret": np.zeros(3)})
    with pytest.raises(DataError, match="month") as caught:
        list(table.months())
    assert REMEDY in str(caught.value)


def test_flipped_bit_in_the_data_of_any_column_is_found(tmp_path):
    path = tmp_path / "t"
    table_of_months(path)
    raw = path.read_bytes()
    group = pq.ParquetFile(path).metadata.row_group(0)
    for j in range(group.num_columns):
        chunk = group.column(j)
        last_byte = chunk.data_page_offset + chunk.total_compressed_size - 1
        if chunk.has_dictionary_page:
            last_byte = chunk.dictionary_page_offset + chunk.total_compressed_size - 1
        damaged = bytearray(raw)
        damaged[last_byte] ^= 1
        path.write_bytes(damaged)
        assert "CRC" in message(path)


# numpy tries an old protocol before it gives up on a column that a flipped bit has made unreadable.
@pytest.mark.filterwarnings("ignore:Exporting an unversioned DLPack capsule:DeprecationWarning")
def test_flipped_bits_anywhere_are_refused_or_harmless(tmp_path):
    """Numbers have the checksums of Parquet, names of columns one of ours."""
    path = tmp_path / "t"
    whole = table_of_months(path).read()
    raw = path.read_bytes()
    dice = random.Random(0)
    refused = 0
    for position in range(len(raw)):
        damaged = bytearray(raw)
        damaged[position] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            read = TableFile(path, "panel", "bgn_0").read()
        except DataError as error:
            assert str(path) in str(error)
            refused += 1
            continue
        assert list(read) == list(whole), position
        for name in whole:
            assert np.array_equal(read[name], whole[name]), position
    assert refused > len(raw) / 2


def test_any_flipped_bit_in_a_column_name_is_noticed(tmp_path):
    path = tmp_path / "t"
    table_of_months(path)
    raw = path.read_bytes()
    footer = len(raw) - 8 - pq.read_metadata(path).serialized_size
    name = TableFile(path, "panel", "bgn_0").column_names[-1].encode()
    places = [m.start() for m in re.finditer(re.escape(name), raw) if m.start() >= footer]
    assert places
    for bit in range(8 * len(name)):
        damaged = bytearray(raw)
        damaged[places[0] + bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        assert str(path) in message(path)


# --- solutions ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def solution():
    from pathlib import Path

    import yaml

    shipped = Path(__file__).parents[2] / "config/economies/bgn.yaml"
    entries = yaml.safe_load(shipped.read_text())
    bgn = economy("bgn")
    return bgn.solve(bgn.parameters({name: entry["value"] for name, entry in entries.items()}))


def refused_solution(path, params) -> str:
    with pytest.raises(DataError) as caught:
        read_solution(path, economy("bgn"), params)
    assert str(path) in str(caught.value)
    assert REMEDY in str(caught.value)
    return str(caught.value)


def test_solution_is_read_as_it_was_written(tmp_path, solution):
    write_bgn_solution(tmp_path / "t.npz", solution)
    read = read_solution(tmp_path / "t.npz", economy("bgn"), solution.params)
    assert read.params == solution.params
    written, found = solution.to_arrays(), read.to_arrays()
    assert list(written) == list(found)
    for name, array in written.items():
        assert np.asarray(array).tobytes() == np.asarray(found[name]).tobytes()
    assert read.diagnostics == solution.diagnostics


def test_equal_solutions_are_equal_bytes(tmp_path, solution):
    again = economy("bgn").solve(solution.params)
    write_bgn_solution(tmp_path / "one.npz", solution)
    write_bgn_solution(tmp_path / "two.npz", again)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"one.npz", "two.npz"}


def test_solution_of_other_parameters_is_refused(tmp_path, solution):
    bgn = economy("bgn")
    other = bgn.parameters(solution.params.to_mapping() | {"survival": 0.985})
    write_bgn_solution(tmp_path / "t.npz", solution)
    text = refused_solution(tmp_path / "t.npz", other)
    assert "was solved with survival = 0.99, this run has 0.985" in text


def test_solution_without_an_array_is_refused(tmp_path, solution):
    path = tmp_path / "t.npz"
    params = np.array(json.dumps(solution.params.to_mapping()))
    arrays = solution.to_arrays()
    arrays.pop(next(iter(arrays)))
    np.savez(path, params=params, **arrays)
    refused_solution(path, solution.params)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{'descr'"]
)
def test_file_that_is_no_solution_is_refused(tmp_path, solution, content):
    path = tmp_path / "t.npz"
    path.write_bytes(content)
    refused_solution(path, solution.params)


def test_single_array_is_refused_as_a_solution(tmp_path, solution):
    path = tmp_path / "t.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    refused_solution(path, solution.params)


def test_archive_without_parameters_is_refused_as_a_solution(tmp_path, solution):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.zeros(3))
    refused_solution(path, solution.params)


def test_flipped_bits_in_a_solution_are_refused_or_harmless(tmp_path, solution):
    path = tmp_path / "t.npz"
    write_bgn_solution(path, solution)
    raw = path.read_bytes()
    dice = random.Random(0)
    for position in dice.sample(range(len(raw)), 400) + list(range(len(raw) - 400, len(raw))):
        damaged = bytearray(raw)
        damaged[position] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            read = read_solution(path, economy("bgn"), solution.params)
        except DataError as error:
            assert str(path) in str(error)
            continue
        for name, array in solution.to_arrays().items():
            assert np.array_equal(array, read.to_arrays()[name])
