"""Random effects put back beside the parameters, for replicated data."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from vat_bayes.model.coupling import coupling_root
from vat_bayes.model.fast.data import ModelRatings
from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.engine import Fitted
from vat_bayes.model.fast.items import item_moments, kappa_slopes, predictor
from vat_bayes.model.fast.posterior import shape_effects
from vat_bayes.model.intercepts import intercepts
from vat_bayes.model.structure import Floats, Structure


@dataclass(frozen=True)
class EffectDraws:
    """Draws the effects of scenarios and items given draws of the parameters.

    The effects of a scenario are drawn from their normal approximation at the centre, moved by what
    the draw's means say; how their covariance changes with the draw is left out. The item effects
    are normal given those.

    Parameters
    ----------
    structure : Structure
    shape : Shape
    data : tuple of ModelRatings
    fitted : Fitted
    seed : int
    """

    structure: Structure
    shape: Shape
    data: tuple[ModelRatings, ...]
    fitted: Fitted
    seed: int

    def __call__(self, draws: dict[str, Floats]) -> dict[str, Floats]:
        """Draw the effects.

        Parameters
        ----------
        draws : dict of str to ndarray, shape (draw, ...)

        Returns
        -------
        dict of str to ndarray
            ``u (draw, arm, scenario, value)`` and ``intercept (draw, model, item)``, as the full
            model has them.
        """
        s = self.structure
        n, v = len(draws["theta"]), len(s.values)
        rng = np.random.default_rng(self.seed)
        # Scenarios and items without a rating have their prior.
        alpha = rng.normal(size=(n, len(s.models), len(s.scenarios), v))
        alpha *= draws["alpha_scale"][:, :, None, None]
        kappa = rng.normal(size=(n, len(s.models), len(s.items)))
        kappa *= draws["kappa_scale"][:, :, None]
        half = draws["u_scale"][..., None] * coupling_root(draws["coupling"])
        raw = rng.normal(size=(n, len(s.arms), len(s.scenarios), v))
        u = np.einsum("davw,dasw->dasv", half, raw)
        for m, data in enumerate(self.data):
            effects, kappas = self._one_model(m, draws, rng)
            means = np.concatenate([draws["theta"][:, m, None], draws["delta"][:, data.arms]], 1)
            about = effects - means[:, None]
            alpha[:, m, data.scenarios] = about[:, :, 0]
            for j, arm in enumerate(data.arms):
                u[:, arm, data.scenarios] = about[:, :, 1 + j]
            kappa[:, m, data.items] = kappas
        return {"u": u, "intercept": intercepts(s, alpha, kappa)}

    def _one_model(
        self, m: int, draws: dict[str, Floats], rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Effects (draw, scenario, state, value) and item effects (draw, item) of one model."""
        work, centre = self.fitted.works[m], self.fitted.surrogates[m].centre
        posterior = work.posterior
        assert posterior is not None
        arms = self.data[m].arms
        n = len(draws["theta"])
        mean = np.concatenate([draws["theta"][:, m, None], draws["delta"][:, arms]], 1)
        moved = mean.reshape(n, -1) - np.asarray(centre.mean)
        pulled = moved @ np.linalg.inv(np.asarray(centre.covariance))
        mode, covariance = np.asarray(posterior.mode), np.asarray(posterior.covariance)
        z = rng.normal(size=(n, *mode.shape))
        root = np.linalg.inv(np.asarray(posterior.factor))
        # Scenario by scenario, so that every product is one of large matrices.
        flat = np.stack(
            [x + pulled @ c + z[:, s] @ r for s, (x, c, r) in
             enumerate(zip(mode, covariance, root, strict=True))], 1,
        )  # fmt: skip
        with jax.enable_x64(True):
            style = centre.style
            here = shape_effects(work.ratings, posterior.mode)
            at_mode = item_moments(work.ratings, here, style, curvature=False)
            slope = np.asarray(kappa_slopes(work.ratings, here, style))
            by_draw = jax.jit(
                lambda x, beta: predictor(
                    work.ratings, shape_effects(work.ratings, x), style._replace(beta=beta)
                )
            )
            eta = np.asarray(by_draw(posterior.mode, style.beta))
            kappas = [
                np.asarray(at_mode.kappa_mean)
                + (slope * (np.asarray(by_draw(jnp.asarray(x), jnp.asarray(b))) - eta)).sum(1)
                for x, b in zip(flat, draws["beta"][:, arms], strict=True)
            ]
        noise = np.asarray(at_mode.kappa_sd) * rng.normal(size=(n, len(eta)))
        return flat.reshape(n, len(mode), 1 + len(arms), -1), np.stack(kappas) + noise
