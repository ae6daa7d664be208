"""A judge behind a server, as near to the one in this process as its list of tokens allows."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import KEY, Loopback, serve, serve_really
from test_collect_run import Recorder, manifest

from vat_bayes.bundled import model_path
from vat_bayes.cli import main
from vat_bayes.collect import Schedule, ServerJudge, StoppedError, collect
from vat_bayes.collect.server.toplogprobs import MalformedReplyError, read_reply
from vat_bayes.errors import InputError
from vat_bayes.study import Study

JUDGE = model_path("judges", "core-judge.gguf")
LABELS = ("1", "2", "3", "4", "5")
P = ["p1", "p2", "p3", "p4", "p5"]
SHARE_OF_FAULTS = ("429", "500", "dropped", "malformed", "cut off")


@pytest.fixture
def data(study_data: dict[str, Any]) -> dict[str, Any]:
    """Return a study of 48 judgments of the bundled judge: baseline, a prompt, and examples."""
    study_data["conditions"] = study_data["conditions"][:3]
    study_data["scale"] = {"orders": ["forward"]}
    study_data["models"] = [{"name": "judge", "path": str(JUDGE)}]
    return study_data


def on_server(data: dict[str, Any], server: Loopback, **keys: Any) -> Study:
    """Return the study with the same model on a server."""
    model = {"name": "judge", "server": server.address, **keys}
    return Study.from_dict({**data, "models": [model]})


def table_of(study: Study, out: Path, **options: Any) -> pd.DataFrame:
    return pd.read_parquet(collect(study, out=out, **options).judgments)


def reply_of(*tokens: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": text, "logprob": math.log(p) if p else -math.inf} for text, p in tokens]
    return {"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}


def test_the_distributions_are_those_of_the_judge_in_this_process(
    data: dict[str, Any], tmp_path: Path
) -> None:
    own = table_of(Study.from_dict(data), tmp_path / "own")
    with serve(JUDGE) as server:
        run = collect(on_server(data, server), out=tmp_path / "served")
    served = pd.read_parquet(run.judgments)
    told = manifest(run)
    tally = told["sessions"][-1]["servers"]["judge"]
    assert tally["readings"] == len(own) == len(served) == 48
    assert tally["failed_calls"] == {}
    # Both read the same bits of a model of 32-bit floats; they batch its prompts in other ways.
    off = np.abs(own[P] - served[P]).to_numpy().sum(axis=1) / 2
    valid = np.abs(own["p_valid"] - served["p_valid"]).to_numpy()
    assert off.max() < 1e-5 + tally["largest_bound"]
    assert valid.max() < 1e-5 + tally["largest_bound"]
    assert tally["largest_bound"] < 0.01
    assert (own["rating"] == served["rating"]).all()
    assert set(told["models"]["judge"]) >= {"server", "served_as", "request", "served"}
    assert told["models"]["judge"]["request"]["max_tokens"] == 1
    sent = pd.read_json(run.prompts / "judge" / "0.jsonl.gz", lines=True, dtype=False)[
        "text"
    ].dropna()
    assert json.loads(sent.iloc[0])[-1]["role"] == "user"


def test_the_server_of_llama_cpp_python_gives_the_same(
    data: dict[str, Any], tmp_path: Path
) -> None:
    own = table_of(Study.from_dict(data), tmp_path / "own")
    with serve_really(JUDGE) as address:
        model = {"name": "judge", "server": address, "parallel": 2}
        run = collect(Study.from_dict({**data, "models": [model]}), out=tmp_path / "served")
    served = pd.read_parquet(run.judgments)
    tally = manifest(run)["sessions"][-1]["servers"]["judge"]
    assert tally["readings"] == len(own) == len(served) == 48
    assert tally["failed_calls"] == {}
    off = np.abs(own[[*P, "p_valid"]] - served[[*P, "p_valid"]]).to_numpy()
    assert off.max() < 1e-5 + tally["largest_bound"] < 0.01
    assert (own["rating"] == served["rating"]).all()


def test_with_a_short_list_the_truth_is_within_the_bound(
    data: dict[str, Any], tmp_path: Path
) -> None:
    study = Study.from_dict(data)
    own = table_of(study, tmp_path / "own").set_index(["condition", "item", "prompt"])
    unlisted = 0
    with serve(JUDGE) as server:
        judge = ServerJudge(server.address, name="judge", labels=LABELS, top_logprobs=3)
        for prompt in list(Schedule(study, study.load_items()))[::4]:
            reply = json.loads(server.complete(judge._request(prompt.chat)))
            listed = read_reply(reply, LABELS)
            row = own.loc[(prompt.condition, prompt.item, prompt.order)]
            truth = np.append(row[P].to_numpy(float) * row["p_valid"], 1 - row["p_valid"])
            q = listed.reading
            assert q.p_valid is not None
            found = np.append(np.array(q.probabilities) * q.p_valid, 1 - q.p_valid)
            assert np.abs(truth - found).sum() / 2 <= listed.bound + 1e-5
            assert min(q.probabilities) > 0
            unlisted += listed.unlisted
        judge.close()
    assert unlisted >= 12


def test_failures_that_pass_leave_no_trace_in_the_table(
    data: dict[str, Any], tmp_path: Path
) -> None:
    def fault(n: int) -> str | None:
        return SHARE_OF_FAULTS[n // 5 % 5] if n % 5 == 0 else None

    with serve(JUDGE) as server:
        good = table_of(on_server(data, server), tmp_path / "good")
    with serve(JUDGE, fault) as server:
        run = collect(on_server(data, server, parallel=8), out=tmp_path / "bad")
        assert server.most_at_once > 1
    bad = pd.read_parquet(run.judgments)
    failed = manifest(run)["sessions"][-1]["servers"]["judge"]["failed_calls"]
    assert set(failed) == {"connection", "malformed", "rate limit", "server error"}
    keys = ["condition", "item", "prompt"]
    assert (bad[keys] == good[keys]).all(axis=None)
    # The library reuses what two prompts in a row share, and the order of arrival differs.
    assert np.abs(bad[P] - good[P]).to_numpy().max() < 1e-5


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("500", r"no usable answer in 2 tries \(HTTP 500\)"),
        ("dropped", r"no usable answer in 2 tries \("),
        ("malformed", r"no usable answer in 2 tries \(the reply is no JSON\)"),
        ("without logprobs", r"unusable reply: it has no 'logprobs' where one was expected"),
        ("slow", r"no answer in 0.5 s"),
        ("dripping", r"no answer in 0.5 s"),
        ("429 for a day", r"no usable answer in 1 try \(HTTP 429: slow down\)"),
    ],
)
def test_a_server_that_stays_bad_stops_the_run_which_goes_on_later(
    data: dict[str, Any], tmp_path: Path, fault: str, expected: str
) -> None:
    data["conditions"] = data["conditions"][:2]
    out = tmp_path / "run"

    def broken(n: int) -> str | None:
        return fault if n > 10 and not mended else None

    mended = False
    with serve(JUDGE, broken) as server:
        study = on_server(data, server, tries=2, timeout=0.5, parallel=3)
        began = time.monotonic()
        with pytest.raises(StoppedError, match=expected) as stopped:
            collect(study, out=out)
        assert time.monotonic() - began < 10
        assert "everything collected before is kept" in str(stopped.value)
        mended = True
        progress = Recorder()
        run = collect(study, out=out, progress=progress)
    assert progress.begun == [(32, 10)]
    assert len(pd.read_parquet(run.judgments)) == 32


def test_what_the_server_refuses_is_not_tried_again(data: dict[str, Any], tmp_path: Path) -> None:
    with serve(JUDGE, lambda _: "404") as server:
        study = on_server(data, server, parallel=1)
        with pytest.raises(InputError, match=r"refuses the request \(HTTP 404: no such model\)"):
            collect(study, out=tmp_path / "run")
        assert server.requests == 1


def test_nobody_at_the_address(data: dict[str, Any], tmp_path: Path) -> None:
    with serve(JUDGE) as server:
        study = on_server(data, server)
    with pytest.raises(StoppedError, match=r"model 'judge': nobody answers \(Connection refused\)"):
        collect(study, out=tmp_path / "run")


def test_a_key_is_sent_and_neither_kept_nor_told(
    data: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data["conditions"] = data["conditions"][:2]
    out = tmp_path / "run"
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with serve(JUDGE, key=KEY) as server:
        study = on_server(data, server, key_env="JUDGE_KEY")
        with pytest.raises(InputError, match="environment variable 'JUDGE_KEY', which is to hold"):
            collect(study, out=out)
        monkeypatch.setenv("JUDGE_KEY", f"{KEY}x")
        with pytest.raises(InputError, match=r"HTTP 401: Incorrect API key: Bearer \*\*\*"):
            collect(study, out=out)
        monkeypatch.setenv("JUDGE_KEY", KEY)
        file = tmp_path / "study.toml"
        file.write_text(study.to_toml(), encoding="utf-8")
        assert main(["collect", str(file), "--out", str(out)]) == 0
    written = [p for p in out.rglob("*") if p.is_file()]
    assert len(written) > 5
    assert not [p for p in written if KEY.encode() in p.read_bytes()]
    told = capsys.readouterr()
    assert KEY not in told.out + told.err


def test_another_model_on_the_server_does_not_go_on(data: dict[str, Any], tmp_path: Path) -> None:
    with serve(JUDGE) as server:
        study = on_server(data, server)
        with pytest.raises(KeyboardInterrupt):
            collect(study, out=tmp_path / "run", progress=Recorder(stop_after=9))
        server.served = {"id": "judge", "meta": {"n_params": 7}}
        with pytest.raises(
            InputError,
            match=r"has another model than when the run began \(id judge, n_params 1082752; "
            r"now id judge, n_params 7\)",
        ):
            collect(study, out=tmp_path / "run")


def test_answers_without_a_rating_are_refusals(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Labels that the model never writes: its list has none of them.
    data["scale"] = {
        "labels": ["V", "W", "X", "Y", "Z"],
        "anchors": list("abcde"),
        "orders": ["forward"],
    }
    progress = Recorder()
    with serve(JUDGE) as server:
        table = table_of(
            on_server(data, server, top_logprobs=5), tmp_path / "run", progress=progress
        )
    empty = table[table["p1"].isna()]
    assert len(empty) > 0
    assert empty["rating"].isna().all()
    assert empty["p_valid"].max() < 0.5
    assert f"in {len(empty)} of 48 answers the server lists no rating" in " ".join(progress.notes)
    # All of it is in the journal too, so nothing is asked again.
    again = table_of(on_server(data, server, top_logprobs=5), tmp_path / "run")
    assert again.equals(table)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"path": "m.gguf"}, "a model has 'path' or 'server', not both"),
        ({"server": None}, "a model needs the key 'path', or 'server'"),
        ({"server": "127.0.0.1:80"}, "expected an address like 'http://127.0.0.1:8080/v1'"),
        ({"server": "http://me:secret@host"}, "the address holds a user name or a password"),
        ({"key_env": "sk-secret"}, "name of an environment variable, in capital letters"),
        ({"threads": 2}, "'threads' is for a model in a file, and this one is on a server"),
    ],
)
def test_unusable_tables_of_a_model(
    data: dict[str, Any], change: dict[str, Any], expected: str
) -> None:
    model = {"name": "m", "server": "http://127.0.0.1:8080"} | change
    data["models"] = [{k: v for k, v in model.items() if v is not None}]
    with pytest.raises(InputError, match=expected) as refused:
        Study.from_dict(data)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda d: d["conditions"][1].update(kind="adapter", path="a.gguf"),
            r"\[\[conditions\]\] 2 'promote': kind 'adapter' changes the weights or states",
        ),
        (
            lambda d: d["conditions"][1].update(kind="steering", path="a.gguf"),
            "kind 'steering' changes the weights or states of a model, which cannot be done to",
        ),
        (
            lambda d: d["conditions"][1].update(kind="checkpoint", path="a.gguf"),
            "kind 'checkpoint' changes the weights",
        ),
        (lambda d: d.update(readout={"mode": "generate"}), "mode 'generate' needs the model's"),
        (
            lambda d: d.update(scale={"labels": ["1", "10"], "anchors": ["a", "b"]}),
            "label '10' has 2 characters; from model 'm' on a server only the first token",
        ),
    ],
)
def test_what_a_server_cannot_do_is_refused(
    data: dict[str, Any], change: Callable[[dict[str, Any]], None], expected: str
) -> None:
    data["models"] = [{"name": "m", "server": "http://127.0.0.1:8080"}]
    data["conditions"][1].pop("text")
    data["conditions"][1]["kind"] = "persona"
    data["conditions"][1]["persona"] = "a clerk"
    change(data)
    if data["conditions"][1]["kind"] != "persona":
        del data["conditions"][1]["persona"]
    with pytest.raises(InputError, match=expected):
        Study.from_dict(data)


def test_labels_are_added_up_and_unlisted_ones_get_the_middle_of_what_they_can_have() -> None:
    reply = reply_of(("4", 0.5), (" 4", 0.1), ("\u25815", 0.2), ("Un", 0.1), ("3", 0.05))
    found = read_reply(reply, LABELS)
    # The list leaves .05 for two labels, and no token on it is less likely than that.
    unlisted = 0.05 / 2 / 2
    valid = 0.5 + 0.1 + 0.2 + 0.05 + 2 * unlisted
    expected = np.array([unlisted, unlisted, 0.05, 0.6, 0.2]) / valid
    np.testing.assert_allclose(found.reading.probabilities, expected, rtol=1e-12)
    assert found.reading.p_valid == pytest.approx(valid)
    assert (found.unlisted, found.bound) == (2, pytest.approx(0.05))


def test_a_list_without_labels_or_of_nothing_gives_no_distribution() -> None:
    found = read_reply(reply_of(("Un", 0.9), ("I", 0.06)), LABELS)
    assert found.reading.probabilities == ()
    assert found.reading.p_valid == pytest.approx(0.04 / 2)
    ended = {"choices": [{"logprobs": {"content": []}}]}
    assert read_reply(ended, LABELS).reading.p_valid is None
    assert read_reply(reply_of(("1", 0.0), ("Un", 1.0)), ("1", "2")).reading.probabilities == ()


@pytest.mark.parametrize(
    "logprob", [float("nan"), 1.0, 10**400, True, None, "x", float("inf"), []], ids=repr
)
def test_a_log_probability_that_is_none(logprob: Any) -> None:
    top = [{"token": "1", "logprob": logprob}]
    with pytest.raises(MalformedReplyError):
        read_reply({"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}, LABELS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3),
)
TOKEN = st.fixed_dictionaries(
    {"token": st.sampled_from(["1", " 2", "3\n", "", "Un"]) | JSON},
    optional={"logprob": st.floats(max_value=0) | JSON, "bytes": JSON},
)


@given(
    JSON
    | st.lists(TOKEN | JSON, max_size=6).map(
        lambda top: {"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]}
    )
)
def test_any_reply_is_read_or_called_malformed(reply: Any) -> None:
    try:
        found = read_reply(reply, LABELS)
    except MalformedReplyError:
        return
    p = found.reading.probabilities
    assert 0 <= found.bound <= 1
    assert p == () or (len(p) == 5 and sum(p) == pytest.approx(1))
    assert found.reading.p_valid is None or 0 <= found.reading.p_valid <= 1
