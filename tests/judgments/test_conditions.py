"""Roles, targets, references and placebos: from columns, from names, or from a study."""

from __future__ import annotations

import pandas as pd
import pytest
from judgment_tables import ITEMS, valid_table

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments


def table_of(conditions: list[dict[str, object]]) -> pd.DataFrame:
    """Return two ratings of every item under every condition of one model."""
    return pd.DataFrame(
        [
            {
                "model": "m",
                "item": item,
                "scenario": scenario,
                "value": value,
                "polarity": polarity,
                "rating": 1 + (i + j) % 4,
                **condition,
            }
            for i, condition in enumerate(conditions)
            for j, (item, scenario, value, polarity) in enumerate(ITEMS)
        ]
    )


def named(*names: str) -> pd.DataFrame:
    return table_of([{"condition": name} for name in names])


def test_columns_say_everything() -> None:
    judgments = load_judgments(
        table_of(
            [
                {"condition": "b", "role": "baseline"},
                {
                    "condition": "x",
                    "role": "intervention",
                    "target": "Self Direction; power",
                    "direction": -1,
                    "dose": 4,
                    "reference": "r",
                    "placebo": "p",
                },
                {"condition": "p", "role": "placebo"},
                {"condition": "r", "role": "retest"},
            ]
        )
    )
    assert judgments.conditions == (
        Condition("b", "baseline"),
        Condition("x", "intervention", ("self-direction", "power"), -1, 4.0, "r", "p"),
        Condition("p", "placebo"),
        Condition("r", "retest"),
    )


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("self direction", ("self-direction",)),
        ("power security", ("power", "security")),
        ("power,security , power", ("power", "security")),
        ("Tradition;conformity", ("tradition", "conformity")),
        (None, ()),
        ("none", ()),
    ],
)
def test_targets_are_separated_in_any_usual_way(
    target: str | None, expected: tuple[str, ...]
) -> None:
    table = table_of(
        [
            {"condition": "b", "role": "baseline"},
            {"condition": "x", "role": "intervention", "target": target},
        ]
    )
    assert load_judgments(table).condition("x").target == expected


def test_conditions_are_sorted_by_role_dose_and_name_whatever_the_rows() -> None:
    table = table_of(
        [
            {"condition": "z", "role": "placebo", "dose": None},
            {"condition": "x-10", "role": "intervention", "dose": 10},
            {"condition": "a", "role": "intervention", "dose": None},
            {"condition": "x-2", "role": "intervention", "dose": 2},
            {"condition": "m", "role": "baseline", "dose": None},
        ]
    )
    names = [c.name for c in load_judgments(table).conditions]
    assert names == ["m", "x-2", "x-10", "a", "z"]


def test_names_give_roles_where_one_is_called_baseline() -> None:
    judgments = load_judgments(named("Baseline", "be-kind", "placebo-2", "retest", "placebos"))
    assert {c.name: c.role for c in judgments.conditions} == {
        "Baseline": "baseline",
        "be-kind": "intervention",
        "placebo-2": "placebo",
        "retest": "retest",
        "placebos": "intervention",
    }
    assert (
        "there is no column 'role': by their names the conditions are read 'Baseline' as baseline, "
        "'be-kind' as intervention, 'placebo-2' as placebo, 'placebos' as intervention, "
        "'retest' as retest"
    ) in judgments.notes


def test_a_misspelt_baseline_is_a_near_miss() -> None:
    with pytest.raises(InputError, match="did you mean 'base-line'") as told:
        load_judgments(named("base-line", "be-kind"))
    assert "no column 'role', no study, and no condition called 'baseline'" in str(told.value)


def placebos(*doses: float | None) -> list[Condition]:
    return [Condition(f"p{i}", "placebo", dose=dose) for i, dose in enumerate(doses, start=1)]


