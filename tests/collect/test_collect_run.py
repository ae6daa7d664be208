"""A whole run: what is written, how it is taken up again, and what is refused."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from tiny_models import write_model

from vat_bayes.audit import fit_run
from vat_bayes.collect import (
    LineProgress,
    LlamaCppJudge,
    Prompt,
    Reading,
    RunFolder,
    Schedule,
    SilentProgress,
    collect,
    open_llamacpp,
    progress_for,
)
from vat_bayes.collect.progress import BarProgress
from vat_bayes.errors import InputError
from vat_bayes.items import load_items
from vat_bayes.judgments import load_judgments
from vat_bayes.study import ModelSource, Study, load_study

TOTAL = 5 * 16 * 2


class Recorder(SilentProgress):
    """Remembers what it was told, and may interrupt."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.notes: list[str] = []
        self.settings: list[str] = []
        self.mass: list[str] = []
        self.begun: list[tuple[int, int]] = []
        self.steps = 0
        self._stop_after = stop_after

    def begin(self, total: int, done: int) -> None:
        self.begun.append((total, done))

    def step(self, label: str) -> None:
        self.steps += 1
        if self.steps == self._stop_after:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        # A model with random weights has little mass on ratings, and every run says so.
        if ": mode " in text:
            self.settings.append(text)
        else:
            (self.mass if "of the probability of an answer" in text else self.notes).append(text)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest(run: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.manifest.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def finished(study: Study, tmp_path: Path) -> RunFolder:
    return collect(study, out=tmp_path / "finished")


def test_the_table_stands_alone(finished: RunFolder, study: Study) -> None:
    table = pd.read_parquet(finished.judgments)
    head = "model condition item scenario value polarity rating replicate prompt topic country"
    tail = "p1 p2 p3 p4 p5 p_valid role target direction dose reference placebo"
    assert list(table.columns) == f"{head} {tail}".split()
    assert len(table) == TOTAL
    p = table[["p1", "p2", "p3", "p4", "p5"]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert (table["rating"] == p.argmax(axis=1) + 1).all()
    assert (table["replicate"] == 1).all()
    promoted = table[table["condition"] == "promote"].iloc[0]
    assert (promoted["target"], promoted["placebo"]) == ("benevolence", "placebo")
    assert set(table.loc[table["condition"] == "shots-2", "dose"]) == {2.0}
    assert not table["item"].str.contains("s4|s5").any()
    keys = list(
        zip(table["model"], table["condition"], table["item"], table["prompt"], strict=True)
    )
    names = [c.name for c in study.conditions]
    assert keys == sorted(keys, key=lambda k: (names.index(k[1]), k[2], k[3]))


def test_the_later_stages_can_read_it(finished: RunFolder, tmp_path: Path) -> None:
    judgments = load_judgments(finished.root)
    assert judgments.has_distributions
    assert judgments.n_categories == 5
    assert {c.name: c.role for c in judgments.conditions} == {
        "baseline": "baseline",
        "promote": "intervention",
        "shots-2": "intervention",
        "placebo": "placebo",
        "retest": "retest",
    }
    alone = tmp_path / "alone.parquet"
    shutil.copy(finished.judgments, alone)
    from_columns = {c.name: c for c in load_judgments(alone).conditions}
    assert from_columns == {c.name: c for c in judgments.conditions}


def test_a_table_that_was_changed_is_not_fitted(finished: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished.root, folder)
    file = folder / "judgments.parquet"
    pd.read_parquet(file).iloc[::-1].to_parquet(file)
    with pytest.raises(InputError, match="this table is not the one that was collected: its SHA"):
        fit_run(folder, tmp_path / "fitted")


def test_conditions_differ_where_they_should_and_a_retest_repeats(finished: RunFolder) -> None:
    table = pd.read_parquet(finished.judgments).set_index(["condition", "item", "prompt"])
    p = table[["p1", "p2", "p3", "p4", "p5", "p_valid"]]
    assert (p.loc["baseline"] == p.loc["retest"]).all(axis=None)
    for other in ("promote", "shots-2", "placebo"):
        assert (p.loc["baseline"] != p.loc[other]).any(axis=None)


def test_readings_do_not_depend_on_the_schedule(
    finished: RunFolder, study: Study, tiny_spm: Path
) -> None:
    table = pd.read_parquet(finished.judgments).set_index(["condition", "item", "prompt"])
    judge = LlamaCppJudge(tiny_spm, name="tiny", labels=study.scale.labels)
    prompts = list(Schedule(study, study.load_items()))
    judge.prepare(prompts)
    for p in prompts[::-7]:
        judge.forget()
        row = table.loc[(p.condition, p.item, p.order)]
        assert judge.read(p.chat) == Reading(
            tuple(row[f"p{k}"] for k in range(1, 6)), row["p_valid"]
        )
    judge.close()


def test_the_manifest_tells_how_it_was_made(
    finished: RunFolder, study: Study, tiny_spm: Path
) -> None:
    told = manifest(finished)
    assert told["schema_version"] == 1
    assert told["state"] == "complete"
    assert told["seed"] == 11
    model = told["models"]["tiny"]
    assert model["sha256"] == sha256(tiny_spm)
    assert model["mode"] == "exact"
    assert model["prefix_reuse"]["bit_identical"] is True
    assert model["threads"] == 1
    assert model["n_ctx"] == model["longest_prompt"]
    assert "<|im_start|>" in model["chat"]["template"]
    assert [t["text"] for t in model["rating_tokens"]["3"]] == ["3", "3", " 3"]
    assert told["items"] == {
        "source": "table",
        "sha256": study.load_items().sha256(),
        "judged": 16,
        "scenarios": 4,
    }
    assert told["judgments"] == {"rows": TOTAL, "sha256": sha256(finished.judgments)}
    assert [c["condition"] for c in told["counts"]] == [c.name for c in study.conditions]
    table = pd.read_parquet(finished.judgments)
    for c in told["counts"]:
        rows = table[table["condition"] == c["condition"]]
        assert c["judgments"] == c["prompts"] == len(rows) == 32
        assert c["refusals"] == 0
        assert c["mean_p_valid"] == pytest.approx(rows["p_valid"].mean())
        assert c["p_valid_below_half"] == (rows["p_valid"] < 0.5).sum()
    assert told["prompts"]["promote"]["system"] == "Be kind."
    assert told["prompts"]["shots-2"]["system"].startswith("Examples of how to answer:\n\n")
    (session,) = told["sessions"]
    assert session["judgments"] == TOTAL
    assert session["versions"]["llama-cpp-python"] == model["llama_cpp_python"]


def test_the_study_in_the_folder_gives_the_same_run(finished: RunFolder, tmp_path: Path) -> None:
    again = collect(load_study(finished.study), out=tmp_path / "again")
    assert sha256(again.judgments) == sha256(finished.judgments)
    assert sha256(again.items) == sha256(finished.items)


def test_the_items_in_the_folder_are_those_of_the_study(finished: RunFolder, study: Study) -> None:
    kept = load_items("table", finished.items)
    assert kept.sha256() == study.load_items().sha256()


@pytest.mark.parametrize("stops", [(1,), (40,), (31, 1, 70), (TOTAL,)])
def test_an_interrupted_run_goes_on_and_ends_the_same(
    study: Study, tmp_path: Path, finished: RunFolder, stops: tuple[int, ...]
) -> None:
    out = tmp_path / "run"
    done = 0
    for stop in stops:
        progress = Recorder(stop_after=stop)
        with pytest.raises(KeyboardInterrupt):
            collect(study, out=out, progress=progress)
        assert progress.begun == [(TOTAL, done)]
        done += stop
    progress = Recorder()
    run = collect(study, out=out, progress=progress)
    assert progress.steps == TOTAL - done
    assert sha256(run.judgments) == sha256(finished.judgments)
    told = manifest(run)
    assert sum(s["judgments"] for s in told["sessions"]) == TOTAL


def test_a_finished_run_costs_nothing(finished: RunFolder, study: Study) -> None:
    def never(_model: ModelSource, _path: Path, _labels: tuple[str, ...]) -> LlamaCppJudge:
        raise AssertionError("the model was opened")

    before, told = sha256(finished.judgments), manifest(finished)
    collect(study, out=finished.root, open_judge=never)
    assert sha256(finished.judgments) == before
    assert manifest(finished) == told


def test_little_mass_on_the_ratings_is_told(
    study_data: dict[str, Any], shared_models: Path, tmp_path: Path
) -> None:
    study_data["models"][0]["path"] = str(shared_models / "stories260K.gguf")
    study_data["conditions"] = study_data["conditions"][:2]
    progress = Recorder()
    collect(Study.from_dict(study_data), out=tmp_path / "run", progress=progress)
    assert len(progress.mass) == 2
    assert "model 'tiny', condition 'baseline': on average only 0.0" in progress.mass[0]


def test_samples_are_drawn_from_what_was_collected(finished: RunFolder, study: Study) -> None:
    collect(study, out=finished.root, sample=30)
    table = pd.read_parquet(finished.judgments)
    assert len(table) == TOTAL * 30
    assert sorted(set(table["replicate"])) == list(range(1, 31))
    refused = table["rating"].isna()
    expected = (1 - table["p_valid"]).to_numpy()
    spread = np.sqrt((expected * (1 - expected)).sum())
    assert abs(refused.sum() - expected.sum()) < 4 * spread
    counts = manifest(finished)["counts"]
    assert sum(c["refusals"] for c in counts) == refused.sum() > 0
    ratings = table.pivot_table(
        index=["item", "prompt"], columns=["condition", "replicate"], values="rating"
    )
    assert not ratings["baseline"].equals(ratings["retest"])


def test_sampling_depends_on_nothing_but_the_seed(
    study_data: dict[str, Any], tmp_path: Path
) -> None:
    study = Study.from_dict(study_data)
    whole = collect(study, out=tmp_path / "a", sample=3)
    with pytest.raises(KeyboardInterrupt):
        collect(study, out=tmp_path / "b", sample=3, progress=Recorder(stop_after=50))
    resumed = collect(study, out=tmp_path / "b", sample=3)
    assert sha256(whole.judgments) == sha256(resumed.judgments)
    # Another seed draws other ratings from the same distributions, but for its own examples.
    study_data["seed"] = 12
    other = pd.read_parquet(
        collect(Study.from_dict(study_data), out=tmp_path / "c", sample=3).judgments
    )
    first = pd.read_parquet(whole.judgments)
    base = first["condition"] == "baseline"
    assert first.loc[base, "p1"].equals(other.loc[base, "p1"])
    assert not first.loc[base, "rating"].equals(other.loc[base, "rating"])


@pytest.mark.parametrize("sample", [0, -1])
def test_a_sample_of_nothing_is_refused(study: Study, tmp_path: Path, sample: int) -> None:
    with pytest.raises(InputError, match="sample is"):
        collect(study, out=tmp_path / "run", sample=sample)


def change_text(data: dict[str, Any]) -> None:
    data["conditions"][1]["text"] = "Be cruel."


def change_seed(data: dict[str, Any]) -> None:
    data["seed"] = 12


def change_scale(data: dict[str, Any]) -> None:
    data["scale"] = {"orders": ["forward"]}


def drop_condition(data: dict[str, Any]) -> None:
    del data["conditions"][3]


def add_condition(data: dict[str, Any]) -> None:
    data["conditions"].append({"name": "again", "role": "retest"})


def change_items(data: dict[str, Any]) -> None:
    path = Path(data["items"]["path"])
    path.write_text(path.read_text().replace("Help power 0", "Help power at once 0"))


def change_model(data: dict[str, Any]) -> None:
    path = Path(data["items"]["path"]).with_name("other.gguf")
    data["models"][0]["path"] = str(write_model(path, seed=9))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            change_text,
            "the study's 'conditions' 'promote' 'text' was 'Be kind.' and is 'Be cruel.'",
        ),
        (change_seed, "the study's 'seed' was 11 and is 12"),
        (change_scale, "the study's 'scale' 'orders' was"),
        (drop_condition, "the study's 'conditions' 'placebo' is gone"),
        (add_condition, "the study's 'conditions' 'again' is new"),
        (change_items, r"the items \(SHA-256\) was"),
        (change_model, r"the file of model 'tiny' \(SHA-256\) was"),
    ],
)
def test_a_run_does_not_go_on_with_something_else(
    study_data: dict[str, Any],
    tmp_path: Path,
    change: Callable[[dict[str, Any]], None],
    expected: str,
) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        collect(Study.from_dict(study_data), out=out, progress=Recorder(stop_after=20))
    before = {p: sha256(p) for p in out.rglob("*") if p.is_file()}
    changed = copy.deepcopy(study_data)
    change(changed)
    with pytest.raises(InputError, match=f"something changed since it began: {expected}"):
        collect(Study.from_dict(changed), out=out)
    assert {p: sha256(p) for p in out.rglob("*") if p.is_file()} == before


