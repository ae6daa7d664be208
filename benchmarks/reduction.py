"""Reduction of judgments to cells: counted on disk against read into memory, side by side.

Writes tables of a full design (items of ten values and two polarities, baseline, ten interventions
and a placebo, two prompts, repeats; rows in random order) as CSV and Parquet, and loads each and
reduces it to cells in a process of its own. Prints seconds, processor seconds and the peak of
memory of each, the ratios at the size that is read both ways, and whether the cells are the same
bits.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from vat_bayes.values import VALUES

K = 5
PROMPTS = ("forward", "reversed")
ITEMS_AT_FULL_SIZE = 29_568
_PART = 500_000


def names(texts: list[str], code: NDArray[np.int64]) -> pa.Array:
    """Return one text per row."""
    return pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), pa.array(texts)).cast(
        "string"
    )


def write_tables(rows: int, folder: Path, *, seed: int) -> list[Path]:
    """Write a table of so many rows as CSV and as Parquet, in random order."""
    rng = np.random.default_rng(seed)
    scenarios = max(2, round(ITEMS_AT_FULL_SIZE / 20 * min(1.0, rows / 1e7)))
    conditions = [("baseline", "baseline", "")]
    conditions += [(f"promote-{v}", "intervention", v) for v in VALUES]
    conditions += [("placebo", "placebo", "")]
    shape = (
        -(-rows // (scenarios * 480)),
        len(conditions),
        scenarios,
        len(VALUES),
        2,
        len(PROMPTS),
    )
    chosen = rng.permutation(np.prod(shape))[:rows]
    files = [folder / f"{rows}.csv", folder / f"{rows}.parquet"]
    writers: list[pa.csv.CSVWriter | pa.parquet.ParquetWriter] = []
    for start in range(0, rows, _PART):
        part = np.unravel_index(chosen[start : start + _PART], shape)
        replicate, condition, scenario, value, sign, prompt = part
        n = len(condition)
        p = rng.dirichlet(np.full(K, 0.5), n).round(6)
        scenes = [f"s{s:04d}" for s in range(scenarios)]
        items = [f"{s}/{v}{sign}" for s in scenes for v in VALUES for sign in "+-"]
        table = pa.table(
            {
                "model": names(["simulated"], np.zeros(n, dtype=np.int64)),
                "condition": names([c[0] for c in conditions], condition),
                "item": names(items, (scenario * len(VALUES) + value) * 2 + sign),
                "scenario": names(scenes, scenario),
                "value": names(list(VALUES), value),
                "polarity": np.where(sign == 0, 1, -1),
                "rating": pa.array(p.argmax(axis=1) + 1, mask=rng.random(n) < 0.03),
                "replicate": replicate + 1,
                "prompt": names(list(PROMPTS), prompt),
                "role": names([c[1] for c in conditions], condition),
                "target": names([c[2] for c in conditions], condition),
                **{f"p{k + 1}": p[:, k] for k in range(K)},
                "p_valid": rng.beta(30, 1, n).round(6),
            }
        )
        if not writers:
            writers = [
                pa.csv.CSVWriter(files[0], table.schema),
                pa.parquet.ParquetWriter(files[1], table.schema),
            ]
        for writer in writers:
            writer.write_table(table)
    for writer in writers:
        writer.close()
    return files


def measure(file: Path, *, held: bool) -> dict[str, object]:
    """Load and reduce a file in this process."""
    from vat_bayes.judgments import to_cells
    from vat_bayes.judgments.load import load_file

    wall, cpu = time.perf_counter(), time.process_time()
    cells = to_cells(load_file(file, held=held, n_categories=K))
    seconds, cpu = time.perf_counter() - wall, time.process_time() - cpu
    digest = hashlib.sha256()
    for field in dataclasses.fields(cells):
        content = getattr(cells, field.name)
        digest.update(
            content.tobytes() if isinstance(content, np.ndarray) else repr(content).encode()
        )
    return {
        "seconds": seconds,
        "cpu": cpu,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cells": len(cells.refused),
        "sha256": digest.hexdigest(),
    }


def measured_apart(file: Path, *, held: bool) -> dict[str, float | str]:
    """Load and reduce a file in a new process, whose peak of memory is its own."""
    where = "memory" if held else "disk"
    command = [sys.executable, "-m", "benchmarks.reduction", "--file", str(file), "--in", where]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float | str] = json.loads(done.stdout)
    print(
        f"{file.name:>18}  {where:<6} {found['seconds']:8.2f} s {found['cpu']:8.2f} CPU s "
        f"{found['mib']:8.0f} MiB {found['cells']:>8} cells",
        flush=True,
    )
    return found


def main() -> None:
    """Run the measurement from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows that are read both ways")
    parser.add_argument("--large", type=int, default=10_000_000, help="rows counted on disk only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the tables are written")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="where", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file is not None:
        print(json.dumps(measure(options.file, held=options.where == "memory")))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for file in write_tables(options.rows, Path(folder), seed=options.seed):
            held, filed = (measured_apart(file, held=held) for held in (True, False))
            ratios = {m: float(held[m]) / float(filed[m]) for m in ("seconds", "cpu", "mib")}
            same = "the same bits" if held["sha256"] == filed["sha256"] else "DIFFERENT CELLS"
            print(
                f"{'memory / disk':>26} {ratios['seconds']:8.2f}   {ratios['cpu']:8.2f}       "
                f"{ratios['mib']:8.2f}; {same}"
            )
        for file in write_tables(options.large, Path(folder), seed=options.seed):
            measured_apart(file, held=False)


if __name__ == "__main__":
    main()
