"""The kind that adds a LoRA adapter to the loaded model."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.interventions.weights import Adapter, Weights
from vat_bayes.study.tables import Text


class AdapterIntervention(Intervention):
    """A LoRA adapter (Hu et al. 2022, arXiv:2106.09685) as a GGUF file, with a scale.

    The adapter is switched on and off on one loaded model. It has two placebos. At scale 0 it goes
    the same way through llama.cpp, and there is nothing that it could do. With `random` it changes
    the same matrices as much, in directions that mean nothing.

    Parameters
    ----------
    path : str
        The GGUF file, relative to the study file.
    scale : float
        What the change of the weights is multiplied by, on top of the file's own alpha.
    random : bool
        Replace the change of every matrix by a random one of the same rank and singular values,
        and so of the same norm, drawn with the study's seed: a placebo of the adapter.
    """

    kind: ClassVar[str] = "adapter"
    path_keys: ClassVar[tuple[str, ...]] = ("path",)
    path: Text
    scale: float = 1.0
    random: bool = False

    @property
    def changes_nothing(self) -> bool:
        """At scale 0."""
        return self.scale == 0

    @property
    def natural_dose(self) -> float:
        """The scale."""
        return self.scale

    def prepare(self, setting: Setting) -> Prepared:
        """Return the adapter."""
        # The condition's name is left out: doses of a placebo share their directions.
        seed = (setting.seed, "adapter") if self.random else None
        return Prepared(weights=Weights(adapters=(Adapter(self.path, self.scale, seed),)))