def test_what_does_not_matter_may_change(
    study_data: dict[str, Any], tmp_path: Path, tiny_spm: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        collect(Study.from_dict(study_data), out=out, progress=Recorder(stop_after=20))
    moved = tmp_path / "moved.gguf"
    shutil.copy(tiny_spm, moved)
    study_data["models"][0] |= {"path": str(moved), "threads": 1}
    study_data["out"] = "elsewhere"
    study_data["models"].append({"name": "new", "path": str(moved)})
    path = Path(study_data["items"]["path"])
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]))
    run = collect(Study.from_dict(study_data), out=out)
    table = pd.read_parquet(run.judgments)
    old, new = table[table["model"] == "tiny"], table[table["model"] == "new"]
    assert len(old) == len(new) == TOTAL
    assert (old["p1"].to_numpy() == new["p1"].to_numpy()).all()


def test_a_run_that_never_got_a_judgment_may_change(
    study_data: dict[str, Any], tmp_path: Path
) -> None:
    out, model = tmp_path / "run", tmp_path / "m.gguf"
    good = Path(study_data["models"][0]["path"]).read_bytes()
    model.write_bytes(good[:-1000])
    study_data["models"][0]["path"] = str(model)
    with pytest.raises(InputError, match="not within the file bounds"):
        collect(Study.from_dict(study_data), out=out)
    model.write_bytes(good)
    assert manifest(collect(Study.from_dict(study_data), out=out))["state"] == "complete"


