"""A file that is counted on disk gives what the same file gives in memory: bits and sentences."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judgment_tables import valid_table, with_loadings, with_probabilities
from test_bad_files import BAD as BAD_FILES
from test_bad_tables import BAD as BAD_TABLES
from test_bad_tables import Spoil
from test_cells import RANDOM, arrays_of
from test_properties import EDITS, SMALL, edited

import vat_bayes as vb
from vat_bayes.errors import InputError
from vat_bayes.judgments import Judgments, database, describe, filed, parquet, read, to_cells
from vat_bayes.judgments.filed import FiledRows
from vat_bayes.judgments.load import load_file

type Found = Judgments | str


def found_in(path: Path, *, held: bool, **options: Any) -> Found:
    """Load a file in memory or from disk; the sentence when it is refused."""
    try:
        return load_file(path, held=held, **options)
    except InputError as told:
        return str(told)


def assert_same(path: Path, **options: Any) -> Found:
    """Check that a file says the same in memory and from disk, and return what."""
    held, other = (found_in(path, held=held, **options) for held in (True, False))
    if isinstance(held, str) or isinstance(other, str):
        assert other == held
        return held
    same_judgments(other, held)
    return other


def same_judgments(one: Judgments, other: Judgments) -> None:
    assert (one.conditions, one.notes, one.n_rows) == (other.conditions, other.notes, other.n_rows)
    assert (one.n_categories, one.has_distributions) == (
        other.n_categories,
        other.has_distributions,
    )
    assert one.models == other.models
    if one.loadings is not None:
        pd.testing.assert_frame_equal(one.loadings, other.loadings)
    pd.testing.assert_frame_equal(one.tally.facts, other.tally.facts)
    pd.testing.assert_frame_equal(describe(one), describe(other), check_exact=True)
    for readout in ("auto", "ratings", "distribution"):
        assert cells_of(one, readout) == cells_of(other, readout)


def cells_of(judgments: Judgments, readout: Any) -> Mapping[str, bytes] | str:
    try:
        return arrays_of(to_cells(judgments, readout))
    except InputError as told:
        return str(told)


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


@pytest.fixture
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small files come in many batches."""
    monkeypatch.setattr(read, "_BLOCK", 1 << 10)
    monkeypatch.setattr(parquet, "_ROWS", 50)
    monkeypatch.setattr(database, "_ROWS", 2048)
    monkeypatch.setattr(database, "_PENDING", 100)


KINDS = ["j.csv", "j.csv.gz", "j.tsv", "j.parquet"]
TABLES: dict[str, Callable[[], pd.DataFrame]] = {
    "ratings": valid_table,
    "probabilities": lambda: with_probabilities(valid_table()),
    "refusals, replicates, models": lambda: RANDOM.assign(p_valid=np.linspace(0, 1, len(RANDOM))),
    "facets": lambda: valid_table().assign(
        country=np.where(np.arange(72) < 60, None, "NL"), subvalue="a", year=2000
    ),
    "no prompt": lambda: valid_table().query("prompt == 'forward'").drop(columns="prompt"),
    "empty prompts and replicates": lambda: (
        valid_table().query("prompt == 'forward'").assign(prompt=None, replicate=None)
    ),
    "numbers as names": lambda: valid_table().assign(
        scenario=lambda t: t["scenario"].str[1:].astype(float),
        prompt=lambda t: t["prompt"].map(len),
    ),
    "doses, words for empty": lambda: valid_table().assign(
        dose=lambda t: np.where(t["condition"] == "kind", "4", "NA"), direction="+1", reference=" "
    ),
    "spaces": lambda: valid_table().assign(item=lambda t: t["item"] + np.tile([" ", ""], 36)),
    "partly probabilities": lambda: with_probabilities(valid_table()).assign(
        **{f"p{k}": [np.nan, *with_probabilities(valid_table())[f"p{k}"][1:]] for k in range(1, 6)}
    ),
    "without roles": lambda: (
        valid_table().drop(columns=["role", "target"]).replace({"plain": "baseline"})
    ),
}


