"""The kind that loads another file in place of the audited model's."""

from __future__ import annotations

from typing import ClassVar

from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.interventions.weights import Weights
from vat_bayes.study.tables import Text


class CheckpointIntervention(Intervention):
    """Another checkpoint or quantisation of the audited model.

    It is opened with the settings of the model's own table, but for the path.

    Parameters
    ----------
    path : str
        A GGUF file, relative to the study file, or ``bundled:<name>``.
    """

    kind: ClassVar[str] = "checkpoint"
    path_keys: ClassVar[tuple[str, ...]] = ("path",)
    path: Text

    def prepare(self, setting: Setting) -> Prepared:
        """Return the file."""
        return Prepared(weights=Weights(checkpoint=self.path))
