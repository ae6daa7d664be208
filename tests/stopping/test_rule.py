"""The grammar of the rule, and the order in which scenarios are collected."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from vat_bayes.errors import InputError
from vat_bayes.items import load_items
from vat_bayes.stopping import Decided, Width, ordered_scenarios, parse_rule, widths


def test_a_rule_is_read_and_written_back() -> None:
    rule = parse_rule("width(gain)<.1 and  width( shift[Security] , kind one ) < 0.2 and decided")
    assert rule.clauses == (
        Width("gain", "", "", 0.1),
        Width("shift", "security", "kind one", 0.2),
        Decided(),
    )
    assert rule.needs_decision
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "can't be read; expected width(gain) < 0.1"),
        ("width(gain) <= 0.1", "can't be read"),
        ("width(gain) < 0.1 or decided", "can't be read from 'or decided' on"),
        ("width(gain) < 0.1 and", "can't be read"),
        ("decidedly", "can't be read"),
        ("width(gian) < 0.1", "did you mean 'gain'?"),
        ("width(gain) < wide", "the bound 'wide', expected a number of rating points above 0"),
        ("width(gain) < -1", "the bound '-1'"),
        ("width(gain[power]) < 1", "names a value for gain"),
        ("width(shift[secruity]) < 1", "did you mean 'security'?"),
    ],
)
def test_a_mistake_gives_one_sentence(text: str, message: str) -> None:
    with pytest.raises(InputError) as found:
        parse_rule(text)
    assert message in str(found.value)


def test_the_widest_interval_counts() -> None:
    even = np.linspace(0, 1, 1001)
    draws = xr.Dataset(
        {"gain": (("sample", "arm"), np.stack([even, 3 * even, 9 * even, even * np.nan], 1))},
        coords={
            "arm": ["a", "b", "c", "d"],
            "value": ["power"],
            "arm_model": ("arm", ["m"] * 4),
            "arm_condition": ("arm", ["a", "b", "c", "d"]),
            "arm_role": ("arm", ["intervention", "intervention", "placebo", "intervention"]),
        },
    )
    (clause,) = parse_rule("width(gain) < 2.8").widths
    found = widths(draws, clause)
    assert (found.condition, found.holds) == ("b", True)
    assert found.width == pytest.approx(2.7)
    (named,) = parse_rule("width(gain, a) < 0.5").widths
    assert widths(draws, named).width == pytest.approx(0.9)
    with pytest.raises(InputError, match="no fitted condition is called that"):
        widths(draws, Width("gain", "", "e", 1.0))
    with pytest.raises(InputError, match="no condition has a target"):
        widths(draws, Width("gain", "", "d", 1.0))


def test_every_beginning_of_the_order_is_balanced_and_random() -> None:
    items = load_items("core")
    order = ordered_scenarios(items, seed=3)
    judged = items.judged().table.drop_duplicates("scenario").set_index("scenario")["topic"]
    assert sorted(order) == sorted(judged.index)
    for n in (6, 15, 30):
        assert (
            judged[list(order[:n])].value_counts().reindex(judged.unique()).fillna(0).agg(np.ptp)
            <= 1
        )
    assert ordered_scenarios(items, seed=3) == order
    assert ordered_scenarios(items, seed=4) != order
    shuffled = type(items)(items.table.sample(frac=1, random_state=0), items.loadings, items.source)
    assert ordered_scenarios(shuffled, seed=3) == order
