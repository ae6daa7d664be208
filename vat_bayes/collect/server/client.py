"""Asking a server over HTTP: connections that are kept, time-outs, and tries with pauses."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from vat_bayes.collect.server.toplogprobs import MalformedReplyError
from vat_bayes.collect.stopped import KEPT, StoppedError
from vat_bayes.errors import InputError

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
# A server may ask for more than this; then it is better to go on another day.
_LONGEST_ASKED_PAUSE = 600.0
_LARGEST_REPLY = 2**24
_TOO_MANY, _TIMED_OUT, _TOO_EARLY = 429, 408, 425


class _TryAgainError(Exception):
    """A call failed in a way that may pass; `pause` is what the server asked for, in seconds."""

    def __init__(self, why: str, kind: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.kind = kind
        self.pause = pause


class FailedError(StoppedError):
    """Every try of a call failed; `pause` is what the server asked for at last, in seconds."""

    def __init__(self, message: str, *, where: str, pause: float | None) -> None:
        super().__init__(message, where=where, hint=KEPT)
        self.pause = pause


class Client:
    """A client of one server, for several threads.

    The key goes into a header of each request and nowhere else. Redirections are not followed, so
    that it goes to no other address.

    Parameters
    ----------
    address : str
        With or without ``/v1``.
    model : str
        The model's name in the study, for messages.
    key : str, optional
        The key.
    timeout : float
        Seconds for one call, from its beginning to the end of the reply.
    tries : int
        How often a call is made at most.
    """

    def __init__(
        self,
        address: str,
        *,
        model: str,
        key: str | None = None,
        timeout: float = 60.0,
        tries: int = 8,
    ) -> None:
        parts = urlsplit(address)
        path = parts.path.rstrip("/")
        self._base = path if path.endswith("/v1") else f"{path}/v1"
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port
        self._address, self._model, self._key = address, model, key
        self._timeout, self._tries = timeout, tries
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._open: set[http.client.HTTPConnection] = set()
        self._mine = threading.local()
        self.failed: Counter[str] = Counter()
        """How many calls failed and were made again, by the kind of failure."""

    def post[T](
        self, path: str, body: Any, read: Callable[[Any], T], *, tries: int | None = None
    ) -> T:
        """Send JSON and read the JSON of the reply.

        Parameters
        ----------
        path : str
            Below ``/v1``.
        body : object
            What is sent.
        read : callable
            Reads the reply; a `MalformedReplyError` of it is a failure like any other.
        tries : int, optional
            How often the call is made at most, where not as often as others.

        Raises
        ------
        FailedError
            When the server still fails at the last try.
        InputError
            When the server refuses the request.
        """
        text = json.dumps(body, ensure_ascii=True).encode("ascii")
        tries = tries or self._tries
        for n in range(1, tries + 1):
            self._wait_for_turn()
            try:
                return self._read(self._call("POST", path, text), read)
            except _TryAgainError as error:
                with self._lock:
                    self.failed[error.kind] += 1
                asked_too_much = (error.pause or 0) > _LONGEST_ASKED_PAUSE
                if n == tries or asked_too_much:
                    raise FailedError(
                        f"model '{self._model}': the server gave no usable answer in "
                        f"{n} {'try' if n == 1 else 'tries'} ({error})",
                        where=self._address,
                        pause=error.pause,
                    ) from None
                self._pause(n, error.pause)
        raise AssertionError("a call ends by its last try")

    def get(self, path: str) -> Any:
        """Return the JSON at a path, or None where the server has none.

        Raises
        ------
        InputError
            When nobody answers at the address, or the key is refused.
        """
        try:
            return self._read(self._call("GET", path, None), lambda found: found)
        except _TryAgainError as error:
            if error.kind != "connection":
                return None
            raise StoppedError(
                f"model '{self._model}': nobody answers ({error})",
                where=self._address,
                hint=f"is the server running? {KEPT}",
            ) from None
        except InputError as error:
            if isinstance(error, _RefusedError) and error.status not in {401, 403}:
                return None
            raise

    def close(self) -> None:
        """End every call, also those under way."""
        self._stop.set()
        with self._lock:
            connections = list(self._open)
            self._open.clear()
        for connection in connections:
            _cut(connection)
            connection.close()

    def _read[T](self, reply: bytes, read: Callable[[Any], T]) -> T:
        try:
            return read(json.loads(reply))
        except MalformedReplyError as error:
            raise _TryAgainError(f"unusable reply: {error}", "malformed") from None
        except (ValueError, RecursionError):
            raise _TryAgainError("the reply is no JSON", "malformed") from None

    def _call(self, method: str, path: str, body: bytes | None) -> bytes:
        if self._stop.is_set():
            raise StoppedError("the judge is closed", where=self._address)
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        until = time.monotonic() + self._timeout
        connection = self._connection()
        # The socket's time-out is one for each part that arrives, and a head may have many parts.
        late = threading.Timer(self._timeout, _cut, [connection])
        late.daemon = True
        late.start()
        try:
            connection.request(method, f"{self._base}/{path}", body, headers)
            response = connection.getresponse()
            late.cancel()
            reply = self._whole(connection, response, until)
        except TimeoutError:
            self._drop(connection)
            raise self._too_late() from None
        except (OSError, http.client.HTTPException) as error:
            self._drop(connection)
            if time.monotonic() >= until:
                raise self._too_late() from None
            # The library's errors quote what the server sent in place of a status line.
            why = self._words(getattr(error, "strerror", None) or str(error))
            raise _TryAgainError(why or type(error).__name__, "connection") from None
        except BaseException:
            self._drop(connection)
            raise
        finally:
            late.cancel()
            # `close` finds no socket in a connection that was about to open one.
            if self._stop.is_set():
                self._drop(connection)
        if response.will_close:
            self._drop(connection)
        if response.status != 200:
            self._refuse(response, reply)
        return reply

    def _too_late(self) -> _TryAgainError:
        return _TryAgainError(f"no answer in {self._timeout:g} s", "timeout")

    def _whole(
        self,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        until: float,
    ) -> bytes:
        """Read a reply; a time-out for each part alone would let a slow server take for ever."""
        parts, size = [], 0
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
            part = response.read1(2**16)
            if not part:
                if response.length:
                    raise http.client.HTTPException("the connection was cut off")
                break
            parts.append(part)
            size += len(part)
            if size > _LARGEST_REPLY:
                raise http.client.HTTPException("the reply is too long")
        # Reading by parts does not notice the end, and an open reply would block the connection.
        response.close()
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout)
        return b"".join(parts)

    def _refuse(self, response: http.client.HTTPResponse, reply: bytes) -> None:
        status = response.status
        told = f"HTTP {status}{self._told(reply)}"
        if status in {_TOO_MANY, _TIMED_OUT, _TOO_EARLY} or status >= 500:
            kind = "rate limit" if status == _TOO_MANY else "server error"
            raise _TryAgainError(told, kind, _retry_after(response.getheader("Retry-After")))
        raise _RefusedError(
            f"model '{self._model}': the server refuses the request ({told})",
            status=status,
            where=self._address,
            hint=_HINTS.get(status),
        )

    def _told(self, reply: bytes) -> str:
        try:
            found = json.loads(reply)
            found = found["error"]
            text = found if isinstance(found, str) else found["message"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        return f": {self._words(str(text))}"

    def _words(self, text: str) -> str:
        """Return what a server sent as a part of a sentence: printable, short, without the key."""
        told = text.replace(self._key, "***") if self._key else text
        printable = "".join(c if c.isprintable() else " " for c in told)
        return " ".join(printable.split())[:200]

    def _wait_for_turn(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0:
            if self._stop.wait(left):
                return

    def _pause(self, n: int, asked: float | None) -> None:
        pause = min(_FIRST_PAUSE * 2 ** (n - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
        if asked is not None:
            # A limit is one of the server, so that every thread waits for it.
            pause = max(pause, asked)
            with self._lock:
                self._not_before = max(self._not_before, time.monotonic() + asked)
        self._stop.wait(pause)

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._mine, "connection", None)
        if found is not None:
            return found
        if self._tls is None:
            made = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        else:
            made = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=self._tls
            )
        self._mine.connection = made
        with self._lock:
            self._open.add(made)
        return made

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        connection.close()
        self._mine.connection = None
        with self._lock:
            self._open.discard(connection)


def _cut(connection: http.client.HTTPConnection) -> None:
    """End what a connection waits for, from another thread."""
    # One that is closed at the same time has no socket any more.
    if (sock := connection.sock) is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class _RefusedError(InputError):
    """The server will not do what it was asked, however often it is asked."""

    def __init__(self, message: str, *, status: int, where: str, hint: str | None) -> None:
        super().__init__(message, where=where, hint=hint)
        self.status = status


_HINTS = {
    401: "does the variable that key_env names hold the right key?",
    403: "does the variable that key_env names hold the right key?",
    404: "are server and served_as right?",
}


def _retry_after(found: str | None) -> float | None:
    """Return the seconds to wait: the header holds them, or a date."""
    if found is None:
        return None
    if found.strip().isdecimal():
        return min(float(found), 1e9)
    try:
        date = email.utils.parsedate_to_datetime(found)
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        return max(0.0, (date - datetime.datetime.now(datetime.UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
