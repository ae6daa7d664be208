"""Programs that data sets share: their own data each, and never somebody else's constants."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import potential_energy

from benchmarks.validation.sbc import ONE_ARM
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.model.backends import numpyro
from vat_bayes.model.build import prepare
from vat_bayes.model.chains import _unconstrained
from vat_bayes.model.priors import load_spec
from vat_bayes.model.program import _programs as programs_kept
from vat_bayes.model.program import take_out_data
from vat_bayes.simulate import simulate

X = np.arange(3.0)


def test_functions_that_differ_in_their_data_share_a_program_and_keep_their_results():
    first, second = (take_out_data(lambda x, d=d: (x * d).sum(), X) for d in (X + 1.0, X - 5.0))
    assert first.key == second.key
    run = jax.jit(first.without_data())
    assert run(first.data, X) == (X * (X + 1.0)).sum()
    assert run(second.data, X) == (X * (X - 5.0)).sum()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda x: (x * 2.0000001).sum(), id="literal"),
        pytest.param(lambda x: (x * np.array([2.0, 2.0, 2.0])).sum(), id="array-for-literal"),
        pytest.param(lambda x: (2.0 * x).max(), id="operation"),
        pytest.param(lambda x: jax.jit(lambda y: y * 3.0)(x).sum(), id="inner-function"),
    ],
)
def test_functions_that_differ_in_more_do_not_share(other):
    with jax.enable_x64(True):
        assert take_out_data(lambda x: (x * 2.0).sum(), X).key != take_out_data(other, X).key


@pytest.mark.parametrize("wrap", [jax.jit, jax.checkpoint])
def test_a_constant_inside_an_inner_function_is_told_apart_or_taken_out(wrap):
    def make(d):
        inner = wrap(lambda y: jnp.sin(y) * d)
        return take_out_data(jax.value_and_grad(lambda x: inner(x).sum()), X)

    one, two = make(X + 1.0), make(X + 2.0)
    run = jax.jit(one.without_data())
    if one.key == two.key:
        assert run(two.data, X)[0] == pytest.approx((np.sin(X) * (X + 2.0)).sum(), rel=1e-5)
    assert run(one.data, X)[0] == pytest.approx((np.sin(X) * (X + 1.0)).sum(), rel=1e-5)


@pytest.mark.parametrize("readout", ["distribution", "ratings"])
def test_the_program_of_one_study_gives_the_density_of_another(readout):
    model = numpyro.scores_model if readout == "distribution" else numpyro.ratings_model
    spec, programs, points, direct = load_spec("default"), [], [], []
    with jax.enable_x64(True):
        for seed in (1, 2):
            table = simulate(6, seed=seed, readout=readout).judgments
            arguments = (prepare(load_judgments(table, n_categories=5)).design, spec)
            energy = partial(potential_energy, model, arguments, {})
            shapes = jax.eval_shape(partial(_unconstrained, model, arguments), jax.random.key(0))
            points.append({k: np.full(x.shape, 0.1 * seed) for k, x in shapes.items()})
            programs.append(take_out_data(energy, points[-1]))
            direct.append(float(jax.jit(energy)(points[-1])))
        assert programs[0].key == programs[1].key
        shared = jax.jit(programs[0].without_data())
        for program, point, expected in zip(programs, points, direct, strict=True):
            assert float(shared(program.data, point)) == pytest.approx(expected, rel=1e-12)
    assert direct[0] != direct[1]


def test_a_second_study_of_a_shape_compiles_nothing():
    made = [simulate(5, seed=s, conditions=ONE_ARM).judgments for s in (1, 2)]
    studies = [load_judgments(table, n_categories=5) for table in made]
    short = {"draws": 10, "tune": 300, "chains": 2, "engine": "nuts", "seed": 3}
    first = fit(studies[0], **short)
    kept = set(programs_kept)
    other = fit(studies[1], **short)
    again = fit(studies[0], **short)
    assert set(programs_kept) == kept
    drawn = [tree["posterior"]["delta"].values for tree in (first, other, again)]
    assert (drawn[0] == drawn[2]).all()
    assert (drawn[0] != drawn[1]).all()
