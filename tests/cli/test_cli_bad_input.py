"""Whatever is unusable ends the program with code 2 and one line that names the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from cli_files import table, write_ratings, write_study

from vat_bayes.bundled import model_path
from vat_bayes.cli import main

type Arrange = Callable[[Path], list[str]]
type Change = Callable[[pd.DataFrame], pd.DataFrame]


def cell(row: int, column: str, content: object) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        cells = frame[column].astype(object)
        cells.iloc[row - 1] = content
        return frame.assign(**{column: cells})

    return change


def fit(change: Change | None = None, *more: str) -> Arrange:
    return lambda f: ["fit", str(write_ratings(f, change)), "--out", str(f / "run"), *more]


def fit_file(name: str, content: bytes) -> Arrange:
    def arrange(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["fit", str(folder / name), "--out", str(folder / "run")]

    return arrange


def collect(old: str, new: str, gguf: bytes | None = None) -> Arrange:
    def arrange(folder: Path) -> list[str]:
        if gguf is not None:
            (folder / "judge.gguf").write_bytes(gguf)
        return ["collect", str(write_study(folder, old, new)), "--out", str(folder / "run")]

    return arrange


def model_file(old: str, new: str) -> Arrange:
    def arrange(folder: Path) -> list[str]:
        text = model_path("bayes", "default.toml").read_text()
        assert old in text
        (folder / "mine.toml").write_text(text.replace(old, new, 1))
        return fit(None, "--model-file", str(folder / "mine.toml"))(folder)

    return arrange


def items_file(text: str) -> Arrange:
    def arrange(folder: Path) -> list[str]:
        (folder / "judge.gguf").write_bytes(b"GGUF")
        (folder / "items.csv").write_text(text)
        write_study(folder, 'source = "core"', 'source = "table"\npath = "items.csv"')
        return ["collect", str(folder / "study.toml"), "--out", str(folder / "run")]

    return arrange


def run_with(**files: str) -> Arrange:
    def arrange(folder: Path) -> list[str]:
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        return ["check", str(folder)]

    return arrange


def occupied(folder: Path) -> list[str]:
    (folder / "run").mkdir()
    (folder / "run" / "thesis.tex").write_text("years of work")
    return fit()(folder)


def collected(folder: Path) -> list[str]:
    (folder / "run").mkdir()
    (folder / "run" / "manifest.json").write_text(json.dumps({"identity": {}}))
    return fit()(folder)


def damaged_manifest(folder: Path) -> list[str]:
    (folder / "run").mkdir()
    (folder / "run" / "manifest.json").write_text("{")
    return fit()(folder)


def out_is_a_file(folder: Path) -> list[str]:
    (folder / "run").write_text("")
    return fit()(folder)


def no_out(folder: Path) -> list[str]:
    return ["fit", str(write_ratings(folder))]


def loadings(text: str) -> Arrange:
    def arrange(folder: Path) -> list[str]:
        (folder / "weights.csv").write_text(text)
        change: Change = lambda f: f.drop(columns=["value", "polarity"])  # noqa: E731
        return fit(change, "--loadings", str(folder / "weights.csv"))(folder)

    return arrange


def same(frame: pd.DataFrame) -> pd.DataFrame:
    base = frame.loc[frame["condition"] == "baseline", "rating"].tolist()
    return frame.assign(rating=base * 3)


ITEMS = "item,scenario,topic,value,polarity,scenario_text,action_text\n"
BAD: dict[str, tuple[Arrange, str]] = {
    # judgments: files
    "no file": (lambda f: ["fit", str(f / "x.csv"), "--out", str(f / "r")], "x.csv: no such file"),
    "empty": (fit_file("j.csv", b""), "j.csv: the file is empty"),
    "header only": (fit_file("j.csv", b"model,condition\n"), "j.csv: a header and no rows"),
    "binary": (fit_file("j.csv", b"\x89PNG\0\1"), "j.csv: not a text file"),
    "not parquet": (fit_file("j.parquet", b"model\nm\n"), "j.parquet: not a valid Parquet file"),
    "other kind": (fit_file("j.xlsx", b"PK"), "j.xlsx: unknown kind of file"),
    "bad gzip": (fit_file("j.csv.gz", b"model\nm\n"), "j.csv.gz: not a valid gzip file"),
    "folder": (lambda f: ["fit", str(f)], "no judgments.parquet in this folder"),
    # judgments: cells
    "missing column": (fit(lambda t: t.drop(columns="rating")), "missing column 'rating'"),
    "unknown value": (fit(cell(3, "value", "powr")), "row 3, column 'value'"),
    "polarity 2": (fit(cell(2, "polarity", 2)), "row 2, column 'polarity'"),
    "rating text": (fit(cell(5, "rating", "four")), "row 5, column 'rating': found 'four'"),
    "rating 0": (fit(cell(4, "rating", 0)), "row 4, column 'rating': ratings look 0-based"),
    "rating 2.5": (fit(cell(4, "rating", 2.5)), "row 4, column 'rating': found 2.5"),
    "rating above K": (fit(cell(1, "rating", 6), "--categories", "5"), "row 1, column 'rating'"),
    "no ratings": (fit(lambda t: t.assign(rating=None)), "all ratings are missing"),
    "p sums to 2": (fit(lambda t: t.assign(p1=1.0, p2=1.0)), "row 1"),
    "p with a gap": (fit(lambda t: t.assign(p1=0.5, p3=0.5)), "p2 is missing"),
    "duplicate": (fit(lambda t: pd.concat([t, t.iloc[[0]]])), "row 49"),
    "scenario changes": (fit(cell(17, "scenario", "s9")), "row 17"),
    "empty item": (fit(cell(6, "item", None)), "row 6, column 'item'"),
    "unknown role": (
        fit(lambda t: t.replace({"role": {"baseline": "basline"}})),
        "did you mean 'baseline'?",
    ),
    "unknown target": (fit(cell(17, "target", "kindness")), "row 17"),
    "no baseline": (fit(lambda t: t[t["condition"] != "baseline"]), "baseline"),
    "only a baseline": (fit(lambda t: t[t["condition"] == "baseline"]), "baseline"),
    "one scenario": (fit(lambda t: t[t["scenario"] == "s1"]), "scenario"),
    "nothing changed": (fit(same), "nothing to fit"),
    "loadings missing": (fit(lambda t: t.drop(columns=["value", "polarity"])), "loadings"),
    "loadings column": (loadings("item,value\nx,power\n"), "weights.csv: missing column 'weight'"),
    "loadings value": (loadings("item,value,weight\nx,powr,1\n"), "row 1, column 'value'"),
    # options
    "unknown option": (fit(None, "--drawz", "5"), "--drawz"),
    "draws a word": (fit(None, "--draws", "many"), "--draws"),
    "draws 0": (fit(None, "--draws", "0"), "--draws must be at least"),
    "chains 0": (fit(None, "--chains", "0"), "--chains must be at least"),
    "engine": (fit(None, "--engine", "nutz"), "did you mean 'nuts'?"),
    "fast beyond its model": (
        fit(None, "--engine", "fast", "--model-file", "probit"),
        "the fast engine does not fit ratings with this model's link",
    ),
    "backend": (fit(None, "--backend", "pymcc"), "did you mean 'pymc'?"),
    "readout": (fit(None, "--readout", "rating"), "did you mean 'ratings'?"),
    "no distributions": (fit(None, "--readout", "distribution"), "there is no p1"),
    "level": (fit(None, "--level", "90"), "the level is 90"),
    "seed": (fit(None, "--seed", "-1"), "the seed is -1"),
    "categories": (fit(None, "--categories", "12"), "12 rating categories"),
    "map without =": (fit(None, "--map", "rating"), "--map 'rating' has no '='"),
    "map unknown": (fit(None, "--map", "rating=Score"), "Score"),
    "no out": (no_out, "give --out"),
    "out is a file": (out_is_a_file, "this is a file"),
    "out is occupied": (occupied, "it has 'thesis.tex'"),
    "out has other judgments": (collected, "choose another --out"),
    "out is damaged": (damaged_manifest, "manifest.json: damaged"),
    "unknown command": (lambda _: ["adit"], "adit"),
    "no argument": (lambda _: ["audit"], "STUDY"),
    # statistical models
    "no such model": (fit(None, "--model-file", "defalt"), "did you mean 'default'?"),
    "no model file": (fit(None, "--model-file", "x.toml"), "x.toml: this model file"),
    "model syntax": (model_file("[ratings]", "[ratings"), "mine.toml: not a TOML file"),
    "model key": (model_file("title =", "titel ="), "did you mean 'title'?"),
    "model prior": (model_file("theta = { normal", "theta = { cauchy"), "mine.toml: [ratings]"),
    "model scale": (model_file("theta = { normal = 1.5", "theta = { normal = -1"), "-1"),
    # studies
    "no study": (lambda f: ["audit", str(f / "s.toml")], "the study file does not exist"),
    "study syntax": (collect("seed = 7", "seed ="), "study.toml, line 3"),
    "study key": (collect("seed = 7", "seed = 7\nouts = 1"), "did you mean 'out'?"),
    "study seed": (collect("seed = 7", 'seed = "7"'), "'seed': expected a whole number"),
    "study version": (collect("schema_version = 1", "schema_version = 9"), "'schema_version'"),
    "study role": (collect('role = "intervention"', 'role = "x"'), "[[conditions]] 2 'kind'"),
    "study target": (collect('"benevolence"', '"benevolance"'), "did you mean 'benevolence'?"),
    "study kind": (collect('kind = "prompt"', 'kind = "promt"'), "did you mean 'prompt'?"),
    "study text": (collect('text = "Be kind."', ""), "[[conditions]] 2 'kind'"),
    "study bundled": (collect("judge.gguf", "bundled:cor-judg"), "no bundled model"),
    "study sample": (
        lambda f: ["collect", str(write_study(f)), "--sample", "0"],
        "sample is 0",
    ),
    "fit with a bad study": (
        lambda f: fit(None, "--study", str(write_study(f, "seed = 7", "sed = 7")))(f),
        "did you mean 'seed'?",
    ),
    # items
    "items column": (items_file("item,scenario\na,b\n"), "items.csv"),
    "items value": (items_file(f"{ITEMS}a,s,t,powr,1,x,y\n"), "did you mean 'power'?"),
    "items missing": (
        collect('source = "core"', 'source = "table"\npath = "none.csv"', b"GGUF"),
        "none.csv",
    ),
    # model weights
    "no weights": (collect("", ""), "'judge.gguf' is not there"),
    "weights are text": (collect("", "", b"hello"), "judge.gguf is not a GGUF file"),
    "weights cut off": (collect("", "", b"GGUF\3\0"), "judge.gguf is cut off"),
    "weights damaged": (collect("", "", b"GGUF\3\0\0\0" + b"\xff" * 64), "llama.cpp cannot load"),
    # run folders
    "check nothing": (lambda f: ["check", str(f / "none")], "none: no such run folder"),
    "check a file": (lambda f: ["check", str(write_ratings(f))], "expected a run folder"),
    "check unfitted": (run_with(), "there is no posterior here"),
    "check garbage": (run_with(posterior__nc="x" * 99), "posterior.nc: not a posterior file"),
    "report unfitted": (lambda f: ["report", str(f)], "there is no estimands.csv"),
    # import and simulate
    "import kind": (
        lambda f: ["import", "tabel", str(f), "--out", str(f / "o.csv")],
        "did you mean 'table'?",
    ),
    "import option": (
        lambda f: ["import", "table", str(f), "--out", str(f / "o.csv"), "--opt", "filll.a=b"],
        "did you mean 'fill'?",
    ),
    "import number": (
        lambda f: ["import", "table", str(f), "--out", "o.csv", "--opt", "rating_offset=a"],
        "--opt rating_offset is 'a', expected a whole number",
    ),
    "import mapping": (
        lambda f: ["import", "table", str(f), "--out", "o.csv", "--opt", "columns=a"],
        "columns.<key>=<value>",
    ),
    "import out": (
        lambda f: ["import", "table", str(write_ratings(f)), "--out", str(f / "o.xlsx")],
        "o.xlsx: can't write this kind of file",
    ),
    "simulate out": (lambda f: ["simulate", "--out", str(f / "o.txt")], "o.txt"),
    "simulate under a file": (
        lambda f: ["simulate", "--out", str(write_ratings(f) / "o.csv")],
        "ratings.csv",
    ),
    "simulate none": (lambda f: ["simulate", "--out", "o.csv", "--scenarios", "0"], "0 scenarios"),
}


@pytest.mark.parametrize("kind", BAD)
def test_unusable_input_ends_with_one_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrange, expected = BAD[kind]
    code = main([*arrange(tmp_path), "--quiet"])
    seen = capsys.readouterr()
    assert code == 2, seen.err
    assert seen.out == ""
    assert seen.err.startswith("error: ")
    assert seen.err.count("\n") == 1
    assert expected in seen.err


def test_there_are_many_kinds() -> None:
    assert len(BAD) >= 50
    assert len(table()) == 48
