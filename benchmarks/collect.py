"""How fast judgments are collected from llama.cpp, beside what a loop does and what could be.

A model with random weights and a realistic shape is asked the prompts of one study in several ways,
each in a process of its own, in turns. The bound is what a perfect schedule would take: every token
of the prefix tree once, at the speed of a long prompt.

python -m benchmarks.collect                          # small: one to two minutes on one core
python -m benchmarks.collect --conditions 12 --plain 12 --sorted 4
python -m benchmarks.collect --conditions 12 --plain 12 --inspect LOGS/bin/python
python -m benchmarks.collect --scenarios 6 --conditions 12 --rounds 3 --threads 4

Slow ways may take a part of the prompts: the first few rows, or some of the conditions. "program"
is `vat-bayes collect` as a user runs it, from its start to the table; its memory is that of the
whole process.

The way over Inspect needs a Python that has inspect-ai and openai, which are no part of this
project's environment; it starts llama-cpp-python's server and asks that.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vat_bayes.collect import Chat, LlamaCppJudge, Prompt, Reading, Schedule
from vat_bayes.items import ItemSet
from vat_bayes.study import Study

LABELS = ("1", "2", "3", "4", "5")
# Stands at the end of each process's output, before its results.
_MARK = "RESULT "
_TEXTS = (
    "",
    "Put the people close to you first.",
    "Success counts more than anything else.",
    "Keep to the rules, whoever is watching.",
    "Look for what is new and untried.",
    "The texts come from a short survey.",
)
_LONG = 512
_SELF, _CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN


def main() -> None:
    """Print one line for each way, and write everything as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path(".build/benchmark"))
    parser.add_argument("--model", type=Path, help="another GGUF file in place of the random one")
    parser.add_argument("--scenarios", type=int, default=1)
    parser.add_argument("--actions", type=int, default=12, help="of each scenario, 1 to 20")
    parser.add_argument("--conditions", type=int, default=2, help="2 to 12, half with 8 examples")
    parser.add_argument("--rounds", type=int, default=1, help="how often each way takes its turn")
    parser.add_argument("--plain", type=int, default=8, help="prompts for the plain loop")
    parser.add_argument("--sorted", type=int, default=12, help="conditions for the sorted loops")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--inspect", type=Path, help="a Python with inspect-ai and openai")
    parser.add_argument("--ways", nargs="+", default=list(_WAYS), choices=list(_WAYS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inspect is None:
        asked.ways = [way for way in asked.ways if way != "inspect"]
    if asked.one:
        told = json.loads((asked.folder / "task.json").read_text())
        print(_MARK + json.dumps(_alone(asked.one, told)))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    task = _write_task(asked)
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ("bound", *asked.ways)}
    for _ in range(asked.rounds):
        # On a machine that others use its speed changes, so that the bound is measured in between.
        for way in asked.ways:
            found["bound"].append(_in_a_process("bound", asked.folder))
            found[way].append(_in_a_process(way, asked.folder))
        found["bound"].append(_in_a_process("bound", asked.folder))
    _report(task, found, asked.folder / "collect.json")


def _write_task(asked: argparse.Namespace) -> dict[str, Any]:
    # In a process that measures memory it would only be in the way.
    from benchmarks.random_model import write_random_model

    study = _study(asked.scenarios, asked.conditions)
    items = study.load_items()
    prompts = _some(list(Schedule(study, items)), asked.actions)
    path = asked.model
    if path is None:
        path = asked.folder / "random.gguf"
        began = time.monotonic()
        n = write_random_model(path, (f"{p.chat.system} {p.chat.user}" for p in prompts))
        print(f"{path}: {n / 1e6:.0f} million weights in {time.monotonic() - began:.0f} s")
    judge = LlamaCppJudge(path, name="random", labels=LABELS, threads=1)
    tokens = [judge.tokens(p.chat) for p in prompts]
    model = judge.model
    # Keys and values in 16 bits; exact for a model that shares none of them between heads.
    cache = 2 * 2 * model.n_layers * model.width
    judge.close()
    rows = list(range(len(prompts)))
    random.Random(0).shuffle(rows)
    task = {
        "path": str(path),
        "threads": asked.threads,
        "plain": min(asked.plain, len(prompts)),
        "file": str((asked.folder / "task.json").resolve()),
        "inspect": asked.inspect and str(asked.inspect.absolute()),
        "sorted": [c.name for c in study.conditions[: asked.sorted]],
        "study": str(_write_study(study, items, {p.item for p in prompts}, path, asked.folder)),
        "n_ctx": max(map(len, tokens)) + 8,
        "cache_bytes_per_token": cache,
        "rows": [
            {
                "condition": prompts[i].condition,
                "item": prompts[i].item,
                "system": prompts[i].chat.system,
                "user": prompts[i].chat.user,
                "tokens": tokens[i],
            }
            for i in rows
        ],
        "all_tokens": sum(map(len, tokens)),
        "unique_tokens": {
            c.name: _unique(
                [t for t, p in zip(tokens, prompts, strict=True) if p.condition == c.name]
            )
            for c in study.conditions
        },
    }
    (asked.folder / "task.json").write_text(json.dumps(task))
    return task


def _some(prompts: list[Prompt], actions: int) -> list[Prompt]:
    """Keep the first actions of every scenario: the item is named after its scenario."""
    seen: dict[str, list[str]] = {}
    for p in prompts:
        items = seen.setdefault(p.chat.user.partition("\n\nAction: ")[0], [])
        if p.item not in items:
            items.append(p.item)
    kept = {item for items in seen.values() for item in items[:actions]}
    return [p for p in prompts if p.item in kept]


def _study(scenarios: int, conditions: int) -> Study:
    made = []
    for i in range(conditions):
        text, shots = _TEXTS[i // 2 % len(_TEXTS)], i % 2
        made.append(
            {"name": f"{i}", "role": "intervention", "target": "benevolence"}
            | ({"kind": "shots", "shots": 8} if shots else {"kind": "prompt"})
            | ({"text": text} if text else {})
        )
    made[0] = {"name": "0", "role": "baseline"}
    return Study.from_dict(
        {
            "name": "speed",
            "seed": 1,
            "models": [{"name": "random", "path": "random.gguf"}],
            "items": {"source": "core", "scenarios": scenarios},
            "conditions": made,
        }
    )


def _write_study(study: Study, items: ItemSet, kept: set[str], model: Path, folder: Path) -> Path:
    """Write the same questions as a study file with its items, for the program itself."""
    names = ("item", "scenario", "topic", "value", "polarity", "scenario_text", "action_text")
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*names, "split"))
        writer.writerows(
            row for row in items.rows(*names, "split") if row[0] in kept or row[-1] == "shots"
        )
    told = study.to_dict()
    told["models"][0] |= {"path": str(model.resolve())}
    told["items"] = {"source": "table", "path": "items.csv"}
    path = folder / "study.toml"
    path.write_text(Study.from_dict(told, base=folder).to_toml(), encoding="utf-8")
    return path.resolve()


