"""Studies simulated from the measurement model, and raw parameters for every backend.

Everything here is written from the model's formulas with numpy and scipy alone, so that it shares
no code with what it tests but the array containers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from scipy.linalg import sqrtm
from scipy.special import expit, logit

from vat_bayes.conditions import Condition
from vat_bayes.judgments import Judgments, load_judgments
from vat_bayes.model.build import Prepared, prepare
from vat_bayes.model.priors import ModelSpec, load_spec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Samples
from vat_bayes.model.scores import ScoresDesign, reduce_scores
from vat_bayes.model.structure import Arm, Structure
from vat_bayes.model.tree import build_tree
from vat_bayes.values import VALUES

V = len(VALUES)
TARGETED = Condition("promote", "intervention", ("benevolence",), placebo="placebo")
PLACEBO = Condition("placebo", "placebo")
RETEST = Condition("retest", "retest")
BASELINE = Condition("baseline", "baseline")


def factorial_structure(
    n_scenarios: int,
    conditions: tuple[Condition, ...] = (TARGETED, PLACEBO),
    *,
    n_categories: int = 5,
    prompts: tuple[str, ...] = ("forward",),
    values: tuple[str, ...] = VALUES,
) -> Structure:
    """One supporting and one violating item of every value in every scenario, one model."""
    cells = [(s, v, p) for s in range(n_scenarios) for v in values for p in (1, -1)]
    loading = np.zeros((len(cells), V))
    for i, (_, v, p) in enumerate(cells):
        loading[i, VALUES.index(v)] = p
    return Structure(
        models=("m",),
        arms=tuple(Arm(c.name, 0, c) for c in conditions),
        values=VALUES,
        scenarios=tuple(f"s{s:03d}" for s in range(n_scenarios)),
        items=tuple(f"s{s:03d}/{v}{p:+d}" for s, v, p in cells),
        prompts=prompts,
        loading=loading,
        item_scenario=np.array([s for s, _, _ in cells]),
        n_categories=n_categories,
    )


def irregular_structure(rng: np.random.Generator, *, n_prompts: int = 1) -> Structure:
    """Two models with different arms, scenarios of 1 to 14 items, items on one to three values."""
    sizes = [1, 3, 14, 6, 6, 9]
    scenario = np.repeat(np.arange(len(sizes)), sizes)
    loading = np.zeros((len(scenario), V))
    for row in loading:
        on = rng.choice(V, size=rng.integers(1, 4), replace=False)
        row[on] = rng.choice([-1.0, 1.0, 0.5, -0.7], size=len(on))
    # Two scenarios with the same loadings share a pattern.
    loading[scenario == 4] = loading[scenario == 3]
    arms = (
        Arm("a: promote", 0, TARGETED),
        Arm("a: placebo", 0, PLACEBO),
        Arm("b: promote", 1, TARGETED),
    )
    return Structure(
        models=("a", "b"),
        arms=arms,
        values=VALUES,
        scenarios=tuple(f"s{s}" for s in range(len(sizes))),
        items=tuple(f"i{i:02d}" for i in range(len(scenario))),
        prompts=tuple(f"p{i}" for i in range(n_prompts)),
        loading=loading,
        item_scenario=scenario,
        n_categories=5,
    )


def unlike_scenarios(rng: np.random.Generator) -> Structure:
    """Scenarios of three items each, no two with the same loadings, items in any order."""
    s = irregular_structure(rng)
    n = len(s.items) // 3
    return replace(
        s,
        scenarios=tuple(f"s{i:02d}" for i in range(n)),
        item_scenario=rng.permutation(np.repeat(np.arange(n), 3)),
    )


def shuffled_items(rng: np.random.Generator, n_scenarios: int) -> Structure:
    """The factorial structure with its items in any order."""
    s = factorial_structure(n_scenarios)
    order = rng.permutation(len(s.items))
    return replace(
        s,
        items=tuple(s.items[i] for i in order),
        loading=s.loading[order],
        item_scenario=s.item_scenario[order],
    )


def raw_parameters(s: Structure, rng: np.random.Generator, readout: str) -> dict[str, Any]:
    """A random point in the backends' own (constrained, non-centred) coordinates."""
    m, a, n = len(s.models), len(s.arms), V
    raw = {
        "theta": rng.normal(0, 0.7, (m, n)),
        "delta": rng.normal(0, 0.5, (a, n)),
        "beta": rng.normal(0, 0.2, a),
        "lambda_": rng.normal(0, 0.2, a),
        "alpha_scale": rng.uniform(0.2, 0.6, m),
        "kappa_scale": rng.uniform(0.2, 0.6, m),
        "u_scale": rng.uniform(0.1, 0.5, (a, n)),
        "coupling_scale": rng.uniform(0.1, 0.5, a),
        "partial_raw": rng.normal(size=(a, n * (n - 1) // 2)),
    }
    if readout == "scores":
        return raw | {
            "level": rng.normal(0, 0.3, m),
            "noise": rng.uniform(0.1, 0.4, s.n_states),
        }
    raw |= {
        "share": rng.dirichlet(np.full(s.n_categories, 5.0), m),
        "u_raw": rng.normal(size=(a, len(s.scenarios), n)),
        "item_raw": rng.normal(size=(m, len(s.items))),
    }
    return raw


def add_prompts_and_repeats(
    s: Structure, rng: np.random.Generator, raw: dict[str, Any]
) -> dict[str, Any]:
    """Add the effects that a design with several prompts and repeats has."""
    m = len(s.models)
    return raw | {
        "prompt_scale": rng.uniform(0.1, 0.4, m),
        "prompt_raw": rng.normal(size=(m, len(s.prompts))),
        "prompt_shift_scale": rng.uniform(0.1, 0.4, len(s.arms)),
        "prompt_shift_raw": rng.normal(size=(len(s.arms), len(s.prompts), V)),
        "repeat_scale": rng.uniform(0.1, 0.4, m),
        "repeat_raw": rng.normal(size=(s.n_states, len(s.items))),
    }


def coupling_matrix(scale: float, partial_raw: np.ndarray) -> np.ndarray:
    """Correlation matrix from canonical partial correlations, element by element.

    Joe (2006): below the diagonal ``L_ij = p_ij sqrt(prod_{k<j} (1 - p_ik^2))``.
    """
    partial = np.tanh(scale * partial_raw)
    lower = np.zeros((V, V))
    position = 0
    for i in range(V):
        left = 1.0
        for j in range(i):
            lower[i, j] = partial[position] * np.sqrt(left)
            left *= 1 - partial[position] ** 2
            position += 1
        lower[i, i] = np.sqrt(left)
    return lower @ lower.T


def item_intercepts(s: Structure, raw: dict[str, Any]) -> np.ndarray:
    """Apply the root of each scenario's covariance, by a Schur decomposition."""
    out = np.zeros_like(raw["item_raw"])
    precision = raw.get("scenario_precision", np.ones((len(s.models), len(s.scenarios))))
    for m, scenario in np.ndindex(*precision.shape):
        here = s.item_scenario == scenario
        w = s.loading[here]
        own = raw["kappa_scale"][m] ** 2 * np.eye(len(w))
        shared = raw["alpha_scale"][m] ** 2 / precision[m, scenario] * (w @ w.T)
        out[m, here] = sqrtm(own + shared).real @ raw["item_raw"][m, here]
    return out


def natural_parameters(s: Structure, raw: dict[str, Any]) -> dict[str, np.ndarray]:
    """What the reference likelihoods take, from the raw coordinates."""
    coupling = np.stack(
        [
            coupling_matrix(w, z)
            for w, z in zip(raw["coupling_scale"], raw["partial_raw"], strict=True)
        ]
    )
    out = {**raw, "coupling": coupling}
    if "share" not in raw:
        return out
    out["cutpoint"] = logit(np.cumsum(raw["share"], 1)[:, :-1])
    # The reference adds alpha and kappa up, and so takes their sum for one of them.
    out["alpha"] = np.zeros((len(s.models), len(s.scenarios), V))
    out["kappa"] = out["intercept"] = item_intercepts(s, raw)
    factor = np.linalg.cholesky(coupling)
    out["u"] = np.stack(
        [
            np.array([raw["u_scale"][a] * (factor[a] @ z) for z in raw["u_raw"][a]])
            for a in range(len(s.arms))
        ]
    )
    if "prompt_raw" in raw:
        out["prompt"] = raw["prompt_scale"][:, None] * raw["prompt_raw"]
        scale = raw["prompt_shift_scale"][:, None, None]
        out["prompt_shift"] = scale * raw["prompt_shift_raw"]
    if "repeat_raw" in raw:
        out["repeat"] = raw["repeat_scale"][s.state_model][:, None] * raw["repeat_raw"]
    return out


def log_prior(s: Structure, spec: ModelSpec, raw: dict[str, Any], readout: str) -> float:
    """Log-density of the raw coordinates under the priors of the model file, with scipy."""
    point = (s.n_categories - 1) / 4
    scaled = {"level", "theta", "delta", "beta", "alpha_scale", "kappa_scale", "u_scale", "noise"}
    # What an arm adds has its prior in the arm's own units.
    added = {"delta", "beta", "u_scale", "prompt_shift_scale", "subvalue_shift_scale"}
    own = np.exp(-np.asarray(raw.get("lambda_", np.zeros(len(s.arms)))))
    priors = spec.scores if readout == "scores" else spec.ratings
    total = 0.0
    for name, value in raw.items():
        if name == "share":
            total += sum(
                stats.dirichlet(np.full(s.n_categories, priors["cutpoint"].scale)).logpdf(row)
                for row in value
            )
        elif name.endswith("_raw"):
            total += stats.norm.logpdf(value).sum()
        else:
            prior = priors[name.rstrip("_")]
            scale = prior.scale * (point if readout == "scores" and name in scaled else 1.0)
            family = stats.halfnorm if prior.family == "half_normal" else stats.norm
            if name in added:
                total += sum(
                    family(scale=scale * w).logpdf(x).sum() for w, x in zip(own, value, strict=True)
                )
            else:
                total += family(scale=scale).logpdf(value).sum()
    return float(total)


def irregular_scores(rng: np.random.Generator) -> ScoresDesign:
    """Scores with gaps: some items missing in some states, one scenario missing in one state."""
    s = irregular_structure(rng)
    present = rng.random((s.n_states, len(s.items))) > 0.1
    present[:, s.item_scenario >= 3] = True
    present[s.n_states - 1, s.item_scenario == 3] = False
    present[0, s.item_scenario == 1] = False
    state, item = np.nonzero(present)
    return reduce_scores(s, state, item, rng.normal(0, 0.8, len(state)))


def irregular_ratings(rng: np.random.Generator, *, rich: bool) -> RatingsDesign:
    """Rating counts with gaps; ``rich`` has two prompts and repeated ratings."""
    s = irregular_structure(rng, n_prompts=2 if rich else 1)
    state, item, prompt = np.nonzero(rng.random((s.n_states, len(s.items), len(s.prompts))) > 0.15)
    n = rng.integers(1, 4, len(state)) if rich else np.ones(len(state), dtype=int)
    counts = np.stack([rng.multinomial(k, rng.dirichlet(np.ones(5))) for k in n])
    return RatingsDesign(s, state, item, prompt, counts)


@dataclass(frozen=True)
class Simulated:
    """A simulated study with the shifts in points that it was simulated with."""

    judgments: Judgments
    shift: dict[str, np.ndarray]  # condition -> (value,)
    coupling: dict[str, np.ndarray]


def simulate_study(
    seed: int,
    *,
    readout: str = "scores",
    n_scenarios: int = 16,
    conditions: tuple[Condition, ...] = (TARGETED, PLACEBO),
    delta: dict[str, np.ndarray] | None = None,
    repeats: int = 1,
    noise: float = 0.15,
    partial: float = 0.5,
    values: tuple[str, ...] = VALUES,
) -> Simulated:
    """Simulate judgments from the measurement model, with response style in the interventions.

    ``scores`` are written as probabilities of two neighbouring ratings on a scale of 11, wide
    enough that nothing is cut off; ``ratings`` are drawn on a scale of 5.
    """
    rng = np.random.default_rng(seed)
    k = 11 if readout == "scores" else 5
    s = factorial_structure(n_scenarios, conditions, n_categories=k, values=values)
    scenario, w = s.item_scenario, s.loading
    theta = rng.normal(0, 0.5, V)
    alpha = rng.normal(0, 0.3, (n_scenarios, V))
    kappa = rng.normal(0, 0.4, len(s.items))
    cut = np.array([-2.0, -0.7, 0.7, 2.0])
    frames, shift, coupling = [], {}, {}
    for state, condition in enumerate((BASELINE, *conditions)):
        d, u, beta, sharp = np.zeros(V), np.zeros((n_scenarios, V)), 0.0, 1.0
        if state:
            if delta is not None:
                d = delta[condition.name]
            elif condition.role == "intervention":
                d = rng.normal(0, 0.25, V)
                for target in condition.target:
                    d[VALUES.index(target)] = condition.direction * 1.2
            matrix = coupling_matrix(partial, rng.normal(size=V * (V - 1) // 2))
            u = 0.3 * rng.normal(size=(n_scenarios, V)) @ np.linalg.cholesky(matrix).T
            if condition.role == "intervention":
                beta, sharp = 0.1, np.exp(-0.1)
            coupling[condition.name] = matrix
        eta = (w * (theta + d + alpha[scenario] + u[scenario])).sum(1) + kappa + beta
        table = pd.DataFrame(
            {
                "model": "m",
                "condition": condition.name,
                "item": s.items,
                "scenario": np.array(s.scenarios)[scenario],
                "value": [VALUES[v] for v in np.abs(w).argmax(1)],
                "polarity": w.sum(1).astype(int),
            }
        )
        if readout == "scores":
            score = sharp * (eta + 0.1) + noise * rng.normal(size=len(eta))
            shift[condition.name] = sharp * (theta + d) - theta
            expected = score + (k + 1) / 2
            low = np.floor(expected).astype(int)
            p = np.zeros((len(table), k))
            p[np.arange(len(p)), low - 1] = low + 1 - expected
            p[np.arange(len(p)), low] = expected - low
            table["rating"] = p.argmax(1) + 1
            table = table.assign(**{f"p{j + 1}": p[:, j] for j in range(k)})
            frames.append(table)
        else:
            cumulative = expit((cut - eta[:, None]) * sharp)
            for replicate in range(repeats):
                drawn = 1 + (rng.random((len(eta), 1)) > cumulative).sum(1)
                frames.append(table.assign(rating=drawn, replicate=replicate))
            spread = np.sqrt(0.3**2 + 0.4**2 + (0.3**2 if state else 0.0))
            up, down = (
                _mean_score(sign * (theta + d) + beta, spread, sharp, cut) for sign in (1, -1)
            )
            shift[condition.name] = (up - down) / 2
            if state:
                shift[condition.name] = shift[condition.name] - shift["baseline"]
    judgments = load_judgments(
        pd.concat(frames, ignore_index=True), conditions=(BASELINE, *conditions), n_categories=k
    )
    return Simulated(judgments, shift, coupling)


def _mean_score(centre: np.ndarray, spread: float, sharp: float, cut: np.ndarray) -> np.ndarray:
    """Expected rating (up to a constant) with normal scatter around a centre, on a fine grid."""
    reach = np.linspace(-8, 8, 2001)
    weight = stats.norm.pdf(reach)
    eta = centre[:, None, None] + spread * reach[:, None]
    return (expit((eta - cut) * sharp).sum(-1) * weight).sum(-1) / weight.sum()


def drawn_posterior(
    data: Judgments | Prepared,
    *,
    seed: int = 0,
    chains: int = 2,
    draws: int = 150,
    spread: float = 0.1,
    fixed: dict[str, Any] | None = None,
) -> xr.DataTree:
    """A posterior whose draws are known by construction: one random point plus normal noise.

    ``fixed`` replaces draws, each of shape (chain, draw, ...). What comes after sampling is a
    function of the draws and can be tested on any; fits are tested where they are made.
    """
    rng = np.random.default_rng(seed)
    prepared = prepare(data) if isinstance(data, Judgments) else data
    design = prepared.design
    s = design.structure
    is_scores = isinstance(design, ScoresDesign)
    readout = "scores" if is_scores else "ratings"
    centre = raw_parameters(s, rng, readout)
    if not is_scores and (design.has_prompts or design.has_repeats):
        centre = add_prompts_and_repeats(s, rng, centre)
        unused = ("prompt" if not design.has_prompts else "none") + "_"
        centre = {k: v for k, v in centre.items() if not k.startswith(unused)}
    raw = {
        name: (np.abs if name.endswith("_scale") or name == "noise" else np.asarray)(
            value + spread * rng.normal(size=(chains, draws, *np.shape(value)))
        )
        for name, value in centre.items()
        if name != "share"
    }
    if not is_scores:
        raw["share"] = rng.dirichlet(np.full(s.n_categories, 50.0), (chains, draws, len(s.models)))
    raw |= fixed or {}
    flat = {name: x.reshape(-1, *x.shape[2:]) for name, x in raw.items()}
    points = [
        natural_parameters(s, {name: x[i] for name, x in flat.items()})
        for i in range(chains * draws)
    ]
    kept = {
        name: np.stack([p[name] for p in points]).reshape(chains, draws, *np.shape(points[0][name]))
        for name in points[0]
    } | (fixed or {})
    shape = (chains, draws)
    stats_ = {
        "diverging": np.zeros(shape, dtype=bool),
        "energy": rng.normal(size=shape),
        "n_steps": np.full(shape, 7),
        "tree_depth": np.full(shape, 3),
        "acceptance_rate": np.full(shape, 0.9),
    }
    n_arms = len(s.arms)
    scale = np.abs(rng.normal(0, 0.3, (200, n_arms)))
    prior = {
        "coupling_scale": scale,
        "coupling": np.stack(
            [[coupling_matrix(w, rng.normal(size=V * (V - 1) // 2)) for w in row] for row in scale]
        ),
        "delta": rng.normal(size=(200, n_arms, V)),
        "lambda_": np.zeros((200, n_arms)),
    }
    samples = Samples(kept, stats_, "by construction")
    return build_tree(prepared, samples, prior, {"seed": seed}, spec=load_spec())
