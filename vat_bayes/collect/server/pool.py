"""Several servers with the same model: who is asked next, and who rests after a failure."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vat_bayes.collect.server.client import Client, FailedError
from vat_bayes.collect.stopped import KEPT, StoppedError
from vat_bayes.errors import InputError

_FIRST_REST = 1.0
_LONGEST_REST = 60.0


@dataclass
class _Endpoint:
    """One server of a pool."""

    address: str
    client: Client
    busy: int = 0
    answered: int = 0
    # How many calls in a row failed.
    failures: int = 0
    rests_until: float = 0.0
    # Why it is asked no more.
    out: str = ""


class Pool:
    """Clients of several servers, for several threads.

    A question goes to the server with the fewest questions under way. One that fails rests, for a
    second first and twice as long each time, and the question goes to another; it comes back when
    it has rested. One that refuses a question is left out for the rest of the session.

    Parameters
    ----------
    clients : sequence of (str, Client)
        Each server's address and its client.
    model : str
        The model's name in the study, for messages.
    parallel : int
        How many questions one server is asked at the same time.
    tries : int
        How often one question is asked, of whomever.
    """

    def __init__(
        self, clients: Sequence[tuple[str, Client]], *, model: str, parallel: int, tries: int
    ) -> None:
        self._endpoints = [_Endpoint(address, client) for address, client in clients]
        self._model, self._parallel, self._tries = model, parallel, tries
        self._changed = threading.Condition()
        self._closed = False

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON at a path of every server that answers, by address.

        The others are left out.

        Raises
        ------
        InputError
            When nobody answers.
        """
        found: dict[str, Any] = {}
        last: InputError | None = None
        for e in self._endpoints:
            try:
                found[e.address] = e.client.get(path)
            except InputError as error:
                e.out = str(error)
                last = error
        if last is not None and not found:
            raise last
        return found

    def post[T](self, path: str, body: Any, read: Callable[[Any], T]) -> T:
        """Put a question to one server after the other until it is answered.

        Raises
        ------
        StoppedError
            When the last try fails.
        InputError
            When every server refuses.
        """
        last: InputError | None = None
        for _ in range(self._tries):
            endpoint = self._take(last)
            try:
                answer = endpoint.client.post(path, body, read, tries=1)
            except FailedError as error:
                last = error
                self._give_back(endpoint, failed=error)
            except InputError as error:
                last = error
                endpoint.out = str(error)
                self._give_back(endpoint)
            except BaseException:
                self._give_back(endpoint)
                raise
            else:
                endpoint.failures = 0
                endpoint.answered += 1
                self._give_back(endpoint)
                return answer
        raise StoppedError(
            f"model '{self._model}': no endpoint gave a usable answer in {self._tries} tries (at "
            f"last: {last})",
            hint=KEPT,
        )

    def tally(self) -> dict[str, Any]:
        """Return, for each address, how many answers it gave and how it failed."""
        return {
            e.address: {
                "answers": e.answered,
                "failed_calls": dict(sorted(e.client.failed.items())),
                **({"left_out": e.out} if e.out else {}),
            }
            for e in self._endpoints
        }

    @property
    def failed(self) -> Counter[str]:
        """How many calls failed, by the kind of failure."""
        return sum((e.client.failed for e in self._endpoints), Counter())

    def leave_out(self, address: str, why: str) -> None:
        """Ask one of the servers no more."""
        for e in self._endpoints:
            if e.address == address:
                e.out = why

    def close(self) -> None:
        """End every call."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for e in self._endpoints:
            e.client.close()

    def _take(self, last: InputError | None) -> _Endpoint:
        """Wait for a server that may be asked."""
        with self._changed:
            while True:
                if self._closed:
                    raise StoppedError("the judge is closed")
                left = [e for e in self._endpoints if not e.out]
                if not left:
                    raise last or StoppedError(f"model '{self._model}': every endpoint is left out")
                now = time.monotonic()
                free = [e for e in left if e.rests_until <= now and e.busy < self._parallel]
                if free:
                    chosen = min(free, key=lambda e: e.busy)
                    chosen.busy += 1
                    return chosen
                resting = [e.rests_until - now for e in left if e.rests_until > now]
                self._changed.wait(min(resting, default=None))

    def _give_back(self, endpoint: _Endpoint, *, failed: FailedError | None = None) -> None:
        with self._changed:
            endpoint.busy -= 1
            now = time.monotonic()
            if failed is not None:
                # Questions that were under way when it failed tell nothing new.
                if endpoint.rests_until <= now:
                    endpoint.failures += 1
                rest = min(_FIRST_REST * 2.0 ** min(endpoint.failures - 1, 10), _LONGEST_REST)
                asked = failed.pause or 0.0
                endpoint.rests_until = max(endpoint.rests_until, now + max(rest, asked))
            self._changed.notify_all()
