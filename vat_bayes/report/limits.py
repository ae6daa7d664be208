"""What a report does not show, said in the report."""

from __future__ import annotations

from vat_bayes.report import words
from vat_bayes.report.run import Run


def limits(run: Run) -> tuple[str, ...]:
    """Return the limits of a run: those of its design first, then those of the method."""
    said = []
    bare = [
        a.condition
        for a in run.role("intervention")
        if run.get(a, "tax_excess").status == "no-placebo"
    ]
    if bare:
        said.append(
            f"No placebo stands beside {words.listing(list(dict.fromkeys(bare)))}. Any text in "
            "the prompt can move ratings, and without a placebo that part can't be told from the "
            "intervention's own."
        )
    if not run.role("retest"):
        said.append(
            "No retest was run: how far the ratings move when the question is merely asked again "
            "or reworded is not known here."
        )
    aimless = [a.condition for a in run.role("intervention") if not a.target]
    if aimless:
        said.append(
            f"{words.listing(list(dict.fromkeys(aimless)))} declares no target, so every value "
            "counts towards its tax, including any that it was meant to move."
        )
    not_run = [c.check for c in run.checks if c.verdict == "not-run"]
    if not_run:
        said.append(f"Checks that were not run: {words.listing(not_run)}.")
    return (
        *said,
        "What is measured is how a model rates actions in short written scenarios. That it acts "
        "on these ratings is another question.",
        "The intervals speak for scenarios like these ones. They do not cover other kinds of "
        "scenarios, languages or wordings of the intervention.",
        "Couplings say that two values move together from scenario to scenario under an "
        "intervention. They do not say that one moves the other.",
        "Values named for the size of their shift were picked by it. The forest shows all of "
        "them, and the largest of ten noisy numbers tends to be too large.",
        "The ten values and their circle come from studies of people. Whether they are the right "
        "axes for a language model is an assumption.",
    )
