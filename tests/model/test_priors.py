"""Model files: what is read, and one line for whatever cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from vat_bayes.bundled import model_path
from vat_bayes.errors import InputError
from vat_bayes.model import Prior, load_spec

DEFAULT = model_path("bayes", "default.toml").read_text(encoding="utf-8")


def refusal(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "own.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        load_spec(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


@pytest.mark.parametrize("version", ["2", "true", '"1"'])
def test_another_version_of_the_file_is_refused(tmp_path: Path, version: str) -> None:
    line = refusal(tmp_path, f"schema_version = {version}\n")
    assert "'schema_version' is " in line
    assert "expected 1" in line


def test_bundled_model_is_read_and_printed() -> None:
    spec = load_spec()
    assert spec.name == "default"
    assert spec.ratings["delta"] == Prior("normal", 1.5)
    assert spec.scale("scores", "noise") == 0.5
    assert str(spec.ratings["theta"]) == "Normal(0, 1.5)"
    assert str(spec.ratings["u_scale"]) == "HalfNormal(0.7)"
    assert str(spec.ratings["cutpoint"]) == "Dirichlet(2)"


def test_own_file_changes_one_prior(tmp_path: Path) -> None:
    path = tmp_path / "wide.toml"
    changed = DEFAULT.replace("theta = { normal = 1.5", "theta = { normal = 3", 1)
    path.write_text(changed, encoding="utf-8")
    assert load_spec(path).scale("ratings", "theta") == 3.0
    assert load_spec(str(path)).scale("scores", "theta") == 1.5


def test_unknown_bundled_name_has_a_near_miss() -> None:
    with pytest.raises(InputError, match="did you mean 'default'"):
        load_spec("defualt")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_spec(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[ratings]", "[rating]", "unknown key 'rating'; did you mean 'ratings'?"),
        ("kappa_scale =", "kapa_scale =", "unknown parameter 'kapa_scale'; did you mean 'kappa"),
        ("beta = { normal = 0.5", "# beta = {", "the prior of 'beta' is missing"),
        ("theta = { normal", "theta = { half_normal", "'theta' must be written { normal = <sc"),
        ("theta = {", "theta = 1.5 # {", "'theta' must be written { normal = <scale> }, found 1.5"),
        ("theta = { normal = 1.5", "theta = { normal = 1.5, sd = 2", "'theta' must be written"),
        (
            "delta = { normal",
            "delta = { circl",
            "{ exchangeable = <scale> } or { circle = <scale> }",
        ),
        (
            "delta = { normal = 1.5",
            "delta = { circle = 1, slope = 0",
            "the slope of 'delta' must be a",
        ),
        (
            "delta = { normal = 1.5",
            "delta = { exchangeable = 1, slope = 1",
            "'delta' must be written",
        ),
        ("beta = { normal = 0.5", "beta = { fixed = 1", "'beta' can only be fixed at 0, found 1"),
        ("[ratings]", "[ratings]\nscenario = { student_t = 2 }", "more than 2 degrees of freedom"),
        ("[scores]", "[scores]\nsubvalue_scale = { half_normal = 1 }", "unknown parameter 'subval"),
        (
            "[ratings]",
            "link = 'probbit'\n[ratings]",
            "unknown link 'probbit', expected one of logistic, probit; did you me",
        ),
        ("theta = { normal = 1.5", "theta = { normal = -1.5", "must be a positive number, found"),
        ("theta = { normal = 1.5", "theta = { normal = 0", "must be a positive number, found 0"),
        ("theta = { normal = 1.5", "theta = { normal = nan", "must be a positive number, found"),
        ("theta = { normal = 1.5", "theta = { normal = true", "must be a positive number, found"),
        ("theta = { normal = 1.5", "theta = { normal = '1'", "must be a positive number, found"),
        ("[ratings]", "[ratings", "not a TOML file"),
    ],
)
def test_unusable_entries(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in DEFAULT
    assert expected in refusal(tmp_path, DEFAULT.replace(old, new, 1))


def test_not_text(tmp_path: Path) -> None:
    assert "not a TOML file" in refusal(tmp_path, b"\xff\xfe\x00binary")


def test_section_that_is_no_table(tmp_path: Path) -> None:
    assert "expected a table of priors" in refusal(tmp_path, "ratings = 3\n")
