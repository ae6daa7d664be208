"""A judge on a server against the same model file in this process, by the length of the list.

python -m benchmarks.served --server http://127.0.0.1:8080 --path models/judges/core-judge.gguf
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vat_bayes.collect import collect, reproduce
from vat_bayes.study import Study

RATINGS = [f"p{k}" for k in range(1, 6)]


def study(model: dict[str, Any], scenarios: int) -> Study:
    """Return a study of two conditions with one order of the options."""
    conditions = [
        {"name": "baseline", "role": "baseline"},
        {
            "name": "kind",
            "role": "intervention",
            "target": "benevolence",
            "kind": "prompt",
            "text": "Care for the people around you.",
        },
    ]
    return Study.from_dict(
        {
            "name": "served",
            "seed": 1,
            "models": [{"name": "judge", **model}],
            "items": {"source": "core", "scenarios": scenarios},
            "scale": {"orders": ["forward"]},
            "conditions": conditions,
        }
    )


def main() -> None:
    """Print one line for each length of the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--path", required=True, type=Path)
    parser.add_argument("--served-as", default="judge")
    parser.add_argument("--scenarios", default=6, type=int)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        file = {"path": str(asked.path.resolve())}
        own = pd.read_parquet(collect(study(file, asked.scenarios), out=folder / "file").judgments)
        for top in (20, 5, 3):
            server = {"server": asked.server, "served_as": asked.served_as, "top_logprobs": top}
            began = time.monotonic()
            run = collect(study(server, asked.scenarios), out=folder / f"top-{top}")
            seconds = time.monotonic() - began
            found = pd.read_parquet(run.judgments)
            told = json.loads(run.manifest.read_text())["sessions"][-1]["servers"]["judge"]
            off = np.abs(own[RATINGS].to_numpy() - found[RATINGS].to_numpy()).sum(axis=1) / 2
            again = reproduce(run.root, n=100)
            print(
                f"top_logprobs {top}: {len(found)} judgments in {seconds:.1f} s, total variation "
                f"{np.nanmean(off):.2g} on average and {np.nanmax(off):.2g} at most, bound "
                f"{told['largest_bound']:.2g}, with a label missing "
                f"{told['with_unlisted_labels']}, with none listed {told['without_any_label']}; "
                f"{again.identical} of {again.sampled} the same bits when asked again"
            )


if __name__ == "__main__":
    main()
