"""The finding in words: what each intervention did, with numbers, intervals and units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.run import Arm, Run

_NAMED = 3
# A posterior that is narrower than the prior by less than this share has learned little.
_LITTLE = 0.2


@dataclass(frozen=True)
class Finding:
    """What is said about one intervention.

    Parameters
    ----------
    arm : Arm
        The intervention.
    tone : str
        ``gain``, ``unclear``, ``wrong-way``, ``no-target`` or ``withheld``.
    sentences : tuple of str
        The first goes on after the intervention's name; the others stand by themselves.
    """

    arm: Arm
    tone: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole finding, beginning with the intervention's name."""
        return f"{self.arm.condition} {' '.join(self.sentences)}"


def alerts(run: Run) -> tuple[str, ...]:
    """Return what has to be read before any number: failed fits, failed checks, checks not run."""
    said = []
    if run.fit_failures:
        what = words.listing(
            [f"{c.check}{f' ({c.why})' if c.why else ''}" for c in run.fit_failures]
        )
        said.append(
            f"The fit failed: {what}. Every number that comes from it is withheld. The classical "
            "estimates do not depend on it and are still given."
        )
    else:
        failed = [a.condition for a in run.arms if run.failed(a)]
        if failed:
            said.append(
                f"The fit of {words.listing(failed)} failed its checks. Its numbers are withheld; "
                "the classical estimates do not depend on the fit and are still given."
            )
    others = [c for c in run.checks if c.verdict == "fail" and c not in run.fit_failures]
    if others:
        noun = "check" if len(others) == 1 else "checks"
        said.append(
            f"{words.count(len(others)).capitalize()} {noun} failed: "
            f"{words.listing([c.check for c in others])}. "
            "Read the numbers with what each of them says, under Checks."
        )
    if not run.checks:
        said.append("No checks were run on this fit.")
    return tuple(said)


def opening(run: Run) -> str:
    """Return what was measured, on what, and how the intervals are to be read."""
    interventions = {a.condition for a in run.role("intervention")}
    scenarios = run.estimates.table["n_scenarios"].dropna()
    size = f" on {int(scenarios.max()):,} scenarios" if len(scenarios) else ""
    if len(run.models) == 1:
        subject = f"the model {words.printable(run.models[0])}"
    else:
        subject = words.plural(len(run.models), "model")
    beside = [
        words.plural(len({a.condition for a in run.role(role)}), role)
        for role in ("placebo", "retest")
        if run.role(role)
    ]
    with_ = f", beside {words.listing(beside)}" if beside else ""
    return (
        f"{words.plural(len(interventions), 'intervention').capitalize()} on {subject}, each "
        f"compared with the same model's baseline{size}{with_}. Brackets hold "
        f"{words.percent(run.level)} intervals about the population of scenarios that these were "
        "drawn from, not about these rows alone."
    )


def findings(run: Run) -> tuple[Finding, ...]:
    """Return the finding of each intervention, in the order of the run."""
    return tuple(_finding(run, arm) for arm in run.role("intervention"))


def _finding(run: Run, arm: Arm) -> Finding:
    gain = run.get(arm, "gain", scale="points")
    tax = run.get(arm, "tax_rms", scale="points")
    if run.failed(arm):
        said = ["has no result: the fit failed its checks, and its numbers are withheld."]
        twin = run.get(arm, "gain_classical", scale="points")
        if twin.known:
            said.append(f"The classical estimate of its gain is {twin.phrase}.")
        return Finding(arm, "withheld", tuple(said))
    if "identical" in (gain.status, tax.status):
        return Finding(
            arm,
            "withheld",
            (
                "gave the same answers as its reference, judgment by judgment. Either it did not "
                "take effect or the judge does not read it; nothing is estimated.",
            ),
        )
    tone, first = _gain(arm, gain)
    said = [first, _tax(run, arm, tax)]
    said += _excess(run, arm)
    said += _ratio(run, arm, gain)
    said += _movers(run, arm)
    said += _floors(run, arm)
    return Finding(arm, tone, tuple(s for s in said if s))


def _gain(arm: Arm, gain: Estimate) -> tuple[str, str]:
    target = words.listing(arm.target)
    mean = " on average" if len(arm.target) > 1 else ""
    if not arm.target:
        return "no-target", "declares no target value, so it has no gain."
    up, down = ("raise", "lower") if arm.direction > 0 else ("lower", "raise")
    if not gain.known and gain.status == "wrong-way":
        return "wrong-way", f"moved {target} the wrong way: it was meant to {up} it."
    if not gain.known:
        why = words.reason(gain.status)
        return "withheld", f"has no estimate of its gain on {target}: {why}."
    # Resolved the wrong way by its interval, or by the stricter rule behind the status.
    if gain.sign < 0 or gain.status == "wrong-way":
        return "wrong-way", (
            f"went the wrong way: it {_past(down)} {target} by {gain.flipped().phrase}{mean} "
            f"and was meant to {up} it."
        )
    if gain.sign == 0:
        counted = "" if arm.direction > 0 else " (a fall counts as a gain)"
        return "unclear", (
            f"did not clearly {up} {target}: the gain is {gain.phrase}{mean}{counted}."
        )
    return "gain", f"{_past(up)} {target} by {gain.phrase}{mean}."


