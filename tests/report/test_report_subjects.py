from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from test_report_html import Page, page_of

from vat_bayes.estimands import registry
from vat_bayes.report import subjects as module
from vat_bayes.report.run import load_run
from vat_bayes.report.subjects import subjects

EXTRA = {
    "tax_structural": ("", "points", "Tax and its parts"),
    "p_worst_loss": ("security", "probability", "Tax and its parts"),
    "hub": ("power", "correlation", "Coupling: hubs and how unequal they are"),
    "trajectory_gain": ("hint", "points", "Trajectories over the dose"),
    "p_beats": ("a~b", "probability", "Conditions compared with each other"),
    "style_extremity": ("power", "points", "Response style by value"),
    "tax_rms_bootstrap": ("", "points", "Classical and bootstrap twins"),
    "something_new": ("", "points", "Others"),
}


@pytest.fixture
def full_run(standard_run: Path, tmp_path: Path) -> Path:
    """Return the standard run with a row of every subject."""
    for name in ("estimand_draws.nc", "checks.json", "study.toml"):
        (tmp_path / name).write_bytes((standard_run / name).read_bytes())
    table = pd.read_csv(standard_run / "estimands.csv", dtype=str, keep_default_na=False)
    one = table[table["estimand"] == "gain"].iloc[0].to_dict()
    rows = [
        one | {"estimand": name, "value": value, "scale": scale, "status": "ok"}
        for name, (value, scale, _) in EXTRA.items()
    ]
    rows.append(one | {"scale": "latent"})
    pd.concat([table, pd.DataFrame(rows)]).to_csv(tmp_path / "estimands.csv", index=False)
    return tmp_path


def test_each_estimate_stands_under_its_subject_with_its_definition(full_run: Path) -> None:
    found = {s.title: s for s in subjects(load_run(full_run))}
    for name, (_, _, title) in EXTRA.items():
        said = [row[1].text for row in found[title].table.rows]
        label = registry()[name].label if name in registry() else "Something new"
        assert any(text.startswith(label) for text in said)
        assert (name in [d.name for d in found[title].definitions]) == (name in registry())
    assert [r[1].text for r in found["Gain on other scales"].table.rows] == ["Gain, latent"]
    assert "Probability of beating another condition: a~b" in [
        r[1].text for r in found["Conditions compared with each other"].table.rows
    ]


def test_every_estimand_is_shown_in_one_place_and_none_is_forgotten() -> None:
    grouped = [n for _, names in module._SUBJECTS for n in names]
    assert len(grouped) == len(set(grouped))
    forgotten = set(registry()) - set(grouped) - module._ELSEWHERE
    assert forgotten == set()
    assert set(grouped) | module._ELSEWHERE <= set(registry())


def test_definitions_open_without_a_script(full_run: Path) -> None:
    page = page_of(full_run)
    for name in EXTRA:
        if name in registry():
            assert " ".join(registry()[name].definition.split()) in page.text
    assert _count(page, "details", "subject") == len(subjects(load_run(full_run)))
    assert _count(page, "dl", "terms") == len(
        [s for s in subjects(load_run(full_run)) if s.definitions]
    )
    assert not any(tag == "details" and "open" in a for tag, a in _subjects(page))


def _subjects(page: Page) -> list[tuple[str, dict[str, str | None]]]:
    return [(tag, a) for tag, a in page.tags if a.get("class") == "subject"]


def _count(page: Page, tag: str, name: str) -> int:
    return sum(t == tag and a.get("class") == name for t, a in page.tags)
