from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from report_runs import STANDARD, Made

from vat_bayes.report import write_report
from vat_bayes.report.machine import summary
from vat_bayes.report.run import load_run

MakeRun = Callable[..., Path]


def _files(folder: Path) -> dict[str, bytes]:
    made = [folder / "report.html", folder / "summary.json", *(folder / "figures").iterdir()]
    return {p.name: p.read_bytes() for p in made}


def test_the_same_run_gives_the_same_bytes(make_run: MakeRun) -> None:
    folder = make_run(STANDARD[:2])
    assert write_report(folder) == folder / "report.html"
    first = _files(folder)
    write_report(str(folder))
    assert _files(folder) == first
    assert len(first) == 2 + 1 + 2 + 2 + 2


def test_figures_of_conditions_that_are_gone_go_and_other_files_stay(make_run: MakeRun) -> None:
    folder = make_run(STANDARD[:1])
    figures = folder / "figures"
    figures.mkdir()
    (figures / "forest-z-gone.svg").write_text("")
    (figures / "mine.svg").write_text("")
    write_report(folder)
    names = {p.name for p in figures.iterdir()}
    assert "forest-z-gone.svg" not in names
    assert "mine.svg" in names


def test_the_summary_gives_numbers_reasons_and_words(standard_run: Path) -> None:
    told = json.loads(json.dumps(summary(load_run(standard_run)), allow_nan=False))
    assert told["schema_version"] == 1
    assert told["checks"] == {"fail": 0, "warn": 1, "pass": 1, "not-run": 1}
    arms = {a["condition"]: a for a in told["arms"]}
    gain = arms["promote-benevolence"]["estimates"]["gain"]
    assert gain["lo"] < gain["median"] < gain["hi"]
    assert (gain["unit"], gain["status"], gain["level"]) == ("rating points", "ok", 0.9)
    ratio = arms["hint"]["estimates"]["tax_ratio"]
    assert (ratio["median"], ratio["status"]) == (None, "gain-not-resolved")
    assert arms["backfire"]["finding"]["tone"] == "wrong-way"
    assert arms["placebo"]["finding"] is None
    assert told["truth"] == {"compared": 80, "inside": 80}


def test_data_and_truth_may_be_given_instead_of_files(make_run: MakeRun) -> None:
    folder = make_run(STANDARD[:1], provenance=False)
    data = pd.DataFrame({"model": ["demo-judge"], "condition": ["baseline"], "rows": [12345]})
    truth = pd.DataFrame(
        {
            "condition": [STANDARD[0].name],
            "estimand": ["gain"],
            "value": [None],
            "truth": [0.41],
        }
    )
    text = write_report(folder, data=data, truth=truth).read_text()
    assert "12,345" in text
    assert "1 of 1 true values lies inside" in text


def test_importing_the_report_does_not_import_what_draws_it() -> None:
    code = (
        "import sys, vat_bayes.report; "
        "print(sorted({'matplotlib', 'jinja2'} & {m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_truth_that_lacks_a_column_is_refused(make_run: MakeRun) -> None:
    folder = make_run((Made("a"),))
    with pytest.raises(ValueError, match="truth are missing"):
        write_report(folder, truth=pd.DataFrame({"condition": [], "estimand": [], "value": []}))
