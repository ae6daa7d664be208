"""Coverage and ranks as pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import binom

from benchmarks.validation.sbc import RANKS
from benchmarks.validation.tables import BINS

SHOWN = ("gain", "shift", "tax_rms", "tax_excess", "nvat_offdiag")


def draw_coverage(table: pd.DataFrame, path: Path) -> None:
    """Draw the coverage of the main estimands with its bounds, one row per setting.

    Parameters
    ----------
    table : DataFrame
        From `tables.coverage`.
    path : Path
        The picture.
    """
    table = table[table["estimand"].isin(SHOWN) & (table["scale"] != "latent")]
    keys = list(dict.fromkeys(table["key"]))
    figure, axes = plt.subplots(
        1, len(SHOWN), sharey=True, figsize=(11, 1.2 + 0.26 * len(keys)), layout="constrained"
    )
    for axis, estimand in zip(axes, SHOWN, strict=True):
        rows = table[table["estimand"] == estimand].set_index("key")
        axis.axvspan(0.85, 0.95, color="0.9")
        axis.axvline(0.9, color="0.6", linewidth=0.8)
        for i, key in enumerate(keys):
            if key in rows.index:
                row = rows.loc[key]
                lo, hi = (float(x) for x in row["bounds"].split("-"))
                axis.plot([lo, hi], [i, i], color="C0", linewidth=1)
                axis.plot(float(row["coverage"]), i, "o", color="C0", markersize=4)
        axis.set(title=estimand, xlim=(0.5, 1.01))
    axes[0].set_yticks(range(len(keys)), keys, fontsize=7)
    axes[0].invert_yaxis()
    figure.supxlabel("share of 90 % intervals that hold the truth, with 95 % bounds")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_ranks(rows: pd.DataFrame, path: Path) -> None:
    """Draw the ranks of every group of parameters, with the band that uniform ranks stay in.

    Parameters
    ----------
    rows : DataFrame
        From `sbc.run_sbc`.
    path : Path
        The picture.
    """
    groups = list(rows.groupby(["readout", "backend", "parameter"]))
    columns = 5
    lines = -(-len(groups) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(11, 1.5 * lines), sharex=True, layout="constrained", squeeze=False
    )
    for axis in axes.ravel()[len(groups) :]:
        axis.set_axis_off()
    for axis, ((readout, backend, name), group) in zip(axes.ravel(), groups, strict=False):
        counts = np.bincount(group["rank"].to_numpy() * BINS // (RANKS + 1), minlength=BINS)
        # The band takes the ranks of one study's scalars as independent, which is too narrow
        # where they are not.
        lo, hi = binom.ppf((0.005, 0.995), len(group), 1 / BINS)
        axis.axhspan(lo, hi, color="0.88")
        axis.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS)
        axis.set_title(f"{name}\n{readout}, {backend}", fontsize=7)
        axis.set_yticks([])
    figure.savefig(path, dpi=110)
    plt.close(figure)