@pytest.mark.usefixtures("in_small_batches")
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_sound_file(table: Callable[[], pd.DataFrame], name: str, tmp_path: Path) -> None:
    found = assert_same(write(table(), tmp_path / name))
    assert isinstance(found, Judgments)
    assert isinstance(found.rows, FiledRows)
    whole = load_file(tmp_path / name, held=True).table
    pd.testing.assert_frame_equal(found.table, whole)
    parts = list(found.rows.parts())
    assert len(parts) > 1 or len(whole) <= 50
    joined = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(joined.astype(whole.dtypes), whole)


@pytest.mark.usefixtures("in_small_batches")
@pytest.mark.parametrize("spoil", [spoil for spoil, _ in BAD_TABLES.values()], ids=BAD_TABLES)
def test_a_bad_table(spoil: Spoil, tmp_path: Path) -> None:
    table = spoil(valid_table())
    assert_same(write(table, tmp_path / "j.csv"))
    # Parquet has no columns of several types and no two of one name.
    with contextlib.suppress(pa.ArrowException, ValueError):
        assert_same(write(table, tmp_path / "j.parquet"))


@pytest.mark.parametrize("make", [make for make, _ in BAD_FILES.values()], ids=BAD_FILES)
def test_a_bad_file(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    if path.is_file():
        assert isinstance(assert_same(path), str)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS, name=st.sampled_from(["j.csv", "j.parquet"]))
