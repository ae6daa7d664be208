"""`vat-bayes model list` and `model show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vat_bayes.bundled import model_path
from vat_bayes.cli import main
from vat_bayes.model.equations import write_model
from vat_bayes.model.priors import bundled_models, load_spec

NAMES = sorted(p.stem for p in model_path("bayes").glob("*.toml"))


def test_list_names_every_model_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["models"]
    assert sorted(m["name"] for m in listed) == NAMES
    assert listed[0]["name"] == "default"
    assert all(m["why"] for m in listed)
    assert main(["model", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_prior_of_every_model_has_a_reason_and_a_symbol(name: str) -> None:
    spec = load_spec(name)
    assert spec.name == name
    assert spec.why
    for readout in ("ratings", "scores"):
        written = write_model(spec, readout)
        assert {row.parameter for row in written.priors} == set(spec.priors(readout))
        for row in written.priors:
            assert row.why
            # What has a prior stands in an equation, unless it is fixed at zero.
            if spec.priors(readout)[row.parameter].family != "fixed":
                symbol = "g_ms" if row.parameter == "scenario" else row.symbol
                # What a condition adds has its prior in the condition's own units.
                symbol = symbol.removeprefix("exp(λ_a) ")
                body = " ".join(text for text, _ in written.equations)
                assert symbol in body or symbol.split(",")[0] in body
        for _, tex in written.equations:
            assert tex.count("{") == tex.count("}")
            assert tex.isascii()


def test_show_prints_equations_priors_and_what_they_imply(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["model", "show", "minimal", "--readout", "distribution"]) == 0
    text = capsys.readouterr().out
    assert "y_ic = (η_ic + μ_m) + e_ic" in text
    assert "response style is left out" in text
    # |N(0, 1)|: median .67 and 95 % point 1.96, in points of a scale of five.
    line = next(x for x in text.splitlines() if "|gain|" in x)
    median, hi = float(line.split("median ")[1].split(",")[0]), float(line.rsplit(" ", 1)[1])
    assert median == pytest.approx(0.674, abs=0.05)
    assert hi == pytest.approx(1.96, abs=0.1)


def test_show_as_data_and_as_latex(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.toml"
    own.write_text(model_path("bayes", "circle.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["model", "show", str(own), "--format", "json", "--readout", "distribution"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["distribution"]["implied"]["n_categories"] == 5
    assert "ratings" not in data
    assert main(["model", "show", "circle", "--format", "latex"]) == 0
    latex = capsys.readouterr().out
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["circel"], "no bundled statistical model is called 'circel'"),
        (["circle", "--readout", "rating"], "unknown read-out 'rating', expected one of ratings, "),
        (
            ["circle", "--format", "html"],
            "unknown format 'html', expected one of text, latex",
        ),
    ],
)
def test_what_cannot_be_shown(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", "show", *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_default_comes_first() -> None:
    assert bundled_models()[0] == "default"
