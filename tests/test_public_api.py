"""The public names: all there, and none of them costs anything before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vat_bayes as vb

HEAVY = ("jax", "numpyro", "pymc", "llama_cpp", "matplotlib", "pandas", "xarray", "arviz", "typer")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", vb.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(vb, name)
    assert name in dir(vb)
    if callable(found):
        assert found.__doc__


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, vat_bayes; print([m for m in {HEAVY} if m in sys.modules])"
    assert run(code) == "[]"


def test_importing_the_package_takes_well_under_a_second() -> None:
    # CPU time, because other work on the machine says nothing about the package.
    code = (
        "import time\nstart = time.process_time()\nimport vat_bayes\n"
        "vat_bayes.VALUES, vat_bayes.InputError, vat_bayes.Condition\n"
        "print(time.process_time() - start)"
    )
    assert float(run(code)) < 0.5


def test_loading_judgments_starts_no_sampler() -> None:
    code = (
        "import sys, vat_bayes as vb; vb.load_judgments; vb.load_study; vb.compose\n"
        "print([m for m in ('jax', 'pymc', 'llama_cpp', 'matplotlib') if m in sys.modules])"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize("name", ["audit", "collect", "simulate"])
@pytest.mark.parametrize("first", ["room", "function"])
def test_a_function_wins_over_the_room_of_its_name(name: str, first: str) -> None:
    room, function = f"import vat_bayes.{name}", f"vat_bayes.{name}"
    steps = [room, function] if first == "room" else [function, room]
    code = "\n".join(
        ["import vat_bayes", *steps, f"print(type(vat_bayes.{name}).__name__)"]
        + [f"from vat_bayes import {name}", f"assert callable({name})"]
    )
    assert run(code) == "function"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        vb.fitt  # noqa: B018
