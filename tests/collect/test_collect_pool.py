"""Several servers for one model: each one's failures are its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import Loopback, serve
from test_collect_run import manifest

from vat_bayes.bundled import model_path
from vat_bayes.collect import StoppedError, collect
from vat_bayes.errors import InputError
from vat_bayes.study import Study

JUDGE = model_path("judges", "core-judge.gguf")


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Loopback, Loopback]]:
    """Return two servers with the bundled judge."""
    with serve(JUDGE) as first, serve(JUDGE) as second:
        yield first, second


@pytest.fixture
def servers(pair: tuple[Loopback, Loopback]) -> tuple[Loopback, Loopback]:
    """Return the two servers as they were at the beginning."""
    for server in pair:
        server.fault, server.requests = (lambda _: None), 0
        server.served = {"id": "judge", "meta": {"n_params": 1_082_752}}
    return pair


@pytest.fixture
def study(study_data: dict[str, Any], servers: tuple[Loopback, Loopback]) -> Study:
    """Return a study of 16 judgments on both servers."""
    model = {"name": "judge", "endpoints": [s.address for s in servers], "tries": 3}
    return Study.from_dict(
        study_data
        | {
            "models": [model],
            "conditions": study_data["conditions"][:1],
            "scale": {"orders": ["forward"]},
        }
    )


def told(study: Study, out: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    run = collect(study, out=out)
    servers = manifest(run)["sessions"][-1]["servers"]["judge"]
    return pd.read_parquet(run.judgments), servers


def test_both_are_asked_and_one_may_fail(
    study: Study, servers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    first, second = servers
    whole, tally = told(study, tmp_path / "both")
    assert [e["answers"] for e in tally["endpoints"].values()] == [first.requests, second.requests]
    assert min(first.requests, second.requests) > 0
    assert first.requests + second.requests == len(whole) == 16
    second.fault = lambda _: "500"
    found, tally = told(study, tmp_path / "one")
    pd.testing.assert_frame_equal(found, whole)
    assert tally["endpoints"][first.address] == {"answers": 16, "failed_calls": {}}
    failing = tally["endpoints"][second.address]
    assert failing["answers"] == 0
    assert 1 <= failing["failed_calls"]["server error"] == tally["failed_calls"]["server error"]
    # One that refuses is asked no more than once by each thread.
    second.fault, second.requests = (lambda _: "404"), 0
    found, tally = told(study, tmp_path / "refused")
    pd.testing.assert_frame_equal(found, whole)
    assert second.requests <= 4
    assert "no such model" in tally["endpoints"][second.address]["left_out"]


def test_one_comes_back_when_it_has_rested(
    study: Study, servers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    first, second = servers
    first.fault = lambda _: "404"
    second.fault = lambda n: "dropped" if n == 1 else None
    began = time.monotonic()
    found, tally = told(study, tmp_path / "run")
    assert time.monotonic() - began > 1
    assert tally["endpoints"][second.address]["answers"] == len(found) == 16


def test_nobody_there(study: Study, servers: tuple[Loopback, Loopback], tmp_path: Path) -> None:
    for server in servers:
        server.fault = lambda n: "500" if n > 4 else None
    data = study.to_dict()
    # As often as there are servers, so that none has to rest before the end.
    data["models"][0]["tries"] = 2
    study = Study.from_dict(data)
    with pytest.raises(StoppedError, match=r"no endpoint gave a usable answer in 2 tries"):
        collect(study, out=tmp_path / "run")
    for server in servers:
        server.fault = lambda _: None
    kept = sum(server.requests for server in servers)
    assert len(told(study, tmp_path / "run")[0]) == 16
    # What was answered before is not asked again.
    assert sum(server.requests for server in servers) - kept <= 8
    data["models"][0]["endpoints"] = ["http://127.0.0.1:9", "http://127.0.0.1:9/v1"]
    with pytest.raises(StoppedError, match="nobody answers"):
        collect(Study.from_dict(data), out=tmp_path / "other")


def test_what_does_not_fit_together_is_refused(
    study: Study, servers: tuple[Loopback, Loopback], tmp_path: Path
) -> None:
    servers[1].served = {"id": "judge", "meta": {"n_params": 7}}
    with pytest.raises(InputError, match="the endpoints have different models"):
        collect(study, out=tmp_path / "run")
    data = study.to_dict()
    for endpoints, expected in (
        ([], "'endpoints' is empty"),
        (["http://a", "http://a/"], "has an address twice"),
        (["here"], "expected an address like"),
    ):
        data["models"][0]["endpoints"] = endpoints
        with pytest.raises(InputError, match=expected):
            Study.from_dict(data)
    data["models"][0] |= {"endpoints": ["http://a"], "server": "http://b"}
    with pytest.raises(InputError, match="'server' or 'endpoints', not both"):
        Study.from_dict(data)
