"""The kind that adds a LoRA adapter to the loaded model."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.interventions.weights import Adapter, Weights
from vat_bayes.study.tables import Text


class AdapterIntervention(Intervention):
    """A LoRA adapter (Hu et al. 2022, arXiv:2106.09685) as a GGUF file, with a scale.

    The adapter is switched on and off on one loaded model. At scale 0 it is a placebo: the same
    way through llama.cpp, and nothing that it could do.

    Parameters
    ----------
    path : str
        The GGUF file, relative to the study file.
    scale : float
        What the change of the weights is multiplied by, on top of the file's own alpha.
    """

    kind: ClassVar[str] = "adapter"
    path_keys: ClassVar[tuple[str, ...]] = ("path",)
    path: Text
    scale: float = 1.0

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
        return Prepared(weights=Weights(adapters=(Adapter(self.path, self.scale),)))