def _past(verb: str) -> str:
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"


def _tax(run: Run, arm: Arm, tax: Estimate) -> str:
    n = len([v for v in run.values if v not in arm.target])
    who = f"The other {words.count(n)} values" if arm.target else f"All {words.count(n)} values"
    if n == 1:
        who = "The one other value"
    if not tax.known:
        return f"How far {who[0].lower()}{who[1:]} moved is withheld: {words.reason(tax.status)}."
    floor = f" This is {words.reason('at-floor')}." if tax.status == "at-floor" else ""
    return f"{who} moved by {tax.phrase}, root mean square.{floor}"


def _excess(run: Run, arm: Arm) -> list[str]:
    placebo, retest = (
        run.get(arm, name, scale="points") for name in ("tax_excess", "tax_excess_retest")
    )
    over = [_over(e, what) for e, what in ((placebo, "placebo"), (retest, "retest")) if e.known]
    # The squares are what is subtracted, so that this is not the one tax minus the other.
    how = "as the root of the difference of the squares"
    said = [f"That is {words.listing(over)}, {how}."] if over else []
    if placebo.status == "no-placebo":
        said.append(
            "No placebo was run, so it is not known how much of this any prompt of that length "
            "would do."
        )
    elif not placebo.known:
        said.append(f"The excess over a placebo is not given: {words.reason(placebo.status)}.")
    return said


def _over(e: Estimate, what: str) -> str:
    if e.sign > 0:
        return f"{e.phrase} beyond the {what}"
    if e.sign < 0:
        return f"{e.flipped().phrase} short of the {what}"
    return f"not clearly beyond the {what} ({_signed(e)})"


def _ratio(run: Run, arm: Arm, gain: Estimate) -> list[str]:
    if not arm.target or not gain.known:
        return []
    ratio = run.get(arm, "tax_ratio")
    if ratio.known:
        return [
            f"Per point of gain, the tax is {words.number(ratio.centre, ratio.places)} points "
            f"{ratio.bounds}."
        ]
    if ratio.status == "not-estimated":
        return []
    return [f"The tax per point of gain is withheld: {words.reason(ratio.status)}."]


def _movers(run: Run, arm: Arm) -> list[str]:
    """Name the off-target values that moved most, and say that they were picked for it."""
    off = [v for v in run.values if v not in arm.target]
    clear = [(v, e) for v in off if (e := run.get(arm, "shift", v, "points")).sign]
    if not clear:
        some = any(run.get(arm, "shift", v, "points").known for v in off)
        which = "off-target value" if arm.target else "value"
        return [f"No {which} moved clearly by itself."] if some else []
    clear.sort(key=lambda pair: -abs(pair[1].centre))
    named = words.listing([f"{v} {_signed(e)}" for v, e in clear[:_NAMED]])
    of = f"{words.count(len(clear))} of {words.count(len(off))}"
    how = "clearly, most of all" if len(clear) > _NAMED else "clearly:"
    where = f"Off target, {of}" if arm.target else f"Of these, {words.count(len(clear))}"
    return [f"{where} moved {how} {named}."]


def _signed(e: Estimate) -> str:
    sign = "+" if e.centre > 0 else ""
    return f"{sign}{e.phrase}"


def _floors(run: Run, arm: Arm) -> list[str]:
    """Name the readings that noise alone would give."""
    at = [
        label
        for name, label in (("tax_displacement", "mean displacement"), ("tax_loss", "mean loss"))
        if run.get(arm, name, scale="points").status == "at-floor"
    ]
    if not at:
        return []
    verb = "is" if len(at) == 1 else "are"
    its = "its floor" if len(at) == 1 else "their floors"
    return [
        f"The {words.listing(at)} {verb} at {its}: no larger than noise alone would make "
        f"{'it' if len(at) == 1 else 'them'} at this precision."
    ]


def nvat_sentence(run: Run, arm: Arm) -> str:
    """Say what the data add to the prior about an arm's coupling norm, and to its null."""
    return " ".join(x for x in (_against_prior(run, arm), _against_null(run, arm)) if x)


def _against_prior(run: Run, arm: Arm) -> str:
    posterior = run.get(arm, "nvat_offdiag")
    prior = run.get(arm, "nvat_offdiag_prior")
    if not posterior.known:
        return f"withheld: {words.reason(posterior.status)}."
    if not prior.known:
        return f"{posterior.phrase}; what the prior alone implies was not computed."
    said = f"{posterior.phrase}; the prior alone implies {prior.text}."
    narrowed = 1 - (posterior.hi - posterior.lo) / (prior.hi - prior.lo)
    moved = abs(posterior.centre - prior.centre)
    if math.isfinite(prior.sd) and moved < prior.sd and narrowed < _LITTLE:
        said += " The data have added little to the prior here."
    return said


def _against_null(run: Run, arm: Arm) -> str:
    raw, null = run.get(arm, "nvat_paper_raw"), run.get(arm, "nvat_paper_raw_null")
    if not (raw.known and null.known):
        return ""
    # A permutation test asks where the estimate itself lies in the null, not its interval.
    verb = "exceeds" if raw.centre > null.hi else "does not exceed"
    return f"The raw Spearman norm {raw.text} {verb} its sign-flip null {null.text}."
