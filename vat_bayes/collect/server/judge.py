"""The judge behind a server: one chat completion of one token for every question."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from vat_bayes.collect.judge import Answer, Prompt, Reading
from vat_bayes.collect.prompts import Chat
from vat_bayes.collect.server.client import Client
from vat_bayes.collect.server.pool import Pool
from vat_bayes.collect.server.toplogprobs import Listed, read_reply
from vat_bayes.errors import InputError
from vat_bayes.study import ModelSource, Weights

# What a server tells of a model that stays the same from one start to the next.
_STABLE = ("id", "root", "max_model_len", "owned_by")
_STABLE_META = ("vocab_type", "n_vocab", "n_ctx_train", "n_embd", "n_params", "size")


class ServerJudge:
    """A model on an OpenAI-compatible server, read from the likeliest first tokens of its answer.

    Parameters
    ----------
    address : str or sequence of str
        The server, with or without ``/v1``; or several servers that have the same model.
    name : str
        The model's name in the study.
    labels : sequence of str
        The labels of the scale, from the lowest rating to the highest, one character each.
    served_as : str, optional
        What the server calls the model; `name` when absent.
    key : str, optional
        The server's key.
    parallel : int
        How many questions a server is asked at the same time.
    timeout : float
        Seconds to wait for one answer.
    tries : int
        How often a question is asked when the server fails, or several of them do.
    top_logprobs : int
        How many tokens the server is asked to list.
    """

    def __init__(
        self,
        address: str | Sequence[str],
        *,
        name: str,
        labels: Sequence[str],
        served_as: str | None = None,
        key: str | None = None,
        parallel: int = 4,
        timeout: float = 60.0,
        tries: int = 8,
        top_logprobs: int = 20,
    ) -> None:
        addresses = (address,) if isinstance(address, str) else tuple(address)
        clients = [
            (a, Client(a, model=name, key=key, timeout=timeout, tries=tries)) for a in addresses
        ]
        self._pool: Pool | None = None
        self._client: Client | Pool = clients[0][1]
        if len(clients) > 1:
            self._client = self._pool = Pool(clients, model=name, parallel=parallel, tries=tries)
            parallel *= len(clients)
        self._name, self._served_as = name, served_as or name
        self._labels, self._parallel, self._top = tuple(labels), parallel, top_logprobs
        self._lock = threading.Lock()
        self._readings = self._with_unlisted = self._without_labels = 0
        self._bound = 0.0
        self._served: dict[str, Any] | None = None

    def prepare(self, prompts: Iterable[Prompt], *, budget: int = 0) -> None:
        """Look whether somebody answers at the address.

        Raises
        ------
        InputError
            When nobody does, or the judge is to write.
        """
        if budget:
            raise InputError(f"model '{self._name}' is on a server, and answers are not written")
        if self._pool is None:
            self._served = _served(self._client.get("models"), self._served_as)
            return
        found = {
            address: _served(listing, self._served_as)
            for address, listing in self._pool.get("models").items()
        }
        told = [(address, served) for address, served in found.items() if served is not None]
        for address, served in told[1:]:
            if served != told[0][1]:
                raise InputError(
                    f"model '{self._name}': the endpoints have different models ({told[0][0]}: "
                    f"{told_served(told[0][1])}; {address}: {told_served(served)})"
                )
        self._served = told[0][1] if told else None

    def read(self, chat: Chat) -> Reading:
        """Return the distribution of the answer to a chat.

        Raises
        ------
        StoppedError
            When the server gives no usable answer.
        """
        listed: Listed = self._client.post(
            "chat/completions", self._request(chat), lambda reply: read_reply(reply, self._labels)
        )
        with self._lock:
            self._readings += 1
            self._with_unlisted += listed.unlisted > 0
            self._without_labels += not listed.reading.probabilities
            self._bound = max(self._bound, listed.bound)
        return listed.reading

    def read_all(self, chats: Sequence[Chat]) -> Generator[tuple[int, Reading]]:
        """Read several chats at a time.

        Parameters
        ----------
        chats : sequence of Chat
            The chats.

        Yields
        ------
        tuple of (int, Reading)
            The place of a chat and its reading, as they come in. After a failure no chat is begun,
            and those under way are waited for, so that nothing that was answered is lost.

        Raises
        ------
        StoppedError, InputError
            The first failure, when all that was answered has been given.
        """
        todo = iter(enumerate(chats))
        done: queue.SimpleQueue[tuple[int, Reading] | Exception | None] = queue.SimpleQueue()
        stop, taking = threading.Event(), threading.Lock()

        def work() -> None:
            try:
                while not stop.is_set():
                    with taking:
                        place, chat = next(todo, (-1, None))
                    if chat is None:
                        break
                    done.put((place, self.read(chat)))
            except Exception as error:  # handed to the thread that asked
                stop.set()
                done.put(error)
            finally:
                done.put(None)

        # Threads of a daemon: an interruption does not wait for a server that hangs.
        at_work = min(self._parallel, len(chats))
        for _ in range(at_work):
            threading.Thread(target=work, daemon=True).start()
        failure: Exception | None = None
        try:
            while at_work:
                found = done.get()
                if found is None:
                    at_work -= 1
                elif isinstance(found, Exception):
                    failure = failure or found
                else:
                    yield found
        finally:
            stop.set()
        if failure is not None:
            raise failure

    def answer(self, chat: Chat, *, temperature: float, seed: Sequence[str | int]) -> Answer:
        """Refuse: answers that are written need the model's file."""
        raise InputError(f"model '{self._name}' is on a server, and answers are not written")

    def switch(self, weights: Weights) -> dict[str, Any]:
        """Refuse whatever is to be done to the model itself."""
        if weights != Weights():
            raise InputError(
                f"model '{self._name}' is on a server, where neither its weights nor its states "
                "can be changed"
            )
        return {}

    def sent(self, chat: Chat) -> str:
        """Return the messages of a chat; the server's template stands around them."""
        return json.dumps(_messages(chat), ensure_ascii=False)

    def forget(self) -> None:
        """Do nothing: what a server keeps is its own affair."""

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know."""
        return {
            "engine": "server",
            "request": {k: v for k, v in self._request(Chat("")).items() if k != "messages"},
            **({} if self._served is None else {"served": self._served}),
        }

    def tally(self) -> dict[str, Any]:
        """Return how reading went so far.

        Returns
        -------
        dict
            ``readings``; ``with_unlisted_labels`` and ``without_any_label``, how many of them
            lacked some label and all of them; ``largest_bound``, see `Listed`;
            ``failed_calls``, by the kind of failure; and, for several servers, ``endpoints``, how
            many answers each gave and how it failed.
        """
        return {
            "readings": self._readings,
            "with_unlisted_labels": self._with_unlisted,
            "without_any_label": self._without_labels,
            "largest_bound": self._bound,
            "failed_calls": dict(sorted(self._client.failed.items())),
            **({} if self._pool is None else {"endpoints": self._pool.tally()}),
        }

    def close(self) -> None:
        """End every call."""
        self._client.close()

    def _request(self, chat: Chat) -> dict[str, Any]:
        # At temperature 0 every server lists the probabilities of the model itself: those that
        # scale before they list make an exception for it.
        return {
            "model": self._served_as,
            "messages": _messages(chat),
            "max_tokens": 1,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": self._top,
        }


def open_server(model: ModelSource, labels: tuple[str, ...]) -> ServerJudge:
    """Open a model of a study that is on a server; no request is made yet.

    Raises
    ------
    InputError
        When the environment does not hold its key.
    """
    if not model.addresses:
        raise ValueError(f"model '{model.name}' is not on a server")
    return ServerJudge(
        model.addresses,
        name=model.name,
        labels=labels,
        served_as=model.served_as,
        key=_key(model),
        parallel=model.parallel or 4,
        timeout=model.timeout or 60.0,
        tries=model.tries or 8,
        top_logprobs=model.top_logprobs or 20,
    )


def _key(model: ModelSource) -> str | None:
    if model.key_env is None:
        return None
    key = os.environ.get(model.key_env, "").strip()
    if not key:
        raise InputError(
            f"model '{model.name}': the environment variable '{model.key_env}', which is to hold "
            "the server's key, is not set"
        )
    if not key.isascii() or not key.isprintable():
        raise InputError(
            f"model '{model.name}': what the environment variable '{model.key_env}' holds is no "
            "key, since a key has printable ASCII characters only"
        )
    return key


def _messages(chat: Chat) -> list[dict[str, str]]:
    system = [{"role": "system", "content": chat.system}] if chat.system else []
    return [*system, {"role": "user", "content": chat.user}]


def _served(listing: Any, name: str) -> dict[str, Any] | None:
    """Return what a server says of a model, without what changes at every start."""
    models = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(models, list):
        return None
    known = [m for m in models if isinstance(m, dict)]
    # A server with one model takes any name for it.
    found = next((m for m in known if m.get("id") == name), known[0] if len(known) == 1 else None)
    if found is None:
        return None
    meta = found.get("meta")
    return {
        **{key: found[key] for key in _STABLE if key in found},
        **{k: meta[k] for k in _STABLE_META if isinstance(meta, dict) and k in meta},
    }


def told_served(served: Mapping[str, Any]) -> str:
    """Return what a server said of a model as words."""
    return ", ".join(f"{key} {found}" for key, found in served.items())
