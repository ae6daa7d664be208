"""Bayesian measurement of the Value Alignment Tax.

What aligning a language model to one value does to all the others, with intervals::

    import vat_bayes as vb

    judgments = vb.load_judgments("ratings.csv")
    posterior = vb.fit(judgments)
    estimands = vb.compute_estimands(posterior)
    print(estimands.table)

Every name below is imported from its room when it is first used, so that importing the package
costs nothing of what a script does not need. Where a room and its function share a name
(`collect`, `audit`, `simulate`, `compare`), the attribute of the package is the function;
``from vat_bayes.collect import RunFolder`` reaches the room.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vat_bayes.audit import Audit, FittedRun, audit, check_run, fit_run, load_run, report_run
    from vat_bayes.checks import Check, read_checks, run_checks, write_checks
    from vat_bayes.collect import RunFolder, collect
    from vat_bayes.compare import Comparison, compare
    from vat_bayes.conditions import Condition
    from vat_bayes.decide import Budget, Decision, decide, load_budget
    from vat_bayes.decisions import decide_run
    from vat_bayes.demo import Demo, run_demo
    from vat_bayes.doctor import Diagnosis, diagnose
    from vat_bayes.errors import InputError
    from vat_bayes.estimands import Definition, Estimands, compute_estimands, explain
    from vat_bayes.items import ItemSet, compose, item_quality, load_items
    from vat_bayes.judgments import Imported, Judgments, describe, import_judgments, load_judgments
    from vat_bayes.model import ModelSpec, fit, load_spec, read_tree, write_tree
    from vat_bayes.report import bibtex, format_table, write_report
    from vat_bayes.runs import FitOptions
    from vat_bayes.simulate import Simulated, World, draw_world, simulate
    from vat_bayes.study import Study, load_study
    from vat_bayes.truth import against_truth
    from vat_bayes.values import SUBVALUES, VALUES, Value

    __version__: str

__all__ = [
    "SUBVALUES",
    "VALUES",
    "Audit",
    "Budget",
    "Check",
    "Comparison",
    "Condition",
    "Decision",
    "Definition",
    "Demo",
    "Diagnosis",
    "Estimands",
    "FitOptions",
    "FittedRun",
    "Imported",
    "InputError",
    "ItemSet",
    "Judgments",
    "ModelSpec",
    "RunFolder",
    "Simulated",
    "Study",
    "Value",
    "World",
    "__version__",
    "against_truth",
    "audit",
    "bibtex",
    "check_run",
    "collect",
    "compare",
    "compose",
    "compute_estimands",
    "decide",
    "decide_run",
    "describe",
    "diagnose",
    "draw_world",
    "explain",
    "fit",
    "fit_run",
    "format_table",
    "import_judgments",
    "item_quality",
    "load_budget",
    "load_items",
    "load_judgments",
    "load_run",
    "load_spec",
    "load_study",
    "read_checks",
    "read_tree",
    "report_run",
    "run_checks",
    "run_demo",
    "simulate",
    "write_checks",
    "write_report",
    "write_tree",
]

_ROOMS = {
    "audit": ("Audit", "FittedRun", "audit", "check_run", "fit_run", "load_run", "report_run"),
    "checks": ("Check", "read_checks", "run_checks", "write_checks"),
    "collect": ("RunFolder", "collect"),
    "compare": ("Comparison", "compare"),
    "conditions": ("Condition",),
    "decide": ("Budget", "Decision", "decide", "load_budget"),
    "decisions": ("decide_run",),
    "demo": ("Demo", "run_demo"),
    "doctor": ("Diagnosis", "diagnose"),
    "errors": ("InputError",),
    "estimands": ("Definition", "Estimands", "compute_estimands", "explain"),
    "items": ("ItemSet", "compose", "item_quality", "load_items"),
    "judgments": ("Imported", "Judgments", "describe", "import_judgments", "load_judgments"),
    "model": ("ModelSpec", "fit", "load_spec", "read_tree", "write_tree"),
    "report": ("bibtex", "format_table", "write_report"),
    "runs": ("FitOptions",),
    "simulate": ("Simulated", "World", "draw_world", "simulate"),
    "study": ("Study", "load_study"),
    "truth": ("against_truth",),
    "values": ("SUBVALUES", "VALUES", "Value"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("vat-bayes")
    elif name in _ROOM_OF:
        found = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The package, whose functions win over rooms of the same name.

    Importing ``vat_bayes.collect`` sets the attribute `collect` of the package to that module, and
    `vb.collect` would be the function or the module depending on what was imported before.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and _ROOM_OF.get(name) == name):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
