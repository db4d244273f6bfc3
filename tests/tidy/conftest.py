"""A store that fits its published factors, for tests that change one thing of it."""

import shutil
from pathlib import Path

import literal_chapters
import numpy as np
import pytest
from random_stores import Frames, random_frames, write


@pytest.fixture(scope="session")
def frames() -> Frames:
    """A store whose published factors are the literal chapter's with a little noise."""
    plain = random_frames(5, stocks=150, years=5, negative_equity=False)
    noise = np.random.default_rng(1)
    literal = literal_chapters.seed2023(plain.crsp, plain.accounts).factors
    published = plain.published.set_index("month")
    for name in ("smb", "hml"):
        known = published.index.intersection(literal.index)
        published.loc[known, name] = literal.loc[known, name]
        published[name] += noise.normal(0, 0.0005, len(published))
    rows = plain.crsp.dropna()
    market = rows.groupby("month").apply(
        lambda x: np.average(x["ret_excess"], weights=x["mktcap_lag"]), include_groups=False
    )
    published["mkt_excess"] = market + noise.normal(0, 0.0005, len(published))
    return Frames(plain.crsp, plain.accounts, published.reset_index())


@pytest.fixture(scope="session")
def stores(frames, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wild")
    write(frames, "python2023", folder / "old")
    write(frames, "parquet2026", folder / "new")
    return folder


@pytest.fixture
def file(stores, tmp_path) -> Path:
    return Path(shutil.copy(stores / "old" / "tidy_finance.sqlite", tmp_path / "store.sqlite"))


@pytest.fixture
def folder(stores, tmp_path) -> Path:
    return Path(shutil.copytree(stores / "new", tmp_path / "new"))
