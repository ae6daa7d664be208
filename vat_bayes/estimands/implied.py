"""What a model's priors say about the estimands before any data: the prior in rating points."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr

from vat_bayes.conditions import Condition
from vat_bayes.estimands import tax
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.shifts import compute_shifts
from vat_bayes.model.build import Design, describe_condition
from vat_bayes.model.coupling import offdiagonal_norm
from vat_bayes.model.prior_draws import draw_prior
from vat_bayes.model.priors import ModelSpec, Readout
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import reduce_scores
from vat_bayes.model.structure import Arm, Structure
from vat_bayes.model.tree import DIMS
from vat_bayes.values import VALUES

_TARGET = "benevolence"
_DRAWS = 4000


@dataclass(frozen=True)
class ImpliedPrior:
    """Prior draws of the main estimands of an intervention with one target.

    Parameters
    ----------
    gain, tax_rms : ndarray, shape (sample,)
        In rating points. `tax_rms` is the plain root mean square: a prior has no error to take off.
    nvat_offdiag : ndarray, shape (sample,)
        Root mean square of the couplings.
    n_categories : int
        K.
    """

    gain: Floats
    tax_rms: Floats
    nvat_offdiag: Floats
    n_categories: int

    def summary(self, level: float = 0.9) -> dict[str, dict[str, float]]:
        """Return median and equal-tailed range of the sizes.

        Parameters
        ----------
        level : float
            Probability of the range.

        Returns
        -------
        dict
            ``median``, ``lo`` and ``hi`` of ``gain_size`` (the absolute gain), ``tax_rms`` and
            ``nvat_offdiag``.
        """
        tails = ((1 - level) / 2, 0.5, (1 + level) / 2)
        found = {
            "gain_size": np.abs(self.gain),
            "tax_rms": self.tax_rms,
            "nvat_offdiag": self.nvat_offdiag,
        }
        out = {}
        for name, draws in found.items():
            lo, median, hi = (float(x) for x in np.quantile(draws, tails))
            out[name] = {"median": median, "lo": lo, "hi": hi}
        return out


def implied_prior(
    spec: ModelSpec, readout: Readout, *, n_categories: int = 5, seed: int = 0
) -> ImpliedPrior:
    """Sample the prior and put it through the estimands' own g-computation.

    The design has a supporting and a violating item of each value, one wording, no repeats and no
    sub-values, one intervention with one target, and two audited models where the model pools them.

    Parameters
    ----------
    spec : ModelSpec
    readout : {"ratings", "scores"}
    n_categories : int
        K.
    seed : int

    Returns
    -------
    ImpliedPrior
    """
    design = _design(n_categories, 2 if "model_scale" in spec.priors(readout) else 1)
    chosen = design if readout == "ratings" else _scores(design)
    draws = draw_prior(chosen, spec, _DRAWS, seed=seed)
    shifts = compute_shifts(_tree(design.structure, draws, spec, readout)).points[:, 0]
    return ImpliedPrior(
        gain=tax.gain(shifts, (_TARGET,), 1),
        tax_rms=tax.tax_rms(shifts, tax.off_target((_TARGET,)), pooled=True),
        nvat_offdiag=offdiagonal_norm(draws["coupling"][:, 0]),
        n_categories=n_categories,
    )


def _design(n_categories: int, n_models: int) -> RatingsDesign:
    models = tuple(f"model-{i + 1}" for i in range(n_models))
    condition = Condition("intervention", "intervention", (_TARGET,))
    loading = np.vstack([np.eye(len(VALUES)), -np.eye(len(VALUES))])
    structure = Structure(
        models=models,
        arms=tuple(Arm(f"{m}: intervention", i, condition) for i, m in enumerate(models)),
        values=VALUES,
        scenarios=("scenario",),
        items=tuple(f"item-{i + 1}" for i in range(len(loading))),
        prompts=("wording",),
        loading=loading,
        item_scenario=np.zeros(len(loading), dtype=np.int64),
        n_categories=n_categories,
    )
    none = np.zeros(0, dtype=np.int64)
    return RatingsDesign(structure, none, none, none, np.zeros((0, n_categories), dtype=np.int64))


def _scores(design: RatingsDesign) -> Design:
    s = design.structure
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    return reduce_scores(s, state, item, np.zeros(len(state)))


def _tree(s: Structure, draws: dict[str, Floats], spec: ModelSpec, readout: Readout) -> xr.DataTree:
    posterior = xr.Dataset(
        {
            name: (("chain", "draw", *DIMS[name]), values[None])
            for name, values in draws.items()
            if name in DIMS
        },
        coords={"model": list(s.models), "value": list(s.values)},
    )
    data = xr.Dataset({"loading": (("item", "value"), s.loading)})
    tree: xr.DataTree = xr.DataTree.from_dict({"posterior": posterior, "constant_data": data})
    arms = [
        {"label": a.label, "model": s.models[a.model], **describe_condition(a.condition)}
        for a in s.arms
    ]
    tree.attrs = {
        "readout": "ratings" if readout == "ratings" else "distribution",
        "arms": json.dumps(arms),
        "identical_arms": "[]",
        **spec.attributes(readout),
    }
    return tree
