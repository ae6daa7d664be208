"""The kind that adds a control vector to the hidden states of the loaded model."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from vat_bayes.errors import InputError
from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.interventions.weights import ControlVector, Weights
from vat_bayes.study.tables import Text

Layer = Annotated[int, Field(ge=1)]


class SteeringIntervention(Intervention):
    """A control vector (Turner et al. 2023, arXiv:2308.10248; Zou et al. 2023, arXiv:2310.01405).

    Parameters
    ----------
    path : str
        A GGUF file of the architecture ``controlvector``, relative to the study file.
    strength : float
        What the directions are multiplied by; negative to steer away.
    layers : tuple of int, optional
        The first and the last layer, both inclusive, as llama.cpp counts them: layer 0 cannot be
        steered. All layers of the file when absent.
    random : bool
        Replace every direction by a random one of the same length, drawn with the study's seed:
        the placebo of a control vector.
    """

    kind: ClassVar[str] = "steering"
    path_keys: ClassVar[tuple[str, ...]] = ("path",)
    path: Text
    strength: float = 1.0
    layers: tuple[Layer, Layer] | None = None
    random: bool = False

    @model_validator(mode="after")
    def _layers_are_a_range(self) -> Self:
        if self.layers is not None and self.layers[0] > self.layers[1]:
            first, last = self.layers
            raise InputError(f"'layers' begins at {first} and ends at {last}")
        return self

    @property
    def changes_nothing(self) -> bool:
        """At strength 0."""
        return self.strength == 0

    @property
    def natural_dose(self) -> float:
        """The strength."""
        return self.strength

    def prepare(self, setting: Setting) -> Prepared:
        """Return the vector."""
        # The condition's name is left out: doses of a placebo share their direction.
        seed = (setting.seed, "steering") if self.random else None
        vector = ControlVector(self.path, self.strength, self.layers, seed)
        return Prepared(weights=Weights(vectors=(vector,)))