def test_a_damaged_line_is_told_and_judged_again(
    study: Study, tmp_path: Path, finished: RunFolder
) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        collect(study, out=out, progress=Recorder(stop_after=50))
    (file,) = (out / "journal").iterdir()
    lines = file.read_bytes().split(b"\n")
    lines[16] = lines[16].replace(b"0.", b"1.", 1)
    file.write_bytes(b"\n".join(lines))
    progress = Recorder()
    run = collect(study, out=out, progress=progress)
    assert progress.begun == [(TOTAL, 49)]
    assert progress.notes == [
        "journal/0001.jsonl, line 17 is damaged; its judgment is made again unless a later line "
        "has it"
    ]
    assert sha256(run.judgments) == sha256(finished.judgments)


def test_one_process_at_a_time(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with (
        FileLock(out / ".lock"),
        pytest.raises(InputError, match="another process is collecting into this folder"),
    ):
        collect(study, out=out)
    collect(study, out=out)


def test_a_folder_with_something_else_in_it_is_left_alone(study: Study, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(InputError, match=r"holds no run \(it has '.*'\)"):
        collect(study, out=tmp_path)
    run = RunFolder(tmp_path / "run")
    run.root.mkdir()
    run.manifest.write_text("{")
    with pytest.raises(InputError, match=r"manifest.json: damaged"):
        collect(study, out=run.root)
    run.manifest.write_text('{"state": "complete"}')
    with pytest.raises(InputError, match="not the manifest of a collected run"):
        collect(study, out=run.root)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        collect(study, out=file / "run")


def test_unusable_input_leaves_no_folder(study_data: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"
    bad = copy.deepcopy(study_data)
    bad["models"][0]["path"] = "nowhere.gguf"
    with pytest.raises(InputError, match="'nowhere.gguf' is not there"):
        collect(Study.from_dict(bad), out=out)
    bad = copy.deepcopy(study_data)
    bad["conditions"][2]["shots"] = 50
    with pytest.raises(InputError, match="condition 'shots-2': 50 examples .* allow 4"):
        collect(Study.from_dict(bad), out=out)
    assert not out.exists()


def test_a_prompt_that_does_not_fit_stops_the_run_before_it_begins(
    study_data: dict[str, Any], tmp_path: Path, finished: RunFolder
) -> None:
    needed = manifest(finished)["models"]["tiny"]["longest_prompt"]
    study_data["models"][0]["n_ctx"] = needed - 1
    with pytest.raises(
        InputError,
        match=rf"condition 'shots-2', item '.*: the prompt needs {needed} tokens and the context "
        rf"holds {needed - 1} \(n_ctx\)",
    ):
        collect(Study.from_dict(study_data), out=tmp_path / "run")
    assert not (tmp_path / "run" / "journal").exists()


def test_items_with_loadings_have_them_beside_the_table(
    study_data: dict[str, Any], tmp_path: Path
) -> None:
    items = tmp_path / "loaded.csv"
    items.write_text(
        "item,scenario,scenario_text,action_text,value,polarity,model,p1\n"
        "a,s1,Scene one.,Go.,,,x,q\nb,s2,Scene two.,Stay.,,,x,q\n"
    )
    loadings = tmp_path / "weights.csv"
    loadings.write_text(
        "item,value,weight\na,power,1\na,security,-0.5\nb,power,-1\nb,security,0.5\n"
    )
    study_data["items"] = {"source": "table", "path": str(items), "loadings": str(loadings)}
    del study_data["conditions"][2]
    run = collect(Study.from_dict(study_data), out=tmp_path / "run")
    assert pd.read_csv(run.loadings).equals(pd.read_csv(loadings))
    table = pd.read_parquet(run.judgments)
    assert table["value"].isna().all()
    assert set(table["model"]) == {"tiny"}
    assert set(table["item_model"]) == {"x"}
    assert set(table["item_p1"]) == {"q"}
    loaded = load_judgments(run.root).loadings
    assert loaded is not None
    assert len(loaded) == 4


def test_the_folder_follows_from_the_study(
    study_data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study_data["conditions"] = study_data["conditions"][:2]
    assert collect(Study.from_dict(study_data)).root == Path("runs/small")
    study_data["out"] = "elsewhere"
    assert collect(Study.from_dict(study_data)).root == Path("elsewhere")
    assert (tmp_path / "elsewhere" / "judgments.parquet").is_file()


def test_conditions_are_asked_one_after_the_other(study: Study) -> None:
    prompts: list[Prompt] = list(Schedule(study, study.load_items()))
    assert len(prompts) == len(Schedule(study, study.load_items())) == TOTAL
    names = [p.condition for p in prompts]
    assert list(dict.fromkeys(names)) == [c.name for c in study.conditions]
    assert names == sorted(names, key=[c.name for c in study.conditions].index)
    scenes = [(p.condition, p.chat.user.split("\n")[0]) for p in prompts]
    assert len(list(dict.fromkeys(scenes))) == sum(
        a != b for a, b in zip([None, *scenes], scenes, strict=False)
    )


class _Changeable(LlamaCppJudge):
    """A judge whose cache is said to change answers."""

    def describe(self) -> dict[str, Any]:
        told = super().describe()
        return told | {"prefix_reuse": told["prefix_reuse"] | {"used": False}}


def test_a_cache_that_would_change_answers_is_told(study: Study, tmp_path: Path) -> None:
    progress = Recorder()
    collect(
        study,
        out=tmp_path / "run",
        progress=progress,
        open_judge=lambda m, path, labels: _Changeable(path, name=m.name, labels=labels),
    )
    assert any("would change its answers" in note for note in progress.notes)


def test_a_change_of_versions_is_told(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        collect(study, out=out, progress=Recorder(stop_after=5))
    told = manifest(RunFolder(out))
    told["sessions"][0]["versions"]["numpy"] = "1.0"
    told["added by another"] = 3
    RunFolder(out).write_manifest(told)
    progress = Recorder()
    run = collect(study, out=out, progress=progress)
    assert progress.notes == [f"numpy is now {np.__version__}; the run began with another version"]
    assert manifest(run)["added by another"] == 3


def test_progress_in_lines(study: Study, tmp_path: Path) -> None:
    stream = io.StringIO()
    collect(study, out=tmp_path / "run", progress=progress_for(stream))
    told = [line for line in stream.getvalue().splitlines() if "on average" not in line]
    first, last = told[0], told[-1]
    assert first == f"collecting {TOTAL} judgments"
    assert last.startswith(f"{TOTAL}/{TOTAL} judgments, ")
    assert last.endswith("about 0 s left (tiny, retest)")
    assert isinstance(progress_for(stream), LineProgress)
    assert isinstance(progress_for(stream, quiet=True), SilentProgress)


def test_progress_as_a_bar(study_data: dict[str, Any], tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    study_data["conditions"][1]["name"] = "[bold]promote[red]"
    stream = Terminal()
    progress = progress_for(stream)
    assert isinstance(progress, BarProgress)
    collect(Study.from_dict(study_data), out=tmp_path / "run", progress=progress)
    assert f"{TOTAL}/{TOTAL}" in stream.getvalue()
    progress.note("a [bold] note")
    assert "a [bold] note" in stream.getvalue()


def test_llama_cpp_is_what_opens_a_model(tiny_spm: Path, study: Study) -> None:
    judge = open_llamacpp(study.models[0], tiny_spm, study.scale.labels)
    assert isinstance(judge, LlamaCppJudge)
    judge.close()
