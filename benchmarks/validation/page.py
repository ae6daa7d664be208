"""The page ``docs/calibration.md`` from the rows of the studies."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.validation import sbc, study, subset, tables
from benchmarks.validation.figures import draw_coverage, draw_ranks

_TEMPLATE = Path(__file__).with_name("page.template.md")
COLUMNS = {
    "coverage": ["read-out", "backend", "S"],
    "misspecified": ["studies drawn as", "read-out", "S"],
    "coupling": ["S", "true coupling"],
    "null": ["read-out", "S"],
}
MEASURED = ["estimand", "scale", "studies", "coverage", "bounds", "truth below", "truth above"]
MEASURED = [*MEASURED, "mean error", "rms error", "mean width"]


def write_page(rows: dict[str, pd.DataFrame], planned: int, out: Path, command: str) -> Path:
    """Write the page, its pictures and the counts behind it.

    Parameters
    ----------
    rows : dict of str to DataFrame
        Of the suites ``studies``, ``sbc`` and ``subset``; those that did not run are missing.
    planned : int
        How many studies were planned in all.
    out : Path
        The folder; pictures and tables go into ``calibration`` in it.
    command : str
        What was typed.

    Returns
    -------
    Path
    """
    beside = out / "calibration"
    beside.mkdir(parents=True, exist_ok=True)
    studies, ranks, thirds = (rows.get(k, pd.DataFrame()) for k in ("studies", "sbc", "subset"))
    counted = tables.coverage(studies) if len(studies) else pd.DataFrame()
    if len(counted):
        counted.to_csv(beside / "coverage.csv", index=False)
        draw_coverage(counted, beside / "coverage.png")
    uniform = tables.uniformity(ranks) if len(ranks) else pd.DataFrame()
    if len(uniform):
        uniform.to_csv(beside / "ranks.csv", index=False)
        draw_ranks(ranks, beside / "ranks.png")
    done = sum(
        frame.groupby(by)["seed"].nunique().sum()
        for frame, by in ((studies, "key"), (ranks, "key"), (thirds, "pair"))
        if len(frame)
    )
    page = out / "calibration.md"
    page.write_text(
        _TEMPLATE.read_text(encoding="utf-8").format(
            command=command,
            done=done,
            planned=planned,
            draws=study.DRAWS,
            tune=study.TUNE,
            chains=study.CHAINS,
            withheld=_withheld(studies),
            **{name: _suite(counted, name) for name in COLUMNS},
            alarms=tables.markdown(tables.false_alarms(studies) if len(studies) else studies),
            sbc_scenarios=sbc.SCENARIOS,
            ranks=sbc.RANKS + 1,
            uniform=tables.markdown(uniform),
            coverage_picture="![Coverage](calibration/coverage.png)" if len(counted) else "",
            ranks_picture="![Ranks](calibration/ranks.png)" if len(uniform) else "",
            subset=tables.markdown(tables.subsets(thirds) if len(thirds) else thirds),
            pairs=", ".join(f"{a} -> {b}" for a, b in subset.PAIRS),
        ),
        encoding="utf-8",
    )
    return page


def _suite(counted: pd.DataFrame, name: str) -> str:
    if counted.empty:
        return "not-run"
    mine = counted[counted["key"].str.startswith(f"{name}-")]
    if name == "coupling":
        mine = mine[mine["estimand"].isin(("nvat_offdiag", "coupling", "gain", "tax_rms"))]
    return tables.markdown(mine[[*COLUMNS[name], *MEASURED]] if len(mine) else mine)


def _withheld(studies: pd.DataFrame) -> str:
    if studies.empty:
        return ""
    each = studies.groupby(["key", "seed"])
    failed, again = each["failed"].first(), each["longer"].first().eq(True).sum()
    why = failed[failed != ""].str.split(";").explode().value_counts()
    named = ", ".join(f"{name} {n}" for name, n in why.items()) or "none"
    still = int((failed != "").sum())
    return (
        f"Of {len(failed)} studies, {again} did not pass at first and were fitted again with "
        f"{study.LONGER} times the draws and the warm-up; {still} failed a check "
        f"in the fit that is counted ({named})."
    )
