"""Shifts in points against brute force: new scenarios and new items simulated one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit
from simulated_studies import (
    PLACEBO,
    V,
    drawn_posterior,
    irregular_ratings,
    irregular_scores,
    simulate_study,
)

from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.estimands.shifts import compute_shifts
from vat_bayes.model.access import array
from vat_bayes.model.build import Prepared

COPIES = 6000
ARM_MODEL = (0, 0, 1)


def irregular_tree(
    readout: str, *, rich: bool = False, labels: bool = False
) -> tuple[xr.DataTree, Any]:
    rng = np.random.default_rng(11)
    design: Any = (
        irregular_scores(rng) if readout == "scores" else irregular_ratings(rng, rich=rich)
    )
    s = design.structure
    none = np.zeros((s.n_states, len(s.items)))
    prepared = Prepared(design, ("baseline", "baseline"), none, (), ())
    fixed = {}
    if labels:
        shape = (1, 2, s.n_states, len(s.prompts), s.n_categories - 1)
        fixed["state_cutpoint"] = np.sort(rng.normal(0, 1.5, shape), axis=-1)
    return drawn_posterior(prepared, chains=1, draws=2, fixed=fixed), design


def one_draw(tree: xr.DataTree) -> dict[str, np.ndarray]:
    return {str(k): array(tree, "posterior", str(k))[0, 1] for k in tree["posterior"].data_vars}


def brute_force(
    tree: xr.DataTree, design: Any, arm: int, *, style: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Shift of every value and its Monte Carlo error: each item anew, in a new scenario."""
    rng = np.random.default_rng(arm)
    p, w, m = one_draw(tree), design.structure.loading, ARM_MODEL[arm]
    shape = (COPIES, len(w))
    alpha = p["alpha_scale"][m] * rng.normal(size=(*shape, V))
    factor = np.linalg.cholesky(p["coupling"][arm])
    u = p["u_scale"][arm] * (rng.normal(size=(*shape, V)) @ factor.T)
    kappa = p["kappa_scale"][m] * rng.normal(size=shape)
    before = (w * (p["theta"][m] + alpha)).sum(-1) + kappa
    after = before + (w * (p["delta"][arm] + u)).sum(-1)
    if "prompt_shift_scale" in p:
        wording = p["prompt_shift_scale"][arm] * rng.normal(size=(*shape, V))
        after = after + (w * wording).sum(-1)
    sharp = 1.0
    if style:
        after, sharp = after + p["beta"][arm], np.exp(p["lambda_"][arm])
    if "level" in p:
        difference = sharp * (after + p["level"][m]) - (before + p["level"][m])
    else:
        if "repeat_scale" in p:
            before = before + p["repeat_scale"][m] * rng.normal(size=shape)
            after = after + p["repeat_scale"][m] * rng.normal(size=shape)
        before_cut = after_cut = p["cutpoint"][m]
        if "prompt" in p:
            prompt = rng.integers(len(p["prompt"][m]), size=shape)
            moved = p["prompt"][m][prompt]
            before, after = before + moved, after + moved
        if "state_cutpoint" in p:
            # Style is the use of the labels too: without it the baseline's.
            after_state = len(p["theta"]) + arm if style else m
            before_cut, after_cut = (p["state_cutpoint"][k][prompt] for k in (m, after_state))
        difference = expit((after[..., None] - after_cut) * sharp).sum(-1) - expit(
            before[..., None] - before_cut
        ).sum(-1)
    copies = difference @ w / np.abs(w).sum(0)
    return copies.mean(0), copies.std(0) / np.sqrt(COPIES)


@pytest.mark.parametrize("readout", ["scores", "ratings", "rich", "labels"])
@pytest.mark.parametrize("arm", [0, 2])
def test_points_are_what_new_items_of_new_scenarios_show(readout: str, arm: int) -> None:
    tree, design = irregular_tree(
        "scores" if readout == "scores" else "ratings",
        rich=readout in ("rich", "labels"),
        labels=readout == "labels",
    )
    shifts = compute_shifts(tree)
    expected, error = brute_force(tree, design, arm)
    assert error.max() < 0.02
    assert np.abs((shifts.points[1, arm] - expected) / error).max() < 4.5
    expected, error = brute_force(tree, design, arm, style=False)
    assert np.abs((shifts.adjusted[1, arm] - expected) / error).max() < 4.5
    np.testing.assert_array_equal(shifts.latent[1, arm], one_draw(tree)["delta"][arm])


def test_balanced_scores_have_a_closed_form() -> None:
    # With as many supporting as violating items response style leaves only the sharpness behind.
    tree = drawn_posterior(simulate_study(2, n_scenarios=4).judgments, draws=20)
    shifts = compute_shifts(tree)
    theta, delta, lambda_ = (
        array(tree, "posterior", n).reshape(40, -1) for n in ("theta", "delta", "lambda_")
    )
    for arm in (0, 1):
        sharp = np.exp(lambda_[:, arm, None])
        mine = delta[:, 10 * arm : 10 * arm + 10]
        np.testing.assert_allclose(
            shifts.points[:, arm], sharp * (theta + mine) - theta, atol=1e-12
        )
        np.testing.assert_allclose(shifts.adjusted[:, arm], mine, atol=1e-12)
        np.testing.assert_allclose(
            shifts.extremity[:, arm], (sharp - 1) * (theta + mine), atol=1e-12
        )


@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_another_reference_is_subtracted(readout: str) -> None:
    against = Condition("promote", "intervention", ("benevolence",), reference="placebo")
    plain = Condition("promote", "intervention", ("benevolence",))
    found = []
    for condition in (plain, against):
        study = simulate_study(
            3, readout=readout, n_scenarios=5, conditions=(condition, PLACEBO)
        ).judgments
        found.append(compute_estimands(drawn_posterior(study, draws=20)))
    baseline, placebo = found
    own = baseline.draws["shift"].sel(arm="promote") - baseline.draws["shift"].sel(arm="placebo")
    np.testing.assert_allclose(placebo.draws["shift"].sel(arm="promote"), own, atol=1e-12)
    np.testing.assert_array_equal(
        placebo.draws["shift"].sel(arm="placebo"), baseline.draws["shift"].sel(arm="placebo")
    )

    # Beside the placebo the tax is an excess already, and is not set against the placebo again.
    for estimands, status in ((baseline, "ok"), (placebo, "is-reference")):
        t = estimands.table[estimands.table["condition"] == "promote"]
        assert t.loc[t["estimand"] == "tax_excess", "status"].tolist() == [status]
        twins = t["estimand"].isin(["tax_excess_classical", "tax_excess_bootstrap"])
        assert twins.sum() == (2 if status == "ok" else 0)

    def twin(estimands: Any, arm: str) -> np.ndarray:
        t = estimands.table
        rows = t[(t["estimand"] == "shift_classical") & (t["condition"] == arm)]
        return rows["mean"].to_numpy(dtype=float)

    np.testing.assert_allclose(
        twin(placebo, "promote"), twin(baseline, "promote") - twin(baseline, "placebo"), atol=1e-12
    )
