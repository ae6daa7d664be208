"""Where compiled programs are kept from one command to the next.

A small fit compiles for longer than it samples, and the next command on the same study would
compile the same once more.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
from pathlib import Path

from platformdirs import user_cache_path

_FOLDER, _SECONDS, _SIZE = (
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
    "JAX_COMPILATION_CACHE_MAX_SIZE",
)
# What takes less to compile is not worth a file, in seconds; and all there is room for, in bytes.
_WORTH, _ROOM = "0.3", str(1 << 30)


def keep_programs() -> None:
    """Let JAX keep what it compiles in the user's own cache folder, unless its variables say where.

    Without a folder that only this user can write to, nothing is kept: programs in it are run as
    they are.
    """
    if _FOLDER in os.environ:
        return
    try:
        ours = user_cache_path("vat-bayes")
        folder = ours / f"compiled-{_processor()}"
        # Of a folder that others may write to, the one inside can be exchanged.
        if not (ours.is_absolute() and all(_is_ours_alone(x) for x in (ours, folder))):
            return
    except OSError:
        return
    keep_programs_in(folder)


def keep_programs_in(folder: Path) -> None:
    """Let JAX keep what it compiles in a folder, as far as its own variables say nothing else.

    Parameters
    ----------
    folder : Path
        Made when something is kept. Whoever can write to it can have their programs run.
    """
    os.environ.setdefault(_FOLDER, str(folder))
    os.environ.setdefault(_SECONDS, _WORTH)
    # Only with a size does JAX lock the folder, so that no process reads what another is writing.
    os.environ.setdefault(_SIZE, _ROOM)


def _is_ours_alone(folder: Path) -> bool:
    """Make a folder where there is none, and say whether only this user can write to it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or not os.access(folder, os.W_OK):
        return False
    if not hasattr(os, "getuid"):
        return True
    return state.st_uid == os.getuid() and not state.st_mode & 0o022


def _processor() -> str:
    """Name the kind of processor: a home folder may be seen from several, and programs fit one."""
    told = [platform.machine(), platform.processor()]
    file = Path("/proc/cpuinfo")
    if file.is_file():
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        told += [next((x for x in lines if x.startswith(("flags", "Features"))), "")]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]
