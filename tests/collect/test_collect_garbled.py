"""Servers that answer anything at all: a reading or one sentence, and no waiting for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vat_bayes.collect import Chat, ServerJudge
from vat_bayes.errors import InputError


class Garbler:
    """A server that reads a request and sends the bytes that it is given."""

    def __init__(self) -> None:
        self.reply, self.drip = b"", False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                other, _ = self._socket.accept()
            except OSError:
                return
            with other:
                other.settimeout(1)
                try:
                    other.recv(65536)
                    other.sendall(self.reply)
                    while self.drip:
                        other.sendall(b"x")
                        time.sleep(0.1)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def garbler() -> Iterator[Garbler]:
    found = Garbler()
    yield found
    found.close()


_STATUS = st.sampled_from(
    [b"200 OK", b"200", b"204 No Content", b"301 x", b"429 x", b"500 x", b"x"]
)
_HEADER = st.sampled_from(
    [
        b"Content-Length: 3\r\n",
        b"Content-Length: 99999999\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: x\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Retry-After: never\r\n",
        b"Retry-After: -5\r\n",
        b"Location: http://127.0.0.1:1/\r\n",
        b": \r\n",
        b"\xff\xfe\r\n",
    ]
)
_BODY = st.binary(max_size=30) | st.sampled_from(
    [
        b"{}",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"logprobs": null}]}',
        b'{"choices": [{"logprobs": {"content": []}}]}',
        b'{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "1", "logprob": 1e400}'
        b"]}]}}]}",
        b'{"error": {"message": 7}}',
        b"[" * 5000,
        b"\xef\xbb\xbf{}",
        b"zz\r\n{}",
    ]
)
_REPLY = st.binary(max_size=40) | st.builds(
    lambda status, headers, body: (
        b"HTTP/1.1 " + status + b"\r\n" + b"".join(headers) + b"\r\n" + body
    ),
    _STATUS,
    st.lists(_HEADER, max_size=3),
    _BODY,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(reply=_REPLY)
def test_any_bytes_are_a_reading_or_one_sentence(garbler: Garbler, reply: bytes) -> None:
    garbler.reply = reply
    judge = ServerJudge(
        garbler.address, name="judge", labels=("1", "2", "3"), tries=1, timeout=2.0, parallel=1
    )
    began = time.monotonic()
    try:
        found = judge.read(Chat("How much?"))
    except InputError as refused:
        assert "\n" not in refused.message
    else:
        assert found.probabilities == () or len(found.probabilities) == 3
    finally:
        judge.close()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_reply_that_never_ends_is_given_up(garbler: Garbler, begun: bytes) -> None:
    garbler.reply, garbler.drip = begun, True
    judge = ServerJudge(garbler.address, name="judge", labels=("1", "2"), tries=1, timeout=0.7)
    began = time.monotonic()
    with pytest.raises(InputError, match=r"no answer in 0\.7 s"):
        judge.read(Chat("How much?"))
    assert time.monotonic() - began < 3
    garbler.drip = False
    judge.close()
