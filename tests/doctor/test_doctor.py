"""``doctor``: what it finds where all is there, and what it says where something is not."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from vat_bayes.cli import main
from vat_bayes.doctor import Diagnosis, Finding, diagnose
from vat_bayes.doctor.libraries import PACKAGE, libraries
from vat_bayes.doctor.probes import PROBES


def probe(name: str) -> Finding:
    return next(p for p in PROBES if p.name == name).run()


@pytest.fixture(scope="module")
def here() -> Diagnosis:
    return diagnose()


def test_everything_works_where_everything_is_installed(here: Diagnosis) -> None:
    assert here.works
    assert here.version == metadata.version(PACKAGE)
    faults = [f for f in here.findings if not f.fine and f.name != "PDF"]
    assert faults == []
    by_name = {f.name: f for f in here.findings}
    assert by_name["numpyro"].state == "works"
    assert by_name["llama.cpp"].state == "works"
    assert by_name["pandas"].found == metadata.version("pandas")


def test_every_declared_dependency_is_looked_at(here: Diagnosis) -> None:
    listed = {f.name for f in here.findings if f.kind == "library"}
    declared = {r.split(">=")[0] for r in metadata.requires(PACKAGE) or [] if ">=" in r}
    assert listed == declared


@pytest.mark.parametrize(
    ("module", "name", "get"),
    [
        ("matplotlib", "page", "pip install 'vat-bayes[report]'"),
        ("llama_cpp", "llama.cpp", "pip install 'vat-bayes[collect]'"),
        ("nutpie", "pymc", "pip install 'vat-bayes[pymc]'"),
    ],
)
def test_what_is_missing_is_named_with_what_to_type(
    module: str, name: str, get: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loaded in [m for m in sys.modules if m.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    for loaded in [m for m in sys.modules if m.startswith("vat_bayes.report.figures")]:
        monkeypatch.delitem(sys.modules, loaded)
    found = probe(name)
    assert (found.state, found.get) == ("missing", get)
    assert module in found.found


def test_a_library_that_is_too_old_or_absent_fails_the_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "duckdb":
            raise metadata.PackageNotFoundError(name)
        return "1.9.4" if name == "numpy" else real(name)

    monkeypatch.setattr(metadata, "version", version)
    found = {f.name: f for f in libraries()}
    assert (found["duckdb"].state, found["numpy"].state) == ("missing", "broken")
    assert found["numpy"].found.startswith("1.9.4, expected >=2.")
    assert not Diagnosis("", "", "", tuple(found.values())).works


def test_without_a_browser_there_is_no_pdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = probe("PDF")
    assert found.state == "missing"
    assert "chromium" in found.found
    assert not found.needed


@pytest.mark.parametrize("fails", [False, True])
def test_the_exit_code_and_the_json_say_whether_the_base_works(
    fails: bool,
    here: Diagnosis,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = Finding("engine", "broken one", "broken", "no reason", True, "type this")
    findings = (*here.findings, more) if fails else here.findings
    told = Diagnosis(here.version, here.python, here.machine, findings)
    monkeypatch.setattr("vat_bayes.doctor.diagnose", lambda **_: told)
    assert main(["doctor", "--json"]) == int(fails)
    data = json.loads(capsys.readouterr().out)
    assert data["works"] is not fails
    assert len(data["findings"]) == len(findings)
    assert main(["doctor"]) == int(fails)
    text = capsys.readouterr().out
    assert ("for broken one: type this" in text) is fails
    assert "the base does not work: broken one" in text if fails else "the base works" in text
