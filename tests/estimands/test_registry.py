"""The table of estimands: complete, true to the rows, and one call away."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated_studies import PLACEBO, RETEST, drawn_posterior, simulate_study

from vat_bayes.conditions import Condition
from vat_bayes.decide import decide, over_budget_rows, read_budget
from vat_bayes.errors import InputError
from vat_bayes.estimands import compute_estimands, explain, registry

DOCS = Path(__file__).parents[2] / "docs" / "estimands.md"
BUDGET = b"schema_version = 1\n[tax]\nmaximum = 0.1\n"


def test_every_row_is_defined_on_its_scale_and_every_definition_has_rows() -> None:
    shots = tuple(
        Condition(f"shots-{k}", "intervention", ("power",), dose=float(k), placebo="placebo")
        for k in (2, 4)
    )
    study = simulate_study(0, n_scenarios=6, conditions=(*shots, PLACEBO, RETEST))
    found = compute_estimands(drawn_posterior(study.judgments, draws=60))
    table = over_budget_rows(found.table, decide(found.draws, read_budget(BUDGET)))
    known = registry()
    for name, scale in table[["estimand", "scale"]].drop_duplicates().itertuples(index=False):
        assert name in known, name
        assert scale in known[name].scales, (name, scale)
    assert set(table["estimand"]) == set(known)


@pytest.mark.parametrize("name", registry())
def test_every_definition_is_whole_and_in_the_docs(name: str) -> None:
    found = explain(name)
    assert found.name == name
    for text in (found.label, found.definition, found.formula, found.source):
        assert text.strip()
    assert found.definition.endswith(".")
    assert len(found.units) == len(found.scales) >= 1
    assert str(found).startswith(f"{name}: {found.label}\n{found.definition}\n")
    assert f"`{name}`" in DOCS.read_text(encoding="utf-8")


def test_an_unknown_name_has_its_near_miss() -> None:
    with pytest.raises(InputError) as e:
        explain("tax-exces")
    assert str(e.value) == "no estimand is called 'tax-exces'; did you mean 'tax_excess'?"
    with pytest.raises(InputError) as e:
        explain("zzz")
    assert str(e.value) == "no estimand is called 'zzz'; `vat-bayes explain` lists them"
