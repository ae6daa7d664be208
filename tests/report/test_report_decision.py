from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from report_runs import Made
from test_report_html import EVIL, page_of

from vat_bayes.decide import decide, read_budget, record
from vat_bayes.errors import InputError
from vat_bayes.report.decision import decision, probability
from vat_bayes.report.run import load_run

MakeRun = Callable[..., Path]
ARMS = (
    Made("keeps", target=("power",), gain=0.6, spill=0.02),
    Made("close", target=("power",), gain=0.22, spill=0.02),
    Made("taxes", target=("power",), gain=0.6, spill=0.5),
)
BUDGET = b"""schema_version = 1
name = "release gate"
[gain]
minimum = 0.2
[tax]
maximum = 0.2
[protected.security]
maximum_loss = 2
"""


def judged(folder: Path, budget: bytes = BUDGET, *, used: int = 1) -> dict[str, Any]:
    """Decide on a made-up run and write the decision beside it, as the command does."""
    with xr.open_dataset(folder / "estimand_draws.nc") as draws:
        declared = read_budget(budget)
        found = record(declared, decide(draws, declared))
    found["budget"] |= {
        "file": "gate.toml",
        "file_changed": "2026-01-02T03:04:05+00:00",
        "first_used": "2026-02-03T04:05:06+00:00",
    }
    found["budgets_used"] = used
    (folder / "decision.json").write_text(json.dumps(found))
    return found


def test_without_a_budget_there_is_no_decision(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    assert decision(load_run(folder)) is None
    page = page_of(folder)
    assert "decision" not in [a.get("id") for _, a in page.tags]
    assert "Decision" not in page.text


def test_each_condition_has_its_verdict_and_every_clause(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    found = judged(folder)
    assert [d["verdict"] for d in found["decisions"]] == ["accept", "undecided", "reject"]
    page = page_of(folder)
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    assert sections[0] == "decision"
    assert "1 accepted, 1 undecided and 1 rejected" in page.text
    shown = decision(load_run(folder))
    assert shown is not None
    for d, v in zip(found["decisions"], shown.verdicts, strict=True):
        assert (v.condition, v.verdict) == (d["condition"], d["verdict"])
        cells = [[c.text for c in row] for row in v.clauses.rows]
        assert [row[1] for row in cells] == [
            *(probability(c["probability"]) for c in d["clauses"]),
            probability(d["joint_probability"]),
        ]
        assert [row[0] for row in cells] == [
            "Gain at least 0.2 points",
            "Tax (RMS) at most 0.2 points",
            "Loss of Security at most 2 points",
            "All clauses at once",
        ]
        for row in cells:
            assert all(text in page.text for text in row)


def test_the_budget_is_named_with_hash_and_times(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    found = judged(folder)
    text = page_of(folder).text
    for told in (
        found["budget"]["sha256"],
        "gate.toml",
        "2026-01-02 03:04:05 UTC",
        "2026-02-03 04:05:06 UTC",
    ):
        assert told in text
    assert "budgets have been used" not in text
    judged(folder, used=3)
    assert "Three budgets have been used on this run" in page_of(folder).text


def test_a_clause_without_a_probability_says_why(make_run: MakeRun) -> None:
    folder = make_run((Made("aimless", spill=0.02),))
    judged(folder)
    text = page_of(folder).text
    assert "can't be judged: no target declared" in text
    assert "1 undecided" in text


def test_a_fit_that_failed_after_the_decision_takes_it_back(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    judged(folder)
    failed = {"check": "r_hat", "verdict": "fail", "figure": 1.2, "threshold": 1.01, "why": "R-hat"}
    (folder / "checks.json").write_text(json.dumps([failed]))
    shown = decision(load_run(folder))
    assert shown is not None
    assert {v.verdict for v in shown.verdicts} == {"undecided"}
    assert {row[1].text for v in shown.verdicts for row in v.clauses.rows} == {probability(None)}


def test_the_names_of_a_decision_are_escaped(make_run: MakeRun) -> None:
    folder = make_run((Made(EVIL, target=("power",), gain=0.6),))
    judged(
        folder,
        f"name = {json.dumps(EVIL)}\n".encode() + BUDGET.replace(b'name = "release gate"\n', b""),
    )
    page = page_of(folder)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert f"By the budget \N{LEFT DOUBLE QUOTATION MARK} {EVIL}" in page.text


@pytest.mark.parametrize("content", ["[]", '{"verdict": "accept"}', '{"decisions": [1]}'])
def test_an_unreadable_decision_is_named(make_run: MakeRun, content: str) -> None:
    folder = make_run(ARMS)
    (folder / "decision.json").write_text(content)
    with pytest.raises(InputError, match=r"decision\.json"):
        page_of(folder)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.9499, "0.949"), (0.29, "0.290"), (0.95, "0.950"), (1.0, "> 0.999"), (0.0, "< 0.001")],
)
def test_a_probability_is_never_rounded_up(p: float, text: str) -> None:
    assert probability(p) == text


def test_what_is_required_of_all_clauses_stands_beside_them(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    judged(folder, BUDGET.replace(b"[gain]", b"joint_probability = 0.9\n[gain]"))
    shown = decision(load_run(folder))
    assert shown is not None
    last = [[c.text for c in v.clauses.rows[-1]][2:] for v in shown.verdicts]
    assert last == [["0.9", "reached"], ["0.9", "not reached"], ["0.9", "not reached"]]


def test_the_reason_words_a_clause_as_its_table_does(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    judged(folder)
    shown = decision(load_run(folder))
    assert shown is not None
    assert shown.verdicts[2].why.startswith("Tax (RMS) at most 0.2 points is broken with")
