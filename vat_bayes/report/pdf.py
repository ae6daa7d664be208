"""The report on paper: the page, printed by a browser that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from vat_bayes.errors import InputError

NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("chrome", "microsoft-edge", "msedge"),
)
"""What a browser that prints without a window is called, in the order in which they are tried."""

_SECONDS = 120
_OFFLINE = (
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--no-default-browser-check", "--disable-extensions"),
)


def find_browser() -> Path | None:
    """Return the first of `NAMES` that is on the search path."""
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


def needed_browser() -> Path:
    """Return the browser that prints.

    Raises
    ------
    InputError
        When there is none.
    """
    browser = find_browser()
    if browser is None:
        raise InputError(
            f"a PDF is printed by Chromium or Chrome, and none of {', '.join(NAMES)} is on PATH",
            hint="install one of them, or print report.html from any browser",
        )
    return browser


def print_page(page: Path, pdf: Path) -> None:
    """Print a page into a PDF file.

    Parameters
    ----------
    page : Path
        An HTML file.
    pdf : Path
        The file to write; it is replaced only when the browser has finished.

    Raises
    ------
    InputError
        When there is no browser, or it does not print.
    """
    browser = needed_browser()
    with tempfile.TemporaryDirectory(prefix="vat-bayes-", ignore_cleanup_errors=True) as folder:
        part = Path(folder) / "report.pdf"
        command = [str(browser), "--headless", "--disable-gpu", *_OFFLINE]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Its sandbox refuses to start for root; the page runs no scripts and loads nothing.
            command.append("--no-sandbox")
        command += [
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={part}",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise InputError(
                f"{browser.name} has not printed the page in {_SECONDS} seconds", where=str(page)
            ) from None
        except OSError as error:
            raise InputError(f"{browser} can't be started ({error.strerror})") from None
        if not part.is_file() or not part.read_bytes().startswith(b"%PDF-"):
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InputError(
                f"{browser.name} did not print the page (exit code {done.returncode}: {last})",
                where=str(page),
            )
        shutil.move(part, pdf)
