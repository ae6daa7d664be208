"""What the fast engine takes, and its result in the form that every engine has."""

from __future__ import annotations

from vat_bayes.model.priors import ModelSpec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Samples, Settings

# Cells and scenarios from which `auto` takes the fast engine: below, NUTS takes minutes and needs
# no approximation.
LARGE_CELLS, LARGE_SCENARIOS = 10_000, 100
# And cells up to which its diagnostics are complete; see `vat_bayes.model.fast.ratios`.
MOST_CELLS = 40_000
# Every pattern of missing data adds one matrix to each step of the sampler.
_MOST_PATTERNS = 8


def refusal(design: RatingsDesign, spec: ModelSpec) -> str | None:
    """Say why the fast engine does not take a fit.

    Parameters
    ----------
    design : RatingsDesign
    spec : ModelSpec

    Returns
    -------
    str or None
        The end of a sentence that begins with "the fast engine does not fit"; None when it takes
        the fit.
    """
    if design.has_prompts:
        return "ratings with several prompts"
    if design.has_repeats:
        return "repeated ratings of an item in one condition"
    beyond = spec.departures("ratings", design.structure)
    if beyond:
        return f"ratings with this model's {', '.join(beyond)}"
    from vat_bayes.model.fast.data import split_models
    from vat_bayes.model.fast.engine import patterns

    most = max(len(patterns(data)[1]) for data in split_models(design))
    if most > _MOST_PATTERNS:
        return f"data with {most} patterns of scenarios that lack a condition or a value"
    return None


def preference(design: RatingsDesign) -> str | None:
    """Say why ``auto`` takes NUTS although the fast engine could fit.

    Parameters
    ----------
    design : RatingsDesign

    Returns
    -------
    str or None
        None where it tries the fast engine first.
    """
    cells = len(design.cell_state)
    if cells < LARGE_CELLS or len(design.structure.scenarios) < LARGE_SCENARIOS:
        return "the data are small enough"
    if cells > MOST_CELLS:
        return "at this size the fast engine cannot be held against the likelihood"
    return None


def sample_fast(
    design: RatingsDesign, spec: ModelSpec, settings: Settings
) -> tuple[Samples, dict[str, object], bool]:
    """Sample the posterior by the fast engine and diagnose it.

    Parameters
    ----------
    design : RatingsDesign
        One that `refusal` has nothing against.
    spec : ModelSpec
    settings : Settings

    Returns
    -------
    Samples
    dict
        The diagnosis as attributes of the posterior.
    bool
        Whether the fit can be trusted.
    """
    from vat_bayes.model.devices import provide_devices

    provide_devices(settings.chains)
    import jax

    from vat_bayes.model.fast.data import split_models
    from vat_bayes.model.fast.density import shape_of
    from vat_bayes.model.fast.diagnose import diagnose
    from vat_bayes.model.fast.effects import EffectDraws
    from vat_bayes.model.fast.engine import SAMPLER, fit_fast

    data, shape = split_models(design), shape_of(design.structure, spec)
    with jax.enable_x64(True):
        fitted = fit_fast(data, shape, settings)
        diagnosis = diagnose(fitted, shape, seed=settings.seed)
    effects = EffectDraws(design.structure, shape, tuple(data), fitted, settings.seed)
    samples = Samples(fitted.draws, fitted.stats, SAMPLER, effects)
    return samples, diagnosis.attributes(), diagnosis.trusted