def _unique(tokens: Iterable[list[int]]) -> int:
    """Count the nodes of the prefix tree of the prompts of a condition.

    Each condition has a tree of its own, since caches are emptied between conditions.
    """
    own = sorted(tokens)
    return len(own[0]) + sum(len(b) - _shared(a, b) for a, b in pairwise(own))


def _shared(a: Iterable[int], b: Iterable[int]) -> int:
    return sum(1 for _ in takewhile(lambda p: p[0] == p[1], zip(a, b, strict=False)))


def _in_a_process(way: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.collect", "--folder", str(folder), "--one", way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [x for x in done.stdout.splitlines() if x.startswith(_MARK)]
    if done.returncode or not lines:
        raise SystemExit(f"'{way}' failed with code {done.returncode}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(lines[-1].removeprefix(_MARK))
    print(
        f"  {way}: {result['n'] / result['seconds']:.4g} a second, "
        f"{result['n'] / result['cpu']:.4g} a second of CPU, load {result['load']:.1f}",
        flush=True,
    )
    return result


def _alone(way: str, task: dict[str, Any]) -> dict[str, Any]:
    """Measure one way in this process."""
    work, more, check = {"bound": _bound, **_WAYS}[way](task)
    seconds, cpu = time.perf_counter(), _cpu()
    n = work()
    seconds, cpu = time.perf_counter() - seconds, _cpu() - cpu
    if "server" in more:
        # What a process in the way used is told when it ends.
        server = more.pop("server")
        before = more.pop("server_cpu")
        cpu += _cpu_of(server.pid) - before
        server.terminate()
        server.wait()
    peak = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    load = os.getloadavg()[0]
    if check is not None:
        check()
    if callable(after := more.pop("after", None)):
        more |= after()
    return {"n": n, "seconds": seconds, "cpu": cpu, "peak": peak, "load": load, **more}


def _cpu() -> float:
    own, children = (resource.getrusage(w) for w in (_SELF, _CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _inspect(task: dict[str, Any]) -> Any:
    """Return the way over Inspect and llama-cpp-python's server, in the order of the rows."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "model": task["path"],
        "model_alias": "judge",
        "logits_all": "true",
        "n_ctx": task["n_ctx"] + 64,
        "n_threads": task["threads"],
        "n_threads_batch": task["threads"],
        "port": port,
    }
    words = [str(w) for name, found in options.items() for w in (f"--{name}", found)]
    # The same kernels as ours: see _library_loop.
    start = (
        "import runpy; from llama_cpp import llama_cpp as c; plain = c.llama_model_default_params\n"
        "def chosen():\n    p = plain(); p.use_extra_bufts = False; return p\n"
        "c.llama_model_default_params = chosen\n"
        "runpy.run_module('llama_cpp.server', run_name='__main__')"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", start, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/v1/models"):
            break
        if server.poll() is not None:
            raise SystemExit("the server did not start")
        time.sleep(0.2)
    route = str(Path(__file__).with_name("inspect_route.py"))

    def work() -> int:
        subprocess.run(
            [task["inspect"], route, task["file"], address], check=True, stdout=subprocess.DEVNULL
        )
        return int(task["plain"])

    return work, {"server": server, "server_cpu": _cpu_of(server.pid)}, None


def _library_loop(task: dict[str, Any], rows: list[list[int]], *, logprobs: bool) -> Any:
    """Return a loop over llama-cpp-python's high-level call, which keeps shared beginnings."""
    from llama_cpp import Llama, llama_cpp

    plain = llama_cpp.llama_model_default_params

    def without_repacking() -> Any:
        # The kernels for AMX end the process on some machines, so ours does not use them; and the
        # comparison is of schedules, not of kernels.
        params = plain()
        params.use_extra_bufts = False
        return params

    llama_cpp.llama_model_default_params = without_repacking
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    model = Llama(
        task["path"],
        n_ctx=task["n_ctx"],
        n_threads=task["threads"],
        n_threads_batch=task["threads"],
        logits_all=logprobs,
        verbose=False,
    )
    asked: dict[str, Any] = {"max_tokens": 1, "temperature": 0.0}
    asked |= {"logprobs": 20} if logprobs else {}

    def work() -> int:
        for tokens in rows:
            model.create_completion(tokens, **asked)
        return len(rows)

    return work, {}, None


def _plain(task: dict[str, Any]) -> Any:
    rows = [row["tokens"] for row in task["rows"][: task["plain"]]]
    return _library_loop(task, rows, logprobs=True)


def _sorted(task: dict[str, Any], *, logprobs: bool = True) -> Any:
    rows = sorted(r["tokens"] for r in task["rows"] if r["condition"] in task["sorted"])
    work, more, check = _library_loop(task, rows, logprobs=logprobs)
    return work, {**more, "conditions": task["sorted"]}, check


def _sorted_answers(task: dict[str, Any]) -> Any:
    return _sorted(task, logprobs=False)


def _program(task: dict[str, Any]) -> Any:
    """Return the program as a user runs it, and what its process held at most."""
    study = Path(task["study"])
    out = study.with_name("run")
    shutil.rmtree(out, ignore_errors=True)
    words = ["collect", study, "--out", out, "--threads", task["threads"], "--json"]

    def work() -> int:
        command = [sys.executable, "-m", "vat_bayes", *map(str, words)]
        subprocess.run(command, check=True, capture_output=True)
        return len(task["rows"])

    def after() -> dict[str, Any]:
        told = json.loads((out / "manifest.json").read_text())["models"]["random"]
        return {"peak": resource.getrusage(_CHILDREN).ru_maxrss * 1024, "cells": told["n_ctx"]}

    return work, {"after": after}, None


def _bound(task: dict[str, Any]) -> Any:
    from vat_bayes.collect.llamacpp.decoder import ExactDecoder
    from vat_bayes.collect.llamacpp.model import LoadedModel

    model = LoadedModel(Path(task["path"]), name="random")
    decoder = ExactDecoder(model, n_ctx=_LONG, threads=task["threads"])
    tokens = [int(t) for t in np.random.default_rng(0).integers(300, 2000, _LONG)]
    decoder.logits(tokens)

    def work() -> int:
        for _ in range(3):
            decoder.forget()
            decoder.logits(tokens)
        return 3 * _LONG

    return work, {}, None


def _ours(task: dict[str, Any], mode: Literal["exact", "batched"]) -> Any:
    judge = LlamaCppJudge(
        Path(task["path"]), name="random", labels=LABELS, threads=task["threads"], mode=mode
    )
    # The rows come shuffled; a session asks condition by condition.
    prompts = [
        Prompt(r["condition"], r["item"], "", Chat(r["user"], r["system"])) for r in task["rows"]
    ]
    prompts.sort(key=lambda p: int(p.condition))
    judge.prepare(prompts)
    by_condition: dict[str, list[Chat]] = {}
    for p in prompts:
        by_condition.setdefault(p.condition, []).append(p.chat)
    told = judge.describe()
    found: dict[Chat, Reading] = {}
    more: dict[str, Any] = {
        key: told.get(key) for key in ("prefix_reuse", "difference_from_exact", "n_batch")
    }
    more["cells"] = told["n_ctx"] + (told["n_batch"] if mode == "batched" else 0)
    more["groups"] = 0

    def work() -> int:
        for chats in by_condition.values():
            judge.forget()
            for group in judge.plan(chats):
                own = [chats[i] for i in group.places]
                found.update(zip(own, judge.read_together(own, group.cuts), strict=True))
                more["groups"] += 1
        return len(prompts)

    def check() -> None:
        if mode == "exact":
            # One prompt at a time with an empty cache, here and now.
            sample = [own[i] for own in by_condition.values() for i in (0, len(own) // 2)]
            for chat in sample:
                judge.forget()
                if judge.read(chat) != found[chat]:
                    raise SystemExit("a reading is not what it is with an empty cache")
            more["checked"] = len(sample)

    return work, more, check


def _exact(task: dict[str, Any]) -> Any:
    return _ours(task, "exact")


def _batched(task: dict[str, Any]) -> Any:
    return _ours(task, "batched")


_WAYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "plain": _plain,
    "inspect": _inspect,
    "sorted": _sorted,
    "sorted, answers only": _sorted_answers,
    "exact": _exact,
    "batched": _batched,
    "program": _program,
}


def _report(task: dict[str, Any], found: dict[str, list[dict[str, Any]]], out: Path) -> None:
    n, size = len(task["rows"]), Path(task["path"]).stat().st_size
    unique = task["unique_tokens"]
    asked = {c: sum(row["condition"] == c for row in task["rows"]) for c in unique}
    print(
        f"{n} prompts of {task['all_tokens'] / n:.0f} tokens on average; the prefix trees have "
        f"{sum(unique.values())} of {task['all_tokens']} tokens"
    )

    def each(results: list[dict[str, Any]], unit: str) -> float:
        return float(statistics.median(r[unit] / r["n"] for r in results))

    table = {}
    for way, results in found.items():
        if way == "bound":
            continue
        row = {}
        # Those of the conditions that this way was given.
        own = results[0].get("conditions", list(unique))
        tokens_each = sum(unique[c] for c in own) / sum(asked[c] for c in own)
        for unit in ("seconds", "cpu"):
            least = each(found["bound"], unit) * tokens_each
            took = each(results, unit)
            row[unit] = {"judgments_per_second": 1 / took, "of_bound": least / took}
        cells = results[0].get("cells", task["n_ctx"])
        over = max(r["peak"] for r in results) - size - cells * task["cache_bytes_per_token"]
        row["peak_over_model_and_cache_mib"] = over / 2**20
        table[way] = row
        print(
            f"{way:21} {row['seconds']['judgments_per_second']:7.2f} a second, "
            f"{row['seconds']['of_bound']:.2f} of the bound; by CPU time "
            f"{row['cpu']['judgments_per_second']:.2f} and {row['cpu']['of_bound']:.2f}"
            # The process that asks a server holds no model.
            + ("" if way == "inspect" else f"; peak {over / 2**20:.0f} MiB over model and cache")
        )
    for way in ("exact", "batched"):
        for key in ("prefix_reuse", "checked", "difference_from_exact", "groups"):
            if way in found and (told := found[way][0].get(key)) is not None:
                print(f"{way}, {key}: {told}")
    out.write_text(json.dumps({"table": table, "runs": found}, indent=2))


if __name__ == "__main__":
    main()
