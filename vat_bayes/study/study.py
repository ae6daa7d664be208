"""A study: what is asked of which models, under which conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import tomli_w
from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError, near_miss
from vat_bayes.study.condition import StudyCondition
from vat_bayes.study.elicitation import (
    Asking,
    Readout,
    Scale,
    Template,
    askings,
    with_default_anchors,
)
from vat_bayes.study.files import locate, seen_from
from vat_bayes.study.interventions import Prepared, Setting
from vat_bayes.study.placebos import placebo_of
from vat_bayes.study.refusals import refusal
from vat_bayes.study.sections import ItemsSource, ModelSource
from vat_bayes.study.series import expand_series
from vat_bayes.study.tables import Name, Table, Text

if TYPE_CHECKING:
    from vat_bayes.items import ItemSet

SCHEMA_VERSION = 1
"""Version of the file's layout."""


def _known_version(version: int) -> int:
    if version != SCHEMA_VERSION:
        raise InputError(f"expected {SCHEMA_VERSION}, found {version}")
    return version


class Study(Table):
    """A study file, checked.

    Parameters
    ----------
    schema_version : int
        Version of the file's layout; 1.
    name : str
        The study's name.
    seed : int
        What every random draw is derived from.
    out : str, optional
        The run folder, relative to the working directory; ``runs/<name>`` when absent.
    models : tuple of ModelSource
        The audited models.
    items : ItemsSource
        Where the items come from.
    scale : Scale
        The rating scale.
    template : Template
        The wording.
    readout : Readout
        How the answer is read.
    conditions : tuple of StudyCondition
        Exactly one of them is the baseline.
    """

    schema_version: Annotated[int, AfterValidator(_known_version)] = SCHEMA_VERSION
    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    out: Text | None = None
    models: tuple[ModelSource, ...]
    items: ItemsSource = ItemsSource()
    scale: Scale = Scale()
    template: Template = Template()
    readout: Readout = Readout()
    conditions: tuple[StudyCondition, ...]

    _base: Path = PrivateAttr(default_factory=Path)

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], *, base: str | Path = ".", where: str = "study"
    ) -> Self:
        """Check what a study file holds.

        Parameters
        ----------
        data : mapping
            The file's tables.
        base : path
            The folder that paths are relative to.
        where : str
            What messages call the file.

        Raises
        ------
        InputError
            With the place, what was found and what was expected.
        """
        data = expand_series(data, where)
        try:
            study = cls.model_validate(_frozen(data))
        except ValidationError as e:
            raise refusal(e, data, where) from None
        study._base = Path(base)
        return study

    @model_validator(mode="before")
    @classmethod
    def _anchors_of_the_wording(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("template"), Mapping):
            return data
        wording = data["template"].get("wording")
        if wording is None:
            return data
        return {**data, "scale": with_default_anchors(data.get("scale", {}), wording)}

    @model_validator(mode="after")
    def _names_and_references_hold(self) -> Self:
        for table, entries in (("models", self.models), ("conditions", self.conditions)):
            if not entries:
                raise InputError(f"there is no [[{table}]]")
            _refuse_duplicates(table, [entry.name for entry in entries])
        names = [c.name for c in self.conditions if c.role == "baseline"]
        if len(names) != 1:
            found = f"{len(names)}: " + ", ".join(f"'{n}'" for n in names) if names else "none"
            raise InputError(f"exactly one condition has the role 'baseline'; found {found}")
        for i, c in enumerate(self.conditions, start=1):
            self._refuse_bad_reference(c, f"[[conditions]] {i} '{c.name}'")
        placebo_of(self.conditions)
        askings(self.scale, self.template, self.template.question)
        for model in self.models:
            if model.addresses:
                self._refuse_what_a_server_cannot_do(model.name)
            if model.mode == "batched" and self.readout.generates:
                raise InputError(
                    f"mode 'batched' of model '{model.name}' is for answers that are read at once, "
                    "and [readout] has mode 'generate'"
                )
        return self

    def _refuse_what_a_server_cannot_do(self, model: str) -> None:
        for i, c in enumerate(self.conditions, start=1):
            if c.intervention.files:
                raise InputError(
                    f"kind '{c.intervention.kind}' changes the weights or states of a model, which "
                    f"cannot be done to model '{model}' on a server",
                    where=f"[[conditions]] {i} '{c.name}'",
                    hint="use the model's file, or serve the changed model under a name of its own",
                )
        if self.readout.generates:
            raise InputError(
                f"mode 'generate' needs the model's file, and model '{model}' is on a server",
                where="[readout]",
            )
        long = [label for label in self.scale.labels if len(label) > 1]
        if long:
            raise InputError(
                f"label '{long[0]}' has {len(long[0])} characters; from model '{model}' on a "
                "server only the first token of an answer is known, so every label must be one "
                "digit or letter",
                where="[scale]",
            )

    def _refuse_bad_reference(self, condition: StudyCondition, where: str) -> None:
        known = {c.name: c for c in self.conditions}
        if condition.reference is not None and condition.reference not in known:
            raise InputError(
                f"reference '{condition.reference}' is not a condition of this study",
                where=where,
                hint=near_miss(condition.reference, known),
            )
        seen, at = {condition.name}, condition.reference
        while at is not None:
            if at in seen:
                raise InputError("the references go in a circle", where=where)
            seen.add(at)
            at = known[at].reference if at in known else None
        if condition.role == "retest":
            again = known[condition.reference] if condition.reference else self.baseline
            if condition.intervention != again.intervention:
                raise InputError(
                    f"a retest repeats its reference, '{again.name}', but the kinds or their keys "
                    "differ",
                    where=where,
                )

    @property
    def baseline(self) -> StudyCondition:
        """The condition with the role ``baseline``."""
        return next(c for c in self.conditions if c.role == "baseline")

    @property
    def base(self) -> Path:
        """The folder that the study's paths are relative to."""
        return self._base

    def with_engine(self, **options: Any) -> Self:
        """Return the study with other settings for llama.cpp, in every model that is a file.

        Parameters
        ----------
        **options
            Keys of `ModelSource`, e.g. ``mode`` or ``threads``; None leaves the study's own.

        Raises
        ------
        InputError
            When no model is a file, or a setting cannot be.
        """
        given = {key: found for key, found in options.items() if found is not None}
        if not given:
            return self
        if all(m.path is None for m in self.models):
            raise InputError(f"'{next(iter(given))}' is for a model in a file; all are on servers")
        data = self.to_dict()
        data["models"] = [m | given if "path" in m else m for m in data["models"]]
        return type(self).from_dict(data, base=self._base)

    def model_file(self, model: ModelSource) -> Path:
        """Return the file of one of the models.

        Raises
        ------
        InputError
            When it is not there.
        """
        return model.file(self._base)

    def condition_files(self) -> dict[str, dict[str, Path]]:
        """Return the files that the conditions read, as the study writes them, to where they lie.

        Raises
        ------
        InputError
            When one is not there.
        """
        return {
            c.name: {
                path: locate(path, self._base, f"condition '{c.name}'")
                for path in c.intervention.files
            }
            for c in self.conditions
            if c.intervention.files
        }

    def load_items(self) -> ItemSet:
        """Return the items to judge, with those held out for examples.

        Raises
        ------
        InputError
            When the file or a row of it is unusable.
        """
        from vat_bayes.items import load_items

        source = self.items
        loaded = load_items(
            source.source,
            path=None if source.path is None else self._base / source.path,
            columns=source.columns,
            loadings=None if source.loadings is None else self._base / source.loadings,
            threshold=source.threshold,
            weights=source.weights,
            subvalue_rule=source.subvalue_rule,
        )
        if source.scenarios is None:
            return loaded
        return loaded.take_scenarios(source.scenarios, seed=self.seed)

    def prepare(self, items: ItemSet) -> dict[str, Prepared]:
        """Return what each condition puts before the judge, by the condition's name.

        Raises
        ------
        InputError
            When a condition can't be prepared from these items.
        """
        return {
            c.name: c.intervention.prepare(
                Setting(
                    condition=c.name,
                    target=c.target,
                    direction=c.direction,
                    labels=self.scale.labels,
                    items=items,
                    seed=self.seed,
                )
            )
            for c in self.conditions
        }

    def question(self, condition: StudyCondition) -> str:
        """Return the question that is asked under a condition."""
        return condition.question or self.template.question

    def askings(self, condition: StudyCondition) -> tuple[Asking, ...]:
        """Return every way in which an item is asked under a condition."""
        return askings(self.scale, self.template, self.question(condition))

    @property
    def prompts(self) -> tuple[str, ...]:
        """The names of the ways in which every item is asked."""
        return tuple(a.prompt for a in self.askings(self.baseline))

    def as_conditions(self) -> tuple[Condition, ...]:
        """Return the conditions as the later stages know them, with their placebos."""
        placebos = placebo_of(self.conditions)
        return tuple(
            Condition(
                name=c.name,
                role=c.role,
                target=c.target,
                direction=c.direction,
                dose=c.intervention.natural_dose if c.dose is None else c.dose,
                reference=c.reference,
                placebo=placebos.get(c.name),
            )
            for c in self.conditions
        )

    def to_dict(self, *, relative_to: str | Path | None = None) -> dict[str, Any]:
        """Return the study as the tables of a file, with every default written out.

        Parameters
        ----------
        relative_to : path, optional
            The folder that the file will lie in, when its paths are to be relative to that.
        """
        data = self.model_dump(exclude={"conditions"}, exclude_none=True)
        if relative_to is not None:
            for table, key in [
                *((m, "path") for m in data["models"]),
                (data["items"], "path"),
                (data["items"], "loadings"),
            ]:
                if key in table:
                    table[key] = seen_from(table[key], self._base, Path(relative_to))
        data["conditions"] = [self._condition(c, relative_to) for c in self.conditions]
        return {key: _thawed(x) for key, x in data.items()}

    def to_toml(self, *, relative_to: str | Path | None = None) -> str:
        """Return the study as a file that gives the same study again; see `to_dict`."""
        data = self.to_dict(relative_to=relative_to)
        lists = {table: data.pop(table) for table in ("models", "conditions")}
        # The writer would put short tables of a list on one line each, which nobody likes to edit.
        parts = [tomli_w.dumps(data)]
        parts += [_written(table, t) for table, ts in lists.items() for t in ts]
        return "\n".join(parts)

    def _condition(
        self, condition: StudyCondition, relative_to: str | Path | None
    ) -> dict[str, Any]:
        if relative_to is None:
            return condition.to_dict()
        moved = condition.intervention.with_paths(
            lambda path: seen_from(path, self._base, Path(relative_to))
        )
        return condition.model_copy(update={"intervention": moved}).to_dict()


def _written(name: str, table: Mapping[str, Any]) -> str:
    """Return a table of a list, with the lists of tables in it below it."""
    inner = {
        key: found
        for key, found in table.items()
        if isinstance(found, list) and found and all(isinstance(x, Mapping) for x in found)
    }
    texts = [
        f"[[{name}]]\n{tomli_w.dumps({k: x for k, x in table.items() if k not in inner})}",
        *(_written(f"{name}.{key}", part) for key, parts in inner.items() for part in parts),
    ]
    return "\n".join(texts)


def _refuse_duplicates(table: str, names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(
                f"the name '{name}' is already that of number {names.index(name) + 1}",
                where=f"[[{table}]] {i + 1} '{name}'",
            )


def _frozen(data: Any) -> Any:
    # Tuples in place of lists: the tables are frozen, and strict typing wants the exact type.
    if isinstance(data, Mapping):
        return {key: _frozen(x) for key, x in data.items()}
    return tuple(_frozen(x) for x in data) if isinstance(data, list | tuple) else data


def _thawed(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _thawed(x) for key, x in data.items()}
    return [_thawed(x) for x in data] if isinstance(data, list | tuple) else data
