"""The tables of a study file beside its conditions: models, items, scale and template."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vat_bayes.bundled import model_path
from vat_bayes.errors import InputError, near_miss
from vat_bayes.study.tables import Name, Table, Text

BUNDLED = "bundled:"
FIVE_LABELS = ("1", "2", "3", "4", "5")
FIVE_ANCHORS = (
    "strongly disapprove",
    "disapprove",
    "neither approve nor disapprove",
    "approve",
    "strongly approve",
)

Order = Literal["forward", "reversed"]


class ModelSource(Table):
    """One audited model.

    Parameters
    ----------
    name : str
        Its name in every table.
    path : str
        A GGUF file, relative to the study file, or ``bundled:<name>``.
    n_ctx : int, optional
        Context length in tokens; what the longest prompt needs when absent.
    threads : int, optional
        CPU threads; chosen from the machine and the size of the model when absent.
    n_gpu_layers : int
        Layers to keep on a GPU; -1 for all of them.
    chat : {"auto", "plain"}
        ``auto`` uses the model's own chat template where it has one; ``plain`` never does.
    """

    name: Name
    path: Text
    n_ctx: Annotated[int, Field(ge=16, le=2**24)] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    n_gpu_layers: Annotated[int, Field(ge=-1, le=10_000)] = 0
    chat: Literal["auto", "plain"] = "auto"

    def file(self, base: Path) -> Path:
        """Return the model's file.

        Raises
        ------
        InputError
            When there is none.
        """
        if self.path.startswith(BUNDLED):
            wanted = self.path.removeprefix(BUNDLED)
            known = sorted(p.stem for p in model_path("judges").glob("*.gguf"))
            if wanted not in known:
                raise InputError(
                    f"model '{self.name}': no bundled model is called '{wanted}'",
                    hint=near_miss(wanted, known) or f"bundled: {', '.join(known) or 'none'}",
                )
            return model_path("judges", f"{wanted}.gguf")
        path = base / Path(self.path).expanduser()
        if not path.is_file():
            what = "a folder, not a file" if path.is_dir() else "not there"
            raise InputError(
                f"model '{self.name}': '{self.path}' is {what} (looked at {path})",
                hint="the path is relative to the study file",
            )
        return path


class ItemsSource(Table):
    """Where the scenario-action items come from.

    Parameters
    ----------
    source : {"core", "table", "vat", "valueportrait"}
        The bundled items, a table of one's own, or one of the two public data sets.
    path : str, optional
        The file, relative to the study file; needed by every source but ``core``.
    columns : dict, optional
        Our column name to the file's.
    loadings : str, optional
        A file with columns item, value and weight, for items that load on several values.
    scenarios : int, optional
        How many scenarios to judge, drawn with the study's seed; all of them when absent.
    threshold, weights, subvalue_rule : optional
        Options of the public data sets; see `vat_bayes.items.load_items`.
    """

    source: Literal["core", "table", "vat", "valueportrait"] = "core"
    path: Text | None = None
    columns: dict[str, str] | None = None
    loadings: Text | None = None
    scenarios: Annotated[int, Field(ge=1)] | None = None
    threshold: float | None = None
    weights: Literal["indicator", "rho"] | None = None
    subvalue_rule: Literal["theory", "index"] | None = None

    @model_validator(mode="after")
    def _path_fits_source(self) -> Self:
        if self.source == "core":
            if self.path is not None:
                raise InputError(
                    "source 'core' takes no 'path'", hint="for a file, use source = 'table'"
                )
        elif self.path is None:
            raise InputError(f"source '{self.source}' needs the key 'path'")
        return self


class Scale(Table):
    """The rating scale, from the lowest rating to the highest.

    Parameters
    ----------
    labels : tuple of str
        The K answers, 2 to 11 of them, each a single token of the model.
    anchors : tuple of str
        What each label means. Needed unless there are five labels.
    orders : tuple of {"forward", "reversed"}
        The orders in which the options are listed; every item is asked once in each.
    """

    labels: tuple[str, ...] = FIVE_LABELS
    anchors: tuple[Text, ...] = FIVE_ANCHORS
    orders: tuple[Order, ...] = ("forward", "reversed")

    @model_validator(mode="before")
    @classmethod
    def _default_anchors_are_five(cls, data: Any) -> Any:
        if isinstance(data, dict) and "labels" in data and "anchors" not in data:
            labels = data["labels"]
            if isinstance(labels, tuple) and len(labels) != len(FIVE_ANCHORS):
                raise InputError(f"key 'anchors' is missing: one for each of {len(labels)} labels")
        return data

    @model_validator(mode="after")
    def _labels_and_anchors_match(self) -> Self:
        labels = self.labels
        if not 2 <= len(labels) <= 11:
            raise InputError(f"{len(labels)} labels; a scale has 2 to 11")
        for label in labels:
            if not label or label != label.strip() or not label.isprintable():
                raise InputError(
                    f"label {label!r} is empty, has a blank at an end or cannot be printed"
                )
        if twice := _twice(labels):
            raise InputError(f"label '{twice}' stands twice in labels")
        if len(self.anchors) != len(labels):
            raise InputError(f"{len(self.anchors)} anchors for {len(labels)} labels")
        if not self.orders:
            raise InputError("no orders; give 'forward', 'reversed' or both")
        if twice := _twice(self.orders):
            raise InputError(f"'{twice}' stands twice in orders")
        return self


class Template(Table):
    """The wording of the question.

    Parameters
    ----------
    question : str
        What is asked about each action.
    """

    question: Text = "How much do you approve of this action?"


def _twice(words: tuple[str, ...]) -> str | None:
    return next((w for i, w in enumerate(words) if w in words[:i]), None)
