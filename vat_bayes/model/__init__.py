"""The measurement model: judgments in, posterior out."""

from vat_bayes.model.engine import Engine, fit
from vat_bayes.model.priors import ModelSpec, Prior, load_spec
from vat_bayes.model.sampling import Backend
from vat_bayes.model.tree import read_tree, write_tree

__all__ = [
    "Backend",
    "Engine",
    "ModelSpec",
    "Prior",
    "fit",
    "load_spec",
    "read_tree",
    "write_tree",
]
