from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from vat_bayes.errors import InputError
from vat_bayes.report.estimates import Estimate, Estimates, read_estimands, tidy


def row(**changes: object) -> dict[str, object]:
    return {
        "model": "m",
        "condition": "c",
        "target": "power",
        "estimand": "gain",
        "value": "",
        "scale": "points",
        "mean": 0.4,
        "sd": 0.05,
        "median": 0.41,
        "lo": 0.33,
        "hi": 0.5,
        "level": 0.9,
        "p_positive": 1.0,
        "status": "ok",
        "n_scenarios": 48,
    } | changes


def test_a_number_comes_with_its_interval_and_unit() -> None:
    e = Estimates(tidy(pd.DataFrame([row()]))).get("m", "c", "gain", scale="points")
    assert e.text == "0.41 [0.33, 0.50]"
    assert e.phrase == "0.41 rating points [0.33, 0.50]"
    assert e.sign == 1
    assert e.flipped().text == "−0.41 [−0.50, −0.33]"


def test_a_clear_sign_is_not_rounded_to_zero() -> None:
    e = Estimates(tidy(pd.DataFrame([row(lo=0.0021, hi=0.6)]))).get("m", "c", "gain")
    assert e.text == "0.410 [0.002, 0.600]"


def test_a_classical_row_without_a_median_shows_its_mean() -> None:
    table = tidy(pd.DataFrame([row(estimand="gain_classical", median="")]))
    assert Estimates(table).get("m", "c", "gain_classical").centre == 0.4


def test_a_withheld_row_tells_why_whatever_its_scale() -> None:
    empty = dict.fromkeys(("mean", "sd", "median", "lo", "hi", "p_positive"), "")
    table = tidy(pd.DataFrame([row(**empty, scale="", status="no-target")]))
    e = Estimates(table).get("m", "c", "gain", scale="points")
    assert not e.known
    assert e.sign == 0
    assert e.text == "no target declared"


def test_a_failed_fit_withholds_the_posterior_and_keeps_the_classical_twin() -> None:
    table = tidy(pd.DataFrame([row(), row(estimand="gain_classical")]))
    estimates = Estimates(table, withheld="not-converged")
    assert not estimates.get("m", "c", "gain").known
    assert estimates.get("m", "c", "gain").status == "not-converged"
    assert estimates.get("m", "c", "gain_classical").known


def test_a_number_in_a_row_that_did_not_converge_is_never_shown() -> None:
    table = tidy(pd.DataFrame([row(status="not-converged")]))
    assert math.isnan(Estimates(table).get("m", "c", "gain").centre)


def test_a_row_that_is_not_there_is_not_estimated() -> None:
    e = Estimates(tidy(pd.DataFrame([row()]))).get("m", "c", "tax_ratio")
    assert e == Estimate("tax_ratio", "", "")
    assert e.text == "not estimated"


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match=r"status.*missing"):
        tidy(pd.DataFrame([row()]).drop(columns="status"))


def test_a_bad_number_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "estimands.csv"
    pd.DataFrame([row(), row(lo="low")]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"estimands.csv, row 2, column lo: 'low'"):
        read_estimands(path)


def test_a_condition_called_na_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "estimands.csv"
    pd.DataFrame([row(condition="NA"), row(condition="null")]).to_csv(path, index=False)
    assert list(read_estimands(path)["condition"]) == ["NA", "null"]
