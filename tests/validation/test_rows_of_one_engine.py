"""Rows of another fast engine do not count."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.validation.tasks import collect, fast_digest, tasks


def test_only_the_present_fast_engine_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "studies"
    folder.mkdir()
    for name in (f"coverage-S24-numpyro-fast-{fast_digest()}-0001",
                 "coverage-S24-numpyro-fast-0123456789ab-0002",
                 "coverage-S24-numpyro-auto-0003"):  # fmt: skip
        pd.DataFrame({"key": [name], "value": ["x"], "failed": ["no"]}).to_csv(
            folder / f"{name}.csv", index=False
        )
    kept = [str(x)[-4:] for x in collect(tmp_path)["studies"]["key"]]
    assert sorted(kept) == ["0001", "0003"]


def test_studies_by_the_fast_engine_name_it() -> None:
    keys = {key for _, key, _, _ in tasks(1, ["coverage", "coupling", "sbc"])}
    fast = {key for key in keys if "-fast" in key or "hmc" in key}
    assert fast
    assert all(key.endswith(fast_digest()) for key in fast)
    assert not any(key.endswith(fast_digest()) for key in keys - fast)
