"""The llama.cpp library: loaded once, silenced, its last complaints kept for error messages."""

from __future__ import annotations

import ctypes
import os
from collections import deque
from functools import cache
from typing import Any

from vat_bayes.errors import InputError

_ERROR_LEVEL = 4
_complaints: deque[str] = deque(maxlen=20)
# Callbacks live as long as the library does, or llama.cpp would call freed memory.
_kept: list[Any] = []


@cache
def library() -> Any:
    """Return the bindings of llama.cpp.

    Raises
    ------
    InputError
        When they are not installed.
    """
    # Threads that wait must sleep: by default they spin, and where a core is shared with another
    # program each step then waits for a time slice (27 times slower on two busy cores).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import llama_cpp
    except ImportError as e:
        raise InputError(
            f"collecting needs llama-cpp-python ({e})", hint="pip install 'vat-bayes[collect]'"
        ) from None

    def log(level: int, text: bytes, _user_data: object) -> None:
        if level == _ERROR_LEVEL:
            _complaints.append(text.decode("utf-8", "replace").strip())

    callback = llama_cpp.llama_log_callback(log)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    _kept.append(callback)
    return llama_cpp


def complaints() -> str:
    """Return what llama.cpp reported as errors since the last call, the first one only."""
    first = next((c for c in _complaints if c), "")
    _complaints.clear()
    # It names the C++ function first, which tells a user nothing.
    return first.rpartition(": ")[2] if first.startswith(("llama_", "gguf_")) else first