@pytest.mark.parametrize(
    ("declared", "among", "expected"),
    [
        ("p2", placebos(None, None), "p2"),
        (None, placebos(None), "p1"),
        (None, placebos(2, 4, 8), "p2"),
        (None, placebos(4, 4), None),
        (None, placebos(2, 8), None),
        (None, [], None),
    ],
)
def test_placebos_are_resolved(
    declared: str | None, among: list[Condition], expected: str | None
) -> None:
    conditions = [
        Condition("b", "baseline"),
        Condition("x", "intervention", dose=4.0, placebo=declared),
        *among,
    ]
    judgments = load_judgments(named(*(c.name for c in conditions)), conditions=conditions)
    assert judgments.condition("x").placebo == expected
    unresolved = [n for n in judgments.notes if "placebo" in n]
    assert len(unresolved) == (expected is None)


def test_a_placebo_must_be_there_for_every_model_of_the_intervention() -> None:
    full = table_of(
        [
            {"condition": "b", "role": "baseline"},
            {"condition": "x", "role": "intervention"},
            {"condition": "p", "role": "placebo"},
        ]
    )
    judgments = load_judgments(pd.concat([full, full[full["condition"] != "p"].assign(model="n")]))
    assert judgments.condition("x").placebo is None
    assert "intervention 'x' has no placebo: no placebo in every model" in judgments.notes


def test_a_column_filled_in_every_row_does_not_give_the_baseline_a_target() -> None:
    table = valid_table().assign(target="power")
    table["reference"] = table["condition"].where(table["condition"] == "plain")
    judgments = load_judgments(table)
    assert judgments.condition("plain") == Condition("plain", "baseline")
    assert judgments.condition("kind").target == ("power",)
    assert "the target and placebo of baseline 'plain' are not used" in judgments.notes


def test_given_conditions_keep_their_order_and_replace_the_columns() -> None:
    given = [
        Condition("filler", "placebo"),
        Condition("later", "intervention"),
        Condition("kind", "intervention", ("Power",), -1),
        Condition("plain", "baseline"),
    ]
    judgments = load_judgments(valid_table(), conditions=given)
    assert judgments.conditions == (
        Condition("filler", "placebo"),
        Condition("kind", "intervention", ("power",), -1, placebo="filler"),
        Condition("plain", "baseline"),
    )
    assert "no judgments for condition 'later'" in judgments.notes
    assert (
        "columns not used, because the conditions were given: 'role', 'target'" in judgments.notes
    )


PLAIN, KIND = Condition("plain", "baseline"), Condition("kind", "intervention")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            [PLAIN, KIND],
            "data frame, row 49, column 'condition': condition 'filler' is not in the study, "
            "which has 'plain', 'kind'",
        ),
        (
            [PLAIN, KIND, Condition("fillers", "placebo")],
            "data frame, row 49, column 'condition': condition 'filler' is not in the study, "
            "which has 'plain', 'kind', 'fillers'; did you mean 'fillers'?",
        ),
        ([PLAIN, PLAIN, KIND], "conditions: condition 'plain' is given twice"),
        (
            [PLAIN, KIND, Condition("filler", "placebos")],  # type: ignore[arg-type]
            "condition 'filler': found role 'placebos', expected one of baseline, intervention, "
            "placebo, retest; did you mean 'placebo'?",
        ),
        (
            [PLAIN, KIND, Condition("filler", "placebo", direction=0)],
            "condition 'filler': found direction 0, expected 1 (promote) or -1 (suppress)",
        ),
        (
            [PLAIN, KIND, Condition("filler", "placebo", dose=float("nan"))],
            "condition 'filler': found dose nan, expected a finite number",
        ),
        (
            [PLAIN, KIND, Condition("filler", "placebo", target=("kindness",))],
            "condition 'filler', target: 'kindness' is not one of the ten values (self-direction, "
            "stimulation, hedonism, achievement, power, security, conformity, tradition, "
            "benevolence, universalism)",
        ),
    ],
)
def test_given_conditions_that_do_not_fit_are_refused(
    given: list[Condition], sentence: str
) -> None:
    with pytest.raises(InputError) as told:
        load_judgments(valid_table(), conditions=given)
    assert str(told.value) == sentence
