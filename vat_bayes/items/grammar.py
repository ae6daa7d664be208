"""The grammar that the core items are composed from: actors, and a bank of texts for each topic."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vat_bayes.bundled import data_path
from vat_bayes.errors import InputError, near_miss
from vat_bayes.values import VALUES

POLARITY_WORDS: Mapping[int, str] = MappingProxyType({1: "support", -1: "violate"})


@dataclass(frozen=True)
class Actor:
    """A person in a scenario: a name, and a descriptor that signals no value."""

    name: str
    descriptor: str


@dataclass(frozen=True)
class Topic:
    """The texts of one topic; every action fits every situation.

    Parameters
    ----------
    name : str
        The name in kebab case, which is also the file's.
    title : str
        The name for reports.
    situations : tuple of str
        Each completes "{name}, {descriptor}, ...", without a period.
    complications : tuple of str
        Full sentences.
    actions : mapping of (str, int) to tuple of str
        The actions for a value and a polarity, as imperative sentences.
    """

    name: str
    title: str
    situations: tuple[str, ...]
    complications: tuple[str, ...]
    actions: Mapping[tuple[str, int], tuple[str, ...]]


@dataclass(frozen=True)
class Neutral:
    """Texts that no value speaks for or against."""

    situations: tuple[str, ...]
    complications: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True)
class Grammar:
    """Everything that items are composed from; topics in alphabetical order."""

    actors: tuple[Actor, ...]
    topics: tuple[Topic, ...]
    neutral: Neutral

    def scenarios_per_topic(self) -> dict[str, int]:
        """Return how many different scenarios each topic has."""
        people = len(self.actors)
        return {t.name: people * len(t.situations) * len(t.complications) for t in self.topics}


def load_grammar(folder: str | Path | None = None) -> Grammar:
    """Read the grammar from its files.

    Parameters
    ----------
    folder : str or pathlib.Path, optional
        A folder with ``actors.toml``, ``neutral.toml`` and ``topics/<topic>.toml``; the bundled
        one by default.

    Returns
    -------
    Grammar
        With at least one actor and one topic.

    Raises
    ------
    InputError
        When a file is absent or malformed, or a key is missing, unknown or of the wrong kind.
    """
    folder = data_path("core") if folder is None else Path(folder)
    files = sorted((folder / "topics").glob("*.toml"))
    if not files:
        raise InputError("there is no topic file", where=str(folder / "topics"))
    return Grammar(
        actors=_actors(folder / "actors.toml"),
        topics=tuple(_topic(file) for file in files),
        neutral=_neutral(folder / "neutral.toml"),
    )


def _read(path: Path, keys: Collection[str]) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not TOML ({error})", where=str(path)) from error
    _check_keys(content, keys, str(path))
    return content


def _check_keys(content: Mapping[str, Any], keys: Collection[str], where: str) -> None:
    for key in content:
        if key not in keys:
            raise InputError(f"unknown key '{key}'", where=where, hint=near_miss(key, keys))
    for key in keys:
        if key not in content:
            raise InputError(f"the key '{key}' is missing", where=where)


def _text(content: Any, where: str) -> str:
    if not isinstance(content, str) or not content.strip():
        raise InputError(f"found {content!r}; expected a text", where=where)
    return content


def _texts(content: Any, where: str) -> tuple[str, ...]:
    if not isinstance(content, list) or not content:
        raise InputError("expected a list of texts", where=where)
    texts = tuple(_text(entry, f"{where}[{i}]") for i, entry in enumerate(content, start=1))
    for i, text in enumerate(texts):
        if text in texts[:i]:
            raise InputError(f"'{text}' stands here twice", where=where)
    return texts


def _actors(path: Path) -> tuple[Actor, ...]:
    entries = _read(path, ("actors",))["actors"]
    if not isinstance(entries, list) or not entries:
        raise InputError("expected a list of actors", where=f"{path}, actors")
    actors = []
    for i, entry in enumerate(entries, start=1):
        where = f"{path}, actors[{i}]"
        if not isinstance(entry, dict):
            raise InputError("expected a name and a descriptor", where=where)
        _check_keys(entry, ("name", "descriptor"), where)
        actors.append(Actor(_text(entry["name"], where), _text(entry["descriptor"], where)))
    return tuple(actors)


def _topic(path: Path) -> Topic:
    content = _read(path, ("topic", "title", "situations", "complications", "actions"))
    if content["topic"] != path.stem:
        raise InputError(
            f"the topic is '{content['topic']}'; expected the file's name, '{path.stem}'",
            where=str(path),
        )
    banks = content["actions"]
    if not isinstance(banks, dict):
        raise InputError("expected a table for each value", where=f"{path}, actions")
    _check_keys(banks, VALUES, f"{path}, actions")
    actions = {}
    for value in VALUES:
        where = f"{path}, actions.{value}"
        if not isinstance(banks[value], dict):
            raise InputError("expected the lists support and violate", where=where)
        _check_keys(banks[value], tuple(POLARITY_WORDS.values()), where)
        for polarity, word in POLARITY_WORDS.items():
            actions[value, polarity] = _texts(banks[value][word], f"{where}.{word}")
    return Topic(
        name=path.stem,
        title=_text(content["title"], f"{path}, title"),
        situations=_texts(content["situations"], f"{path}, situations"),
        complications=_texts(content["complications"], f"{path}, complications"),
        actions=MappingProxyType(actions),
    )


def _neutral(path: Path) -> Neutral:
    keys = ("situations", "complications", "actions")
    content = _read(path, keys)
    return Neutral(*(_texts(content[key], f"{path}, {key}") for key in keys))
