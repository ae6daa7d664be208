"""The rows of all finished studies as they are published beside the page.

Anyone can count again from them, and a later run goes on where this one ended, on any machine: the
studies take hours, and a change of the page should not cost them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.validation.tasks import SUITES


def pack(folder: Path, digest: str, published: Path) -> None:
    """Write what is in the folder of studies to one file for each suite.

    Parameters
    ----------
    folder : Path
        Of the studies, one CSV file each.
    digest : str
        Of the code that they test.
    published : Path
        Gets ``<suite>.parquet``; rows of another digest are replaced.
    """
    published.mkdir(parents=True, exist_ok=True)
    for suite in SUITES:
        files = sorted((folder / suite).glob("*.csv"))
        if files:
            rows = pd.concat([pd.read_csv(f).assign(task=f.stem) for f in files])
            target = published / f"{suite}.parquet"
            partial = target.with_suffix(".partial")
            rows.assign(digest=digest).to_parquet(partial, index=False, compression="zstd")
            partial.rename(target)


def unpack(published: Path, digest: str, folder: Path) -> int:
    """Put the published studies of this digest into the folder where they are missing.

    Parameters
    ----------
    published : Path
    digest : str
    folder : Path

    Returns
    -------
    int
        How many were published with another digest, and say nothing about this code.
    """
    other = 0
    for suite in SUITES:
        source = published / f"{suite}.parquet"
        if not source.is_file():
            continue
        rows = pd.read_parquet(source)
        mine = rows["digest"] == digest
        other += rows.loc[~mine, "task"].nunique()
        (folder / suite).mkdir(parents=True, exist_ok=True)
        for task, study in rows[mine].groupby("task"):
            path = folder / suite / f"{task}.csv"
            if not path.is_file():
                partial = path.with_suffix(".partial")
                study.drop(columns=["task", "digest"]).to_csv(partial, index=False)
                partial.rename(path)
    return other
