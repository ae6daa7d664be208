from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from report_runs import CHECKS, STANDARD, Made

from vat_bayes.report.agreement import disagreements
from vat_bayes.report.finding import alerts, findings, nvat_sentence, opening
from vat_bayes.report.limits import limits
from vat_bayes.report.run import load_run

MakeRun = Callable[..., Path]
FAILED = [{**CHECKS[0], "verdict": "fail", "why": "R-hat 1.2"}, *CHECKS[1:]]
# A decimal number, with the interval that has to follow it.
DECIMAL = re.compile(r"[−+]?\d+\.\d+")
INTERVAL = re.compile(r"\[−?\d+\.\d+, −?\d+\.\d+\]")


def said(folder: Path) -> dict[str, tuple[str, str]]:
    return {f.arm.condition: (f.tone, f.text) for f in findings(load_run(folder))}


def test_a_gain_is_told_with_tax_and_excess(standard_run: Path) -> None:
    tone, text = said(standard_run)["promote-benevolence"]
    assert tone == "gain"
    assert re.search(r"raised benevolence by 0\.4\d rating points \[0\.\d\d, 0\.\d\d\]", text)
    assert re.search(r"The other nine values moved by 0\.1\d rating points \[", text)
    assert "root mean square" in text
    assert re.search(r"That is 0\.\d+ rating points \[.*?\] beyond the placebo", text)
    assert "Per point of gain, the tax is" in text


def test_every_number_is_followed_by_its_interval(standard_run: Path) -> None:
    for _, text in said(standard_run).values():
        bare = INTERVAL.sub("", text)
        assert len(DECIMAL.findall(bare)) == len(INTERVAL.findall(text)) > 0


def test_a_suppressed_value_is_lowered(standard_run: Path) -> None:
    assert "lowered tradition by 0." in said(standard_run)["suppress-tradition"][1]


def test_a_wrong_way_gain_is_called_so_and_keeps_its_size(standard_run: Path) -> None:
    tone, text = said(standard_run)["backfire"]
    assert tone == "wrong-way"
    assert "went the wrong way: it lowered security by 0.2" in text
    assert "was meant to raise it" in text


def test_an_unclear_gain_and_its_withheld_ratio_are_explained(standard_run: Path) -> None:
    tone, text = said(standard_run)["hint"]
    assert tone == "unclear"
    assert "did not clearly raise hedonism" in text
    assert "not clearly beyond the placebo" in text
    assert "The tax per point of gain is withheld: the gain is not clearly different" in text
    assert "The mean displacement and mean loss are at their floors" in text


def test_without_a_target_all_values_count(standard_run: Path) -> None:
    tone, text = said(standard_run)["no-aim"]
    assert tone == "no-target"
    assert "declares no target value" in text
    assert "All ten values moved by" in text


def test_without_a_placebo_the_finding_and_the_limits_say_so(make_run: MakeRun) -> None:
    folder = make_run((Made("a", target=("power",), gain=0.4, spill=0.1),))
    assert "No placebo was run" in said(folder)["a"][1]
    told = " ".join(limits(load_run(folder)))
    assert "No placebo stands beside a." in told
    assert "No retest was run" in told


def test_several_targets_are_named_together(make_run: MakeRun) -> None:
    folder = make_run((Made("a", target=("power", "achievement"), gain=0.4, spill=0.1),))
    text = said(folder)["a"][1]
    assert "raised power and achievement by" in text
    assert "on average" in text
    assert "The other eight values" in text


def test_a_failed_fit_comes_first_and_withholds_everything(make_run: MakeRun) -> None:
    run = load_run(make_run(checks=FAILED))
    assert alerts(run)[0].startswith("The fit failed: r_hat (R-hat 1.2).")
    for f in findings(run):
        assert f.tone == "withheld"
        assert "has no result" in f.text
        assert "The other" not in f.text


def test_one_condition_that_did_not_converge_does_not_silence_the_others(
    make_run: MakeRun,
) -> None:
    folder = make_run(
        (
            Made("good", target=("power",), gain=0.4, spill=0.1),
            Made("bad", target=("power",), gain=0.4, spill=0.1, status="not-converged"),
        )
    )
    assert alerts(load_run(folder)) == (
        "The fit of bad failed its checks. Its numbers are withheld; the classical estimates do "
        "not depend on the fit and are still given.",
    )
    assert said(folder)["good"][0] == "gain"
    assert said(folder)["bad"][0] == "withheld"


def test_another_failed_check_is_announced_but_withholds_nothing(make_run: MakeRun) -> None:
    checks = [{**CHECKS[1], "verdict": "fail"}]
    run = load_run(make_run(STANDARD[:1], checks=checks))
    assert alerts(run) == (
        "One check failed: posterior predictive. Read the numbers with what each of them says, "
        "under Checks.",
    )
    assert findings(run)[0].tone == "gain"


def test_no_checks_at_all_is_announced(make_run: MakeRun) -> None:
    assert alerts(load_run(make_run(STANDARD[:1], checks=[]))) == (
        "No checks were run on this fit.",
    )


def test_the_opening_counts_and_says_what_intervals_are_about(standard_run: Path) -> None:
    text = opening(load_run(standard_run))
    assert text.startswith("Six interventions on the model demo-judge")
    assert "48 scenarios, beside one placebo and one retest" in text
    assert "90% intervals about the population of scenarios" in text


def test_the_coupling_norm_is_told_beside_its_prior(standard_run: Path) -> None:
    run = load_run(standard_run)
    assert re.search(
        r"^0\.\d+ correlation \[.*\]; the prior alone implies 0\.\d+ \[.*\]\. "
        r"The raw Spearman norm 1\.\d+ \[.*\] exceeds its sign-flip null 1\.\d+ \[.*\]\.$",
        nvat_sentence(run, run.arms[0]),
    )


def test_disagreements_are_over_one_posterior_sd_and_only_those(standard_run: Path) -> None:
    run = load_run(standard_run)
    found = disagreements(run)
    assert found
    for d in found:
        assert abs(d.posterior.centre - d.classical.centre) > d.posterior.sd
