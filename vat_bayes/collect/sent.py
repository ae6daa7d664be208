"""The prompts as the models got them, kept once each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from vat_bayes.collect.judge import Judge, Prompt
from vat_bayes.collect.store import whole


def keep_prompts(path: Path, judge: Judge, prompts: Iterable[Prompt]) -> None:
    """Write what a judge is sent into a Parquet table.

    Parameters
    ----------
    path : pathlib.Path
        The file: ``condition, item, prompt, sha256, text``. The text stands in the first row that
        has its hash; in the others it is empty.
    judge : Judge
        The judge, prepared.
    prompts : iterable of Prompt
        What it will be asked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ("condition", "item", "prompt", "sha256", "text")
    schema = pa.schema([(name, pa.string()) for name in names])
    path.parent.mkdir(parents=True, exist_ok=True)
    known: set[str] = set()
    rows: list[tuple[str | None, ...]] = []
    with whole(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:

        def flush() -> None:
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            writer.write_table(pa.table(columns, schema=schema))
            rows.clear()

        for prompt in prompts:
            text = judge.sent(prompt.chat)
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            first = digest not in known
            known.add(digest)
            rows.append(
                (prompt.condition, prompt.item, prompt.order, digest, text if first else None)
            )
            if len(rows) == _ROWS:
                flush()
        if rows:
            flush()


_ROWS = 4096
