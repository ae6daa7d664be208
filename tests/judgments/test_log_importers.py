"""Logs of Inspect and lm-eval, written by these libraries (see logs/README.md)."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.cli import main
from vat_bayes.errors import InputError
from vat_bayes.judgments import import_judgments, load_judgments
from vat_bayes.judgments.importers.archive import Archive

LOGS = Path(__file__).parent / "logs"
EVALS = [LOGS / "baseline.eval", LOGS / "kind.eval"]
SAMPLES = LOGS / "lm-eval" / "core-judge"
P = ["p1", "p2", "p3", "p4", "p5"]
KEYS = ["condition", "item"]


def samples(task: str) -> list[Path]:
    return [next(SAMPLES.glob(f"samples_{task}_{c}_*.jsonl")) for c in ("baseline", "kind")]


def named(files: list[Path]) -> dict[str, str]:
    return dict(zip(("baseline", "kind"), (f.name for f in files), strict=True))


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """What llama.cpp gave in process for the same questions."""
    lines = (LOGS / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    table = pd.DataFrame([json.loads(line) for line in lines])
    table[P] = table.pop("probabilities").tolist()
    return table.sort_values(KEYS).reset_index(drop=True)


def agree(table: pd.DataFrame, truth: pd.DataFrame) -> None:
    ours = table.sort_values(KEYS).reset_index(drop=True)
    known = [*KEYS, "scenario", "value", "polarity"]
    assert ours[known].astype(str).equals(truth[known].astype(str))
    # The server evaluates the prompts in other batches.
    off = np.abs(ours[[*P, "p_valid"]] - truth[[*P, "p_valid"]]).to_numpy(float)
    assert off.max() < 1e-5
    assert (ours["rating"] == truth[P].to_numpy().argmax(axis=1) + 1).all()


def test_inspect_logs_give_the_distributions_of_the_judge(truth: pd.DataFrame) -> None:
    imported = import_judgments("inspect", EVALS, labels="1,2,3,4,5")
    agree(imported.table, truth)
    judgments = imported.judgments()
    assert judgments.models == ("openai-api/judge/core-judge",)
    assert judgments.n_categories == 5
    assert {c.name: c.role for c in judgments.conditions} == {
        "baseline": "baseline",
        "kind": "intervention",
    }


def test_lm_eval_choices_give_the_distributions_of_the_judge(truth: pd.DataFrame) -> None:
    files = samples("values")
    imported = import_judgments("lm-eval", files, conditions=named(files))
    agree(imported.table, truth)
    assert imported.judgments().models == ("core-judge",)


def test_written_answers_of_both_are_the_likeliest(truth: pd.DataFrame) -> None:
    files = samples("written")
    ours = import_judgments(
        "lm-eval", files, conditions=named(files), labels=list("12345")
    ).table.sort_values(KEYS)
    scored = import_judgments("inspect", EVALS).table.sort_values(KEYS)  # the only scorer
    likeliest = truth[P].to_numpy().argmax(axis=1) + 1
    assert ours["rating"].tolist() == scored["rating"].tolist() == likeliest.tolist()
    assert not set(P) & {*ours.columns, *scored.columns}


def test_epochs_are_replicates_and_one_log_as_json_will_do() -> None:
    table = import_judgments("inspect", LOGS / "written.json", n_categories=5).table
    assert table["condition"].unique().tolist() == ["kind"]
    assert table.groupby("item")["replicate"].apply(sorted).map(tuple).unique().tolist() == [(1, 2)]
    told = json.loads((LOGS / "written.json").read_text())["samples"]
    by_key = {(s["id"], s["epoch"]): s["output"]["completion"] for s in told}
    for row in table.itertuples():
        assert str(int(row.rating)) == by_key[row.item, row.replicate]  # type: ignore[call-overload]


def test_a_reversed_scale_is_turned(truth: pd.DataFrame) -> None:
    plain = import_judgments("inspect", EVALS, labels="1,2,3,4,5").table
    turned = import_judgments("inspect", EVALS, labels="5,4,3,2,1", reverse_scale=True).table
    pd.testing.assert_frame_equal(plain, turned)


def test_items_are_joined_from_a_table(tmp_path: Path, truth: pd.DataFrame) -> None:
    files = []
    for file in samples("values"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            row["doc"] = {"id": row["doc"]["item"]}
        files.append(tmp_path / file.name)
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    options: dict[str, Any] = {"conditions": named(files), "fill": {"model": "m"}}
    with pytest.raises(InputError, match="can't be filled: the logs have it"):
        import_judgments("lm-eval", files, **options)
    options.pop("fill")
    agree(import_judgments("lm-eval", files, items="core", **options).table, truth)
    known = truth.drop_duplicates("item")[["item", "scenario", "value", "polarity"]]
    known.iloc[1:].to_csv(tmp_path / "items.csv", index=False)
    with pytest.raises(InputError, match=r"item '.*' is not in .*items\.csv"):
        import_judgments("lm-eval", files, items=tmp_path / "items.csv", **options)
    # Alone, without the results beside them, the folder is the model.
    assert import_judgments("lm-eval", files, **options).table["model"].unique() == [tmp_path.name]


def test_from_the_command_line_to_a_table_that_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "j.csv"
    words = ["import", "inspect", *map(str, EVALS), "--out", str(out), "--opt", "labels=1,2,3,4,5"]
    assert main(words) == 0
    assert "16 judgments under 2 conditions (baseline, kind)" in capsys.readouterr().out
    assert load_judgments(out).n_rows == 16
    assert main(["import", "table", *map(str, EVALS), "--out", str(out)]) == 2
    assert "the importer 'table' takes one file, found 2; several are taken by inspect and" in (
        capsys.readouterr().err
    )


def test_a_log_that_was_cut_off_has_a_journal(tmp_path: Path, truth: pd.DataFrame) -> None:
    with Archive(EVALS[0]) as archive, zipfile.ZipFile(tmp_path / "b.eval", "w") as out:
        for n, name in enumerate(archive.names()):
            if name != "header.json":
                kind = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[n % 2]
                out.writestr(name, archive.read(name), kind)
    table = import_judgments("inspect", [tmp_path / "b.eval", EVALS[1]], labels="1,2,3,4,5").table
    agree(table, truth)


def test_spoilt_logs_are_refused(tmp_path: Path) -> None:
    content = EVALS[0].read_bytes()
    file = tmp_path / "b.eval"
    with zipfile.ZipFile(EVALS[0]) as archive:
        at = archive.getinfo("header.json").header_offset + 200
    for spoilt in (content[:-40], content[:at] + b"??????" + content[at + 6 :], b"PK", b"", b"{}"):
        file.write_bytes(spoilt)
        with pytest.raises(InputError, match=r"b\.eval: this is no log of Inspect: "):
            import_judgments("inspect", file, labels="1,2,3,4,5")


def test_failed_samples_are_left_out_with_a_note(tmp_path: Path) -> None:
    log = json.loads((LOGS / "written.json").read_text())
    log["status"] = "error"
    log["samples"][0]["error"] = {"message": "no"}
    log["samples"][1]["output"]["choices"] = []
    log["samples"][2]["output"]["completion"] = "I would rather not."
    log["samples"][3]["output"]["completion"] = "attachment://a"
    log["samples"][3]["attachments"] = {"a": "Well.\n\nAnswer: 4"}
    file = tmp_path / "w.json"
    file.write_text(json.dumps(log))
    imported = import_judgments("inspect", file, labels="1,2,3,4,5")
    assert imported.notes == (
        "w.json: the evaluation ended with 'error'",
        "w.json: 2 samples left out: the evaluation has no answer",
    )
    assert np.isnan(imported.table["rating"].iloc[0])
    assert imported.table["rating"].iloc[1] == 4
    assert len(imported.table) == 6


BASE, KIND = "baseline.eval", "kind.eval"


@pytest.mark.parametrize(
    ("kind", "names", "options", "sentence"),
    [
        ("inspect", [], {}, "no log of Inspect is named"),
        ("inspect", [BASE, BASE], {}, "this file is named twice"),
        ("inspect", ["bas.eval"], {}, "no such file; did you mean 'baseline.eval'?"),
        ("inspect", ["questions.jsonl"], {}, "this is no log of Inspect: it is no JSON"),
        ("inspect", [BASE], {"labels": "1,1"}, "labels are '1', '1'; expected 2 to 11 different"),
        ("inspect", [BASE], {"labels": "1,2", "n_categories": 3}, "but there are 2 labels"),
        (
            "inspect",
            [BASE, KIND],
            {"conditions": {"baseline": BASE}},
            "conditions names no condition for 'kind.eval'",
        ),
        (
            "inspect",
            [BASE, KIND],
            {"conditions": {"baseline": BASE, "kind": "kinder.eval"}},
            "condition 'kind' is 'kinder.eval', which fits 0 logs ('baseline.eval', 'kind.eval'); "
            "did you mean 'kind.eval'?",
        ),
        (
            "inspect",
            [BASE, KIND],
            {"conditions": {"a": BASE, "b": BASE}},
            "conditions 'a' and 'b' name the same log",
        ),
        (
            "inspect",
            [BASE],
            {"columns": {"prompt": "metadata.wording"}},
            "the column mapping takes 'prompt' from 'metadata.wording', which is not in the table",
        ),
        ("inspect", [BASE], {"reverse_scale": True}, "reverse_scale needs labels or n_categories"),
        ("lm-eval", [BASE], {}, "this is no sample file of lm-eval: it is no JSON"),
        ("lm-eval", ["questions.jsonl"], {}, "line 1: this is no sample file of lm-eval"),
        ("lm-eval", ["lm-eval"], {"n_categories": 4}, "tasks with '5' choices, expected 4"),
        ("lm-eval", ["lm-eval"], {"filter": "strict"}, "no filter 'strict', found 'none'"),
    ],
)
def test_what_does_not_fit_is_refused(
    kind: str, names: list[str], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as told:
        import_judgments(kind, [LOGS / n for n in names], **options)
    assert sentence in str(told.value)


def test_written_answers_need_labels_and_several_tasks_need_names() -> None:
    files = samples("written")
    with pytest.raises(InputError, match="nothing says which answers are ratings; give labels"):
        import_judgments("lm-eval", files)
    with pytest.raises(InputError, match="nothing in the logs says of which condition they are"):
        import_judgments("lm-eval", files[:1], n_categories=5)
    imported = import_judgments("lm-eval", files, n_categories=5)
    assert imported.notes == ("the conditions are called as the tasks of the logs",)
    with pytest.raises(InputError, match="did you mean 'written_baseline'"):
        imported.judgments()


def test_log_likelihoods_that_a_server_left_out_are_refused(tmp_path: Path) -> None:
    row = json.loads(samples("values")[0].read_text().splitlines()[0])
    row["filtered_resps"] = [["0.0", "True"]] * 5
    file = tmp_path / "samples_values_x.jsonl"
    file.write_text(json.dumps(row))
    with pytest.raises(InputError, match="every choice has log-likelihood 0, so the server"):
        import_judgments("lm-eval", file)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def _places(thing: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = (
        thing if isinstance(thing, dict) else range(len(thing)) if isinstance(thing, list) else ()
    )
    return [path, *(p for k in keys for p in _places(thing[k], (*path, k)))]


@pytest.mark.parametrize("kind", ["inspect", "lm-eval"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_log_with_anything_in_it_is_imported_or_refused(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if kind == "inspect":
        with Archive(EVALS[0]) as archive:
            head = json.loads(archive.read("header.json"))
            names = [n for n in archive.names() if n.startswith("samples/")][:2]
            found = [json.loads(archive.read(n)) for n in names]
        for sample in found:
            sample["events"] = sample["messages"] = []
            token = sample["output"]["choices"][0]["logprobs"]["content"][0]
            token["top_logprobs"] = token["top_logprobs"][:2]
        whole: Any = {**head, "samples": found}
    else:
        lines = samples("values")[0].read_text().splitlines()[:2]
        whole = [json.loads(line) for line in lines]
    whole = copy.deepcopy(whole)
    path = data.draw(st.sampled_from(_places(whole)[1:]))
    inside = whole
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = data.draw(_JSON)
    file = tmp_path_factory.getbasetemp() / ("x.json" if kind == "inspect" else "samples_x.jsonl")
    if kind == "inspect":
        file.write_text(json.dumps(whole))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in whole))
    try:
        imported = import_judgments(
            kind, file, labels="1,2,3,4,5", conditions={"baseline": file.name}
        )
        imported.judgments()
    except InputError:
        return
