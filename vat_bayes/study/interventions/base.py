"""What every kind of intervention must offer, and what it is given to work with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from vat_bayes.study.interventions.weights import Weights
from vat_bayes.study.tables import Table

if TYPE_CHECKING:
    from vat_bayes.items import ItemSet


@dataclass(frozen=True)
class Example:
    """One worked example: an item and the label it is answered with."""

    scenario_text: str
    action_text: str
    label: str


@dataclass(frozen=True)
class Setting:
    """What a kind may use to prepare a condition.

    Parameters
    ----------
    condition : str
        The condition's name, for messages.
    target : tuple of str
        The values that it aims at.
    direction : int
        1 to promote them, -1 to suppress them.
    labels : tuple of str
        The labels of the scale, from the lowest rating to the highest.
    items : ItemSet
        The study's items, with those kept for examples.
    seed : int
        The study's seed.
    """

    condition: str
    target: tuple[str, ...]
    direction: int
    labels: tuple[str, ...]
    items: ItemSet
    seed: int


@dataclass(frozen=True)
class Prepared:
    """What a condition puts before the judge, and what it does to the judge itself.

    Parameters
    ----------
    text : str
        The system text; empty when there is none.
    examples : tuple of Example
        Worked examples, in the order in which they are shown.
    prefix : str
        A text that begins the user's message; empty when there is none.
    weights : Weights
        What is applied to the loaded model.
    """

    text: str = ""
    examples: tuple[Example, ...] = ()
    prefix: str = ""
    weights: Weights = Weights()


class Intervention(Table):
    """One kind of intervention; its fields are the keys that the kind adds to a condition.

    A new kind is a subclass in a file of its own, with a line in the registry of this package.
    """

    kind: ClassVar[str]
    path_keys: ClassVar[tuple[str, ...]] = ()
    """The fields that name a file."""

    @property
    def changes_nothing(self) -> bool:
        """Whether the judge answers as under the plain baseline, whatever it is."""
        return False

    @property
    def natural_dose(self) -> float | None:
        """The dose when the condition does not state one; None where there is no natural one."""
        return None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the kind reads, as the study writes their paths."""
        return tuple(getattr(self, key) for key in self.path_keys)

    def with_paths(self, rewrite: Callable[[str], str]) -> Self:
        """Return the same with every path rewritten."""
        return self.model_copy(update={k: rewrite(getattr(self, k)) for k in self.path_keys})

    def to_dict(self) -> dict[str, Any]:
        """Return ``kind`` and the kind's keys as a study file has them."""
        return {"kind": self.kind, **self.model_dump(exclude_none=True)}

    @abstractmethod
    def prepare(self, setting: Setting) -> Prepared:
        """Return what the condition puts before the judge and does to it.

        Raises
        ------
        InputError
            When the setting has not what the kind needs, e.g. too few examples.
        """
