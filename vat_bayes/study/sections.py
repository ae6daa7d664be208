"""The tables of a study file that say which models and which items: models and items."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from vat_bayes.errors import InputError
from vat_bayes.study.files import locate
from vat_bayes.study.tables import Name, Table, Text

_OF_FILES = ("mode", "n_ctx", "n_batch", "threads", "n_gpu_layers", "chat")
_OF_SERVERS = ("served_as", "key_env", "parallel", "timeout", "tries", "top_logprobs")


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or not url.isascii() or not url.isprintable():
        raise InputError("expected an address like 'http://127.0.0.1:8080/v1'")
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "the address holds a user name or a password",
            hint="name the environment variable with the server's key as key_env",
        )
    return url.rstrip("/")


def _variable(name: str) -> str:
    # The word is not repeated in the message: it may be the key itself.
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise InputError(
            "expected the name of an environment variable, in capital letters, not the key itself"
        )
    return name


class ModelSource(Table):
    """One audited model: a file to load, or the address of a server that has it loaded.

    Parameters
    ----------
    name : str
        Its name in every table.
    path : str, optional
        A GGUF file, relative to the study file, or ``bundled:<name>``.
    server : str, optional
        In place of a path: the address of an OpenAI-compatible server, with or without ``/v1``.
    endpoints : tuple of str, optional
        In place of one server: the addresses of several that have the same model.
    served_as : str, optional
        What the server calls the model; `name` when absent.
    key_env : str, optional
        The environment variable that holds the server's key; no key is sent when absent.
    parallel : int, optional
        How many questions each server is asked at the same time; 4 when absent.
    timeout : float, optional
        Seconds to wait for one answer of the server; 60 when absent.
    tries : int, optional
        How often a question is put to a server that fails; 8 when absent.
    top_logprobs : int, optional
        How many tokens the server is asked to list; 20 when absent, which OpenAI and vLLM allow.
    mode : {"exact", "batched"}, optional
        ``exact`` (when absent) evaluates one prompt at a time, to the bit as it would be alone;
        ``batched`` evaluates several together, which moves the last digits of the probabilities.
    n_ctx : int, optional
        Context length in tokens; what the longest prompt needs when absent.
    n_batch : int, optional
        How many tokens are evaluated at a time; chosen from the device when absent.
    threads : int, optional
        CPU threads; chosen from the machine and the size of the model when absent.
    n_gpu_layers : int
        Layers to keep on a GPU; -1 for all of them.
    chat : {"auto", "plain"}
        ``auto`` uses the model's own chat template where it has one; ``plain`` never does.
    """

    name: Name
    path: Text | None = None
    server: Annotated[Text, AfterValidator(_address)] | None = None
    endpoints: tuple[Annotated[Text, AfterValidator(_address)], ...] | None = None
    served_as: Text | None = None
    key_env: Annotated[str, AfterValidator(_variable)] | None = None
    parallel: Annotated[int, Field(ge=1, le=256)] | None = None
    timeout: Annotated[float, Field(gt=0, le=3600)] | None = None
    tries: Annotated[int, Field(ge=1, le=100)] | None = None
    top_logprobs: Annotated[int, Field(ge=2, le=1000)] | None = None
    mode: Literal["exact", "batched"] | None = None
    n_ctx: Annotated[int, Field(ge=16, le=2**24)] | None = None
    n_batch: Annotated[int, Field(ge=16, le=2**16)] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    n_gpu_layers: Annotated[int, Field(ge=-1, le=10_000)] = 0
    chat: Literal["auto", "plain"] = "auto"

    @model_validator(mode="after")
    def _file_or_server(self) -> Self:
        given = [k for k in ("path", "server", "endpoints") if getattr(self, k) is not None]
        if not given:
            raise InputError("a model needs the key 'path', or 'server' for one on a server")
        if len(given) > 1:
            named = " or ".join(f"'{key}'" for key in given)
            raise InputError(f"a model has {named}, not both")
        if self.endpoints is not None:
            if not self.endpoints:
                raise InputError("'endpoints' is empty")
            if len(set(self.endpoints)) < len(self.endpoints):
                raise InputError("'endpoints' has an address twice")
        here, there, foreign = (
            ("on a server", "in a file", _OF_FILES)
            if self.path is None
            else ("in a file", "on a server", _OF_SERVERS)
        )
        for key in foreign:
            if getattr(self, key) != type(self).model_fields[key].default:
                raise InputError(f"'{key}' is for a model {there}, and this one is {here}")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """The servers that have the model; none for a model in a file."""
        return (self.server,) if self.server is not None else self.endpoints or ()

    def file(self, base: Path) -> Path:
        """Return the model's file.

        Raises
        ------
        InputError
            When there is none.
        """
        if self.path is None:
            raise InputError(f"model '{self.name}' is on a server, and this needs its file")
        return locate(self.path, base, f"model '{self.name}'")


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
