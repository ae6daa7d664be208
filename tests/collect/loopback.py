"""Servers on loopback: a small one that fails when told to, and llama-cpp-python's own.

What answers in the small one is the function that the other calls: the library's chat completion.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import llama_cpp

from vat_bayes.collect.llamacpp.library import library

Fault = Callable[[int], str | None]
KEY = "sk-very-secret-0123456789"


class Loopback:
    """A running server.

    Parameters
    ----------
    path : pathlib.Path
        The GGUF file.
    fault : callable
        The number of a request, from 1, to the failure that it meets, if any.
    key : str, optional
        The key that every request must bring.
    """

    def __init__(
        self, path: Path, fault: Fault = lambda _: None, *, key: str | None = None
    ) -> None:
        library()
        self.path, self.fault, self.key = path, fault, key
        self.model = llama_cpp.Llama(
            str(path),
            n_ctx=1024,
            logits_all=True,
            verbose=False,
            n_threads=1,
            n_threads_batch=1,
            seed=1,
        )
        self.requests = self.at_once = self.most_at_once = 0
        self.bodies: list[dict[str, Any]] = []
        self.served = {"id": "judge", "meta": {"n_params": 1_082_752}}
        self.lock, self.busy = threading.Lock(), threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"

    def complete(self, body: dict[str, Any]) -> bytes:
        with self.busy:
            reply = self.model.create_chat_completion(
                body["messages"],
                max_tokens=body["max_tokens"],
                temperature=body["temperature"],
                logprobs=body["logprobs"],
                top_logprobs=body["top_logprobs"],
            )
        return json.dumps(reply, default=float).encode()


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def reply(self, status: int, text: bytes, *, short_by: int = 0, **headers: str) -> None:
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, found in headers.items():
                    self.send_header(name.replace("_", "-"), found)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[: len(text) - short_by])
                if short_by:
                    self.close_connection = True

        def do_GET(self) -> None:
            if self.path != "/v1/models":
                self.reply(404, b"{}")
            else:
                self.reply(200, json.dumps({"data": [server.served]}).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with server.lock:
                server.requests += 1
                number = server.requests
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            try:
                self.answer(json.loads(body), server.fault(number))
            finally:
                with server.lock:
                    server.at_once -= 1

        def answer(self, body: dict[str, Any], fault: str | None) -> None:
            with server.lock:
                server.bodies.append(body)
            given = self.headers.get("Authorization")
            if server.key is not None and given != f"Bearer {server.key}":
                told = {"error": {"message": f"Incorrect API key: {given}"}}
                self.reply(401, json.dumps(told).encode())
            elif fault in {"429", "429 for a day"}:
                wait = "0" if fault == "429" else "86400"
                self.reply(429, b'{"error": {"message": "slow down"}}', Retry_After=wait)
            elif fault == "500":
                self.reply(500, b"<html>out of order</html>")
            elif fault == "404":
                self.reply(404, b'{"error": {"message": "no such model"}}')
            elif fault == "dropped":
                self.close_connection = True
                self.connection.close()
            elif fault == "slow":
                time.sleep(1.5)
                self.close_connection = True
            elif fault == "dripping":
                with contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
                    for _ in range(30):
                        self.wfile.write(b" ")
                        time.sleep(0.05)
                self.close_connection = True
            elif fault == "malformed":
                self.reply(200, b'{"choices": [')
            elif fault == "without logprobs":
                self.reply(200, b'{"choices": [{"message": {"content": "4"}}]}')
            elif fault == "cut off":
                self.reply(200, server.complete(body), short_by=40)
            else:
                self.reply(200, server.complete(body))

    return Handler


@contextlib.contextmanager
def serve(
    path: Path, fault: Fault = lambda _: None, *, key: str | None = None
) -> Iterator[Loopback]:
    """Run a server until the end of the block."""
    server = Loopback(path, fault, key=key)
    thread = threading.Thread(target=server.http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
        server.model.close()


@contextlib.contextmanager
def serve_really(path: Path) -> Iterator[str]:
    """Run llama-cpp-python's own web server in another process until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    options = {
        "model": path,
        "model_alias": "judge",
        "logits_all": "true",
        "n_ctx": 1024,
        "n_threads": 1,
        "n_threads_batch": 1,
        "port": port,
    }
    words = [str(w) for name, found in options.items() for w in (f"--{name}", found)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "llama_cpp.server", *words],
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/v1/models"):
                    break
                if process.poll() is not None:
                    said.seek(0)
                    raise RuntimeError(said.read().decode()[-2000:])
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    with serve(Path(sys.argv[1])) as running:
        print(running.address, flush=True)
        threading.Event().wait()
