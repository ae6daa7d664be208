"""The placebo of a checkpoint: the same sizes, other directions, and a study that uses it."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from requantised import requantised
from tiny_adapters import random_adapter, with_adapter
from tiny_models import write_model

from vat_bayes.bundled import model_path
from vat_bayes.cli import main
from vat_bayes.collect import collect
from vat_bayes.collect.perturb import perturb, turned
from vat_bayes.errors import InputError
from vat_bayes.study import Study

JUDGE = model_path("judges", "core-judge.gguf")


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    """Return a checkpoint of the embedded judge: an adapter added to its weights."""
    adapter = random_adapter(tmp_path / "a.gguf", JUDGE)
    return with_adapter(tmp_path / "tuned.gguf", JUDGE, adapter, 0.5)


def weights(path: Path) -> dict[str, np.ndarray]:
    tensors = gguf.GGUFReader(path).tensors
    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in tensors}


def test_every_change_has_its_singular_values_and_no_direction(tuned: Path, tmp_path: Path) -> None:
    made = perturb(JUDGE, tuned, tmp_path / "placebo.gguf", seed=3)
    base, real, placebo = (weights(p) for p in (JUDGE, tuned, made.path))
    changed = {name for name in base if np.any(base[name] != real[name])}
    assert (made.changed, made.tensors, made.retyped) == (len(changed), len(base), 0)
    for name in base:
        if name not in changed:
            assert np.array_equal(base[name], placebo[name])
            continue
        one, other = real[name] - base[name], placebo[name] - base[name]
        sizes = [np.linalg.svd(x, compute_uv=False) for x in (one, other)]
        # Sums in 32 bits leave a trace in those that are zero.
        np.testing.assert_allclose(*sizes, atol=1e-5)
        cosine = np.sum(one * other) / np.linalg.norm(one) / np.linalg.norm(other)
        assert abs(cosine) < 0.05
    total = np.sqrt(sum(np.sum((real[n] - base[n]) ** 2) for n in changed))
    assert made.norm == pytest.approx(total, rel=1e-5)


def test_the_seed_is_all_that_it_depends_on(tuned: Path, tmp_path: Path) -> None:
    files = [
        perturb(JUDGE, tuned, tmp_path / f"{i}.gguf", seed=seed).path.read_bytes()
        for i, seed in enumerate((3, 3, 4))
    ]
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("shape", [(7,), (5, 9), (3, 4, 6)])
def test_turning_keeps_sizes(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).normal(size=shape)
    y = turned(x, (1, "x"))
    if len(shape) == 1:
        assert np.linalg.norm(y) == pytest.approx(np.linalg.norm(x))
    else:
        sizes = [np.linalg.svd(z, compute_uv=False) for z in (x, y)]
        np.testing.assert_allclose(*sizes, atol=1e-12)
    assert np.abs(x - y).max() > 0.1


def test_a_quantised_model_is_matched_in_16_bits(tmp_path: Path) -> None:
    model = requantised(tmp_path / "q8.gguf", JUDGE, gguf.GGMLQuantizationType.Q8_0)
    made = perturb(model, JUDGE, tmp_path / "placebo.gguf")
    base, real, placebo = (weights(p) for p in (model, JUDGE, made.path))
    norms = [
        np.sqrt(sum(np.sum((w[n] - base[n]).astype(float) ** 2) for n in base))
        for w in (real, placebo)
    ]
    assert norms[0] == pytest.approx(norms[1], rel=0.02)
    assert made.retyped == sum(w.ndim == 2 for w in base.values())


def test_a_study_takes_it_as_the_placebo_of_a_checkpoint(tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "placebo.gguf"
    assert main(["perturb", str(JUDGE), "--like", str(tuned), "--out", str(out), "--quiet"]) == 0
    checkpoint = {"kind": "checkpoint", "target": "power"}
    study = Study.from_dict(
        {
            "name": "tuned",
            "seed": 1,
            "models": [{"name": "judge", "path": "bundled:core-judge"}],
            "items": {"source": "core", "scenarios": 1},
            "scale": {"orders": ["forward"]},
            "conditions": [
                {"name": "baseline", "role": "baseline"},
                {"name": "tuned", "role": "intervention", "path": str(tuned)} | checkpoint,
                {"name": "random", "role": "placebo", "kind": "checkpoint", "path": str(out)},
            ],
        }
    )
    assert {c.name: c.placebo for c in study.as_conditions()}["tuned"] == "random"
    run = collect(study, out=tmp_path / "run")
    told = json.loads(run.manifest.read_text(encoding="utf-8"))["effects"]
    assert [e["identical_share"] for e in told] == [0.0, 0.0]


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    small = write_model(tmp_path / "small.gguf")
    with pytest.raises(
        InputError, match=r"not a checkpoint of .*'token_embd\.weight' has the shape"
    ):
        perturb(JUDGE, small, tmp_path / "x.gguf")
    with pytest.raises(InputError, match="has the same weights"):
        perturb(small, small, tmp_path / "x.gguf")
    with pytest.raises(InputError, match="No such file"):
        perturb(small, tmp_path / "none.gguf", tmp_path / "x.gguf")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(small.read_bytes()[:900])
    with pytest.raises(InputError, match="not a whole GGUF file"):
        perturb(small, cut, tmp_path / "x.gguf")
    assert not list(tmp_path.glob("x.gguf*"))
