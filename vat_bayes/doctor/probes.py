"""Trying things: a backend, the judges, the tables and the report, each in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vat_bayes.doctor.finding import Finding, Kind, State, said

if TYPE_CHECKING:
    from vat_bayes.model import Backend, Engine
    from vat_bayes.simulate.truth import Readout

GET_BASE = "pip install --upgrade vat-bayes"
GET_COLLECT = "pip install 'vat-bayes[collect]'"
GET_PYMC = "pip install 'vat-bayes[pymc]'"
GET_REPORT = "pip install 'vat-bayes[report]'"
_ANSWERS = ("1", "2", "3", "4", "5")


@dataclass(frozen=True)
class Probe:
    """One thing to try.

    Parameters
    ----------
    kind, name : str
        As in a `Finding`.
    look : callable
        Returns what was found, and raises when it does not work.
    get : str
        What to type when it is missing.
    needed : bool
        Whether the base needs it.
    tries : bool
        Whether `look` uses it; otherwise it only finds it.
    """

    kind: Kind
    name: str
    look: Callable[[], str]
    get: str
    needed: bool = False
    tries: bool = True

    def run(self) -> Finding:
        """Try it; whatever it raises is what is wrong with it."""
        try:
            found = self.look()
        except ModuleNotFoundError as error:
            why = f"{error.name} is not installed"
            return Finding(self.kind, self.name, "missing", why, self.needed, self.get)
        except Exception as error:  # anything at all can be wrong here
            return Finding(self.kind, self.name, "broken", said(error), self.needed, self.get)
        state: State = "works" if self.tries else "installed"
        return Finding(self.kind, self.name, state, found, self.needed)


def _jax() -> str:
    import jax
    import numpyro

    total = float(jax.jit(lambda x: (x * x).sum())(jax.numpy.arange(4.0)))
    if total != 14.0:
        raise ArithmeticError(f"the sum of four squares came out as {total}, expected 14")
    devices = ", ".join(str(d) for d in jax.devices())
    return f"NumPyro {numpyro.__version__} on JAX {jax.__version__} ({devices})"


def _embedded_judge() -> str:
    import llama_cpp  # noqa: F401 - or its absence would be told as a fault

    from vat_bayes.bundled import model_path
    from vat_bayes.collect import Chat, LlamaCppJudge, Prompt, user_message

    anchors = ("strongly disapprove", "disapprove", "neutral", "approve", "strongly approve")
    question = user_message("A neighbour is ill.", "Help.", "Do you approve?", _ANSWERS, anchors)
    prompt = Prompt("doctor", "help", "forward", Chat(question))
    judge = LlamaCppJudge(
        model_path("judges", "core-judge.gguf"), name="core-judge", labels=_ANSWERS
    )
    try:
        judge.prepare([prompt])
        reading = judge.read(prompt.chat)
    finally:
        judge.close()
    mean = sum(int(k) * p for k, p in zip(_ANSWERS, reading.probabilities, strict=True))
    return f"core-judge answered a question (mean rating {mean:.2f})"


def _server_judge() -> str:
    import ssl

    import vat_bayes.collect.server  # noqa: F401

    return f"any OpenAI-compatible address, set as `server` in a study ({ssl.OPENSSL_VERSION})"


def _importer(kind: str) -> Callable[[], str]:
    def look() -> str:
        from vat_bayes.judgments import IMPORTERS

        doc = (IMPORTERS[kind].__doc__ or "").strip().splitlines()
        return doc[0].rstrip(".") if doc else ""

    return look


def _tables() -> str:
    import io

    import duckdb
    import pandas as pd

    buffer = io.BytesIO()
    pd.DataFrame({"rating": [1, 5]}).to_parquet(buffer)
    buffer.seek(0)
    back = int(pd.read_parquet(buffer)["rating"].sum())
    counted = duckdb.sql("select 1 + 5").limit(1).fetchall()
    if back != 6 or counted != [(6,)]:
        raise ArithmeticError("a small table did not come back as it was written")
    return "CSV, TSV and Parquet; large files are counted on disk"


def _page() -> str:
    from matplotlib.figure import Figure

    from vat_bayes.report.figures.style import drawing, style
    from vat_bayes.report.html import bind

    with style():
        figure = Figure(figsize=(1, 1))
        figure.add_subplot()
        drawn = drawing(figure, name="doctor", alt=bind("nothing"))
    return f"HTML, Markdown, JSON and figures (a figure of {len(drawn.file):,} bytes was drawn)"


def _pymc() -> str:
    import nutpie
    import pymc

    return f"PyMC {pymc.__version__} with nutpie {nutpie.__version__}; `--fit` tries it"


def _pdf() -> str:
    from vat_bayes.report.pdf import NAMES, find_browser

    browser = find_browser()
    if browser is None:
        raise ModuleNotFoundError(name=f"a browser ({', '.join(NAMES)})")
    return str(browser)


def _fit(engine: Engine, backend: Backend, readout: Readout) -> Callable[[], str]:
    def look() -> str:
        import time

        from vat_bayes.judgments import load_judgments
        from vat_bayes.model import fit
        from vat_bayes.simulate import simulate

        study = simulate(4, seed=1, readout=readout)
        judgments = load_judgments(study.judgments, n_categories=5)
        start = time.perf_counter()
        tree = fit(judgments, engine=engine, backend=backend, draws=10, tune=10, chains=1)
        n = tree["posterior"].sizes["draw"]
        return f"{n} draws from four simulated scenarios in {time.perf_counter() - start:.0f} s"

    return look


PROBES = (
    Probe("engine", "numpyro", _jax, GET_BASE, needed=True),
    Probe("engine", "pymc", _pymc, GET_PYMC, tries=False),
    Probe("judge", "llama.cpp", _embedded_judge, GET_COLLECT),
    Probe("judge", "server", _server_judge, GET_COLLECT, tries=False),
    Probe("importer", "files", _tables, GET_BASE, needed=True),
    *(
        Probe("importer", kind, _importer(kind), GET_BASE, needed=True, tries=False)
        for kind in ("table", "valueportrait")
    ),
    Probe("report", "page", _page, GET_REPORT),
    Probe("report", "PDF", _pdf, "install Chromium or Chrome", tries=False),
)
"""What is tried every time."""

FITS = (
    Probe("engine", "fast, expected scores", _fit("fast", "numpyro", "distribution"), GET_BASE),
    Probe("engine", "nuts, ratings", _fit("nuts", "numpyro", "ratings"), GET_BASE),
    Probe("engine", "fast, ratings", _fit("fast", "numpyro", "ratings"), GET_BASE),
    Probe("engine", "pymc, ratings", _fit("nuts", "pymc", "ratings"), GET_PYMC),
)
"""What is tried when it is asked for: each compiles a model."""