def test_a_spoilt_table(edits: list[tuple[str, str, int, object]], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = write(edited(edits), Path(folder) / name)
        except (pa.ArrowException, ValueError, UnicodeError, TypeError, OverflowError):
            return
        assert_same(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    start=st.integers(0, len(SMALL)),
    length=st.integers(0, 60),
    content=st.one_of(
        st.binary(max_size=30),
        st.text(alphabet=',"\n\r1234567890.-+eE \tNA', max_size=30).map(str.encode),
    ),
)
def test_a_spoilt_file(start: int, length: int, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.csv"
        path.write_bytes(SMALL[:start] + content + SMALL[start + length :])
        assert_same(path)


def larger_table() -> pd.DataFrame:
    """Return 8,640 rows: more than one batch of sorted rows, which splits cells."""
    rng = np.random.default_rng(3)
    table = pd.concat([RANDOM.assign(replicate=r, model=m) for r in range(10) for m in "ab"])
    table = table.drop_duplicates(["model", "condition", "item", "prompt", "replicate"])
    table = pd.concat([table.assign(replicate=10 * table["replicate"] + r) for r in range(6)])
    p = rng.dirichlet(np.full(5, 0.4), len(table))
    return table.assign(p_valid=rng.random(len(table)), **{f"p{k + 1}": p[:, k] for k in range(5)})


LARGER = larger_table()


@pytest.mark.usefixtures("in_small_batches")
@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("name", ["j.csv", "j.parquet"])
def test_row_order_and_threads_do_not_change_a_bit(
    name: str, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = duckdb.connect

    def with_threads(path: str, config: dict[str, str]) -> duckdb.DuckDBPyConnection:
        return connect(path, config={**config, "threads": str(threads)})

    monkeypatch.setattr(duckdb, "connect", with_threads)
    monkeypatch.setattr(read, "_BLOCK", 1 << 16)
    shuffled = LARGER.sample(frac=1, random_state=threads)
    one = load_file(write(shuffled, tmp_path / name), held=False)
    same_judgments(one, vb.load_judgments(LARGER))
    assert one.n_rows == len(LARGER) > 2 * 2048


@pytest.mark.parametrize("rows", [[5, 40], [40, 5, 5]])
def test_judgments_that_are_there_twice(rows: list[int], tmp_path: Path) -> None:
    table = valid_table()
    table = pd.concat([table.iloc[:50], table.iloc[rows], table.iloc[50:]])
    for name in ("j.csv", "j.parquet"):
        told = assert_same(write(table, tmp_path / name))
        assert isinstance(told, str)
        assert "as row" in told
        assert "repeats in a column 'replicate'" in told


@pytest.mark.usefixtures("in_small_batches")
def test_faults_in_several_parts_are_told_as_one(tmp_path: Path) -> None:
    table = with_probabilities(valid_table()).assign(replicate=1).astype({"p2": object})
    table.loc[[9, 30, 66], "p1"] = 2.0
    table.loc[3, "p2"] = "much"
    table.loc[50, "p3"] = np.nan
    told = assert_same(write(table, tmp_path / "j.csv"))
    assert told == (
        f"{tmp_path / 'j.csv'}, row 10, column 'p1': found 2, expected a probability from 0 to 1 "
        "(and 2 more rows)"
    )


@pytest.mark.usefixtures("in_small_batches")
def test_an_uneven_row_far_down_is_named(tmp_path: Path) -> None:
    path = write(valid_table(), tmp_path / "j.csv")
    path.write_text(path.read_text() + "m,plain\n")
    assert str(assert_same(path)).startswith(f"{path}, row 73: found 2 cells, expected 10")


def test_loadings_and_a_mapping(tmp_path: Path) -> None:
    table, loadings = with_loadings(valid_table())
    path = write(table.rename(columns={"item": "id"}), tmp_path / "j.csv")
    options: dict[str, Any] = {"columns": {"item": "id", "scenario": "scenario"}}
    assert isinstance(assert_same(path, **options), str)
    loadings.to_csv(tmp_path / "j.loadings.csv", index=False)
    found = assert_same(path, **options)
    assert isinstance(found, Judgments)
    assert found.loadings is not None
    given_conditions = found.conditions
    options |= {"conditions": given_conditions, "n_categories": 6}
    found = assert_same(path, **options)
    assert isinstance(found, Judgments)
    assert found.n_categories == 6
    assert assert_same(path, columns={"items": "id"})
    assert assert_same(path, columns={"item": "ids"})


def test_what_has_no_plain_cells_is_read_in_memory(tmp_path: Path) -> None:
    table = valid_table().assign(dose=pd.Timestamp("2026-01-01"))
    table["item"] = table["item"].astype("category")
    path = write(table.assign(dose=True), tmp_path / "j.parquet")
    assert isinstance(assert_same(path), str)
    path = write(table.drop(columns="dose"), tmp_path / "j.parquet")
    found = assert_same(path)
    assert isinstance(found, Judgments)
    assert isinstance(found.rows, FiledRows)


def test_a_large_file_is_counted_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(with_probabilities(valid_table()), tmp_path / "j.csv")
    assert not isinstance(vb.load_judgments(path).rows, FiledRows)
    monkeypatch.setattr(filed, "_LARGE_TEXT", 100)
    judgments = vb.load_judgments(path)
    assert isinstance(judgments.rows, FiledRows)
    assert judgments.baseline("m") == "plain"
    assert [f.name for f in dataclasses.fields(judgments)][0] == "rows"


@pytest.mark.parametrize("held", [True, False])
def test_the_judgments_of_some_scenarios(held: bool, tmp_path: Path) -> None:
    table, loadings = with_loadings(RANDOM)
    path = write(table, tmp_path / "j.csv")
    judgments = load_file(path, held=held, loadings=loadings)
    part = judgments.of_scenarios({"s1", "s3"})
    kept = judgments.table["scenario"].isin(["s1", "s3"])
    expected = judgments.table[kept].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.table, expected)
    alone = write(table[kept.to_numpy()], tmp_path / "alone.csv")
    same_judgments(part, load_file(alone, held=True, loadings=part.loadings))
