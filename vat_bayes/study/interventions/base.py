"""What every kind of intervention must offer, and what it is given to work with."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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
    """What a condition puts before the judge.

    Parameters
    ----------
    text : str
        The system text; empty when there is none.
    examples : tuple of Example
        Worked examples, in the order in which they are shown.
    """

    text: str = ""
    examples: tuple[Example, ...] = ()


class Intervention(Table):
    """One kind of intervention; its fields are the keys that the kind adds to a condition.

    A new kind is a subclass in a file of its own, with a line in the registry of this package.
    """

    kind: ClassVar[str]

    @property
    def changes_nothing(self) -> bool:
        """Whether the judge sees the same as under the plain baseline."""
        return False

    @property
    def natural_dose(self) -> float | None:
        """The dose when the condition does not state one; None where there is no natural one."""
        return None

    @abstractmethod
    def prepare(self, setting: Setting) -> Prepared:
        """Return what the condition puts before the judge.

        Raises
        ------
        InputError
            When the setting has not what the kind needs, e.g. too few examples.
        """
