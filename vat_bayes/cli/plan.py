"""The command ``plan``: what designs will show, and how many scenarios a question needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output
from vat_bayes.errors import InputError, near_miss

if TYPE_CHECKING:
    from rich.table import Table

    from vat_bayes.plan import Components, Design, Prediction, Question

_ASSUMED = ("prior", "simulated")
_READOUTS = ("ratings", "distribution")
_LARGEST = 1_000_000


def plan(
    *,
    pilot: Annotated[
        Path | None,
        typer.Option(help="A fitted run folder; the scatter is read off its posterior."),
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option(
            help="The pilot's condition; if none, the first intervention beside the baseline."
        ),
    ] = None,
    assume: Annotated[
        str, typer.Option(help="Without a pilot: prior (of --model-file) or simulated.")
    ] = "prior",
    readout: Annotated[
        str, typer.Option(help="Without a pilot: ratings, or distribution (p1..pK are read).")
    ] = "ratings",
    model_file: o.ModelFile = "default",
    scenarios: Annotated[
        str, typer.Option(help="Numbers of scenarios to compare, separated by commas.")
    ] = "24,48,96,192",
    prompts: Annotated[str, typer.Option(help="Numbers of wordings to compare.")] = "1",
    repeats: Annotated[str, typer.Option(help="Numbers of ratings per prompt to compare.")] = "1",
    items: Annotated[
        float | None, typer.Option(help="Items of each value in a scenario; 2, or as the pilot.")
    ] = None,
    conditions: Annotated[
        int, typer.Option(help="Conditions with the baseline, for the number of judgments.", min=2)
    ] = 3,
    gain: Annotated[float, typer.Option(help="A true gain, in points.")] = 0.3,
    tax: Annotated[float, typer.Option(help="A true tax, in points.")] = 0.1,
    placebo_tax: Annotated[
        float, typer.Option(help="A true tax of the placebo, for the excess over it.")
    ] = 0.0,
    power: Annotated[float, typer.Option(help="Probability of detecting them.")] = 0.8,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="RULE", help="Also answer: 'width(gain) < 0.1 and width(tax_rms) < 0.1'."
        ),
    ] = None,
    effect_sd: Annotated[
        float | None, typer.Option(help="Declared: sd of the effect over scenarios, in points.")
    ] = None,
    item_sd: Annotated[
        float | None, typer.Option(help="Declared: sd of an item's difference about that.")
    ] = None,
    rating_sd: Annotated[
        float | None, typer.Option(help="Declared: sd of one rating about its expectation.")
    ] = None,
    wording_sd: Annotated[
        float | None, typer.Option(help="Declared: sd of the effect over wordings.")
    ] = None,
    level: o.Level = 0.9,
    seed: o.Seed = 0,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Say how wide intervals will be and what a study can detect, by its size."""
    from vat_bayes.plan import Question, declared, predict

    if not (math.isfinite(placebo_tax) and placebo_tax >= 0):
        raise InputError(f"--placebo-tax is {placebo_tax:g}, expected a number from 0 on")
    for name, found, low, high in (
        ("gain", gain, 0.0, math.inf),
        ("tax", tax, 0.0, math.inf),
        ("power", power, 0.05, 1.0),
        ("level", level, 0.49, 1.0),
    ):
        if not low < found < high:
            raise InputError(f"--{name} is {found:g}, expected above {low:g} and below {high:g}")
    question = Question(gain=gain, tax=tax, placebo_tax=placebo_tax, level=level, power=power)
    components, placebo, found_items = _components(pilot, condition, assume, readout, model_file)
    sds = {"effect": effect_sd, "item": item_sd, "rating": rating_sd, "wording": wording_sd}
    components = declared(components, sds)
    placebo = None if placebo is None else declared(placebo, sds)
    each = items if items is not None else found_items
    if not each > 0:
        raise InputError(f"--items is {each:g}, expected a number above 0")
    designs = list(
        _designs(
            [_numbers(x, name) for x, name in (
                (scenarios, "scenarios"), (prompts, "prompts"), (repeats, "repeats"),
            )],
            each,
            conditions,
        )
    )  # fmt: skip
    predictions = [predict(components, d, question, seed=seed, placebo=placebo) for d in designs]
    answers = _answers(components, placebo, designs[0], question, until=until, seed=seed)
    sizes = components.sizes()
    Output(quiet, json).result(
        {
            "source": components.source,
            "sd_in_points": sizes,
            "question": {
                "gain": gain,
                "tax": tax,
                "placebo_tax": placebo_tax,
                "level": level,
                "power": power,
            },  # fmt: skip
            "designs": [p.to_dict() for p in predictions],
            "answers": answers,
        },
        f"Scatter from {components.source} (sd in points): "
        + ", ".join(f"{_CALLED[k]} {x:.2g}" for k, x in sizes.items()),
        _table(predictions, question),
        *_note_on_wordings(designs, sizes["wording"]),
        *(a["sentence"] for a in answers),
    )


def _note_on_wordings(designs: list[Design], sd: float) -> list[str]:
    if sd == 0 or not any(d.prompts > 1 for d in designs):
        return []
    return [
        "With one wording an interval is about that wording. With several it is about all wordings "
        f"like them, and the effect's sd of {sd:.2g} points over wordings counts."
    ]


_CALLED = {
    "effect": "effect over scenarios",
    "item": "item",
    "rating": "single rating",
    "wording": "effect over wordings",
}


def _components(
    pilot: Path | None, condition: str | None, assume: str, readout: str, model_file: str
) -> tuple[Components, Components | None, float]:
    """Return the components of the condition, those of its placebo, and the items of a value."""
    from vat_bayes.plan import (
        assumed_components,
        pilot_components,
        pilot_placebo,
        world_components,
    )

    if pilot is not None:
        from vat_bayes.audit import load_run

        tree = load_run(pilot).posterior
        of_condition, items = pilot_components(tree, condition)
        return of_condition, pilot_placebo(tree, condition), items
    if condition is not None:
        raise InputError("--condition names a condition of the pilot, and there is no --pilot")
    for name, found, known in (("assume", assume, _ASSUMED), ("readout", readout, _READOUTS)):
        if found not in known:
            raise InputError(
                f"--{name} is '{found}', expected {' or '.join(known)}",
                hint=near_miss(found, known),
            )
    words: Any = readout
    if assume == "simulated":
        from vat_bayes.simulate import CONDITIONS

        at = [c.role for c in CONDITIONS].index("placebo")
        return world_components(readout=words), world_components(None, words, condition=at), 2.0
    return assumed_components(model_file, words), None, 2.0


def _numbers(text: str, name: str) -> list[int]:
    least = 4 if name == "scenarios" else 1
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(least <= n <= _LARGEST for n in found):
        raise InputError(
            f"--{name} is '{text}', expected whole numbers from {least} on, separated by commas"
        )
    return sorted(set(found))


def _designs(numbers: list[list[int]], items: float, conditions: int) -> Iterable[Design]:
    from vat_bayes.plan import Design

    for prompts in numbers[1]:
        for repeats in numbers[2]:
            for n in numbers[0]:
                yield Design(n, prompts, repeats, items, conditions)


def _answers(
    components: Components,
    placebo: Components | None,
    design: Design,
    question: Question,
    *,
    until: str | None,
    seed: int,
) -> list[dict[str, Any]]:
    """Say how many scenarios each question needs, with the first design's prompts and repeats."""
    from vat_bayes.plan import required_scenarios

    asked: list[tuple[str, Callable[[Prediction], bool]]] = []
    if until is not None:
        from vat_bayes.stopping import parse_rule

        rule = parse_rule(until)
        if rule.needs_decision:
            raise InputError("plan can't tell when a budget decides; ask it for widths")
        for clause in rule.widths:
            number = _WIDTHS.get(clause.estimand)
            if number is None or clause.condition or clause.value:
                raise InputError(
                    f"plan can't answer '{clause}', expected the width of gain, shift, tax_rms or "
                    "tax_excess, without a condition or value"
                )
            asked.append((str(clause), _narrower(number, clause.bound)))
    asked += [
        (
            f"a gain of {question.gain:g} with power {question.power:g}",
            lambda p: p.power_gain >= question.power,
        ),
        (
            f"a tax of {question.tax:g} with power {question.power:g}",
            lambda p: p.power_tax >= question.power,
        ),
    ]
    if not components.target:
        asked = [a for a in asked if "gain" not in a[0]]
    answers = []
    for text, enough in asked:
        found = required_scenarios(components, design, enough, question, seed=seed, placebo=placebo)
        answers.append({"question": text, "scenarios": found} | _sentence(text, found, design))
    return answers


_WIDTHS = {
    **{"gain": "width_gain", "shift": "width_shift"},
    **{"tax_rms": "width_tax", "tax_excess": "width_excess"},
}


def _narrower(number: str, bound: float) -> Callable[[Prediction], bool]:
    return lambda p: bool(getattr(p, number) < bound)


def _sentence(text: str, found: int | None, design: Design) -> dict[str, Any]:
    from dataclasses import replace

    if found is None:
        return {"judgments": None, "sentence": f"{text}: no number of scenarios is enough"}
    judgments = replace(design, scenarios=found).judgments
    each = [
        f"{n} {word}{'' if n == 1 else 's'}"
        for n, word in ((design.prompts, "wording"), (design.repeats, "repeat"))
        if n > 1
    ]
    per = f" with {' and '.join(each)}" if each else ""
    return {
        "judgments": judgments,
        "sentence": f"{text}: {found:,} scenarios{per}, {judgments:,} judgments of each model",
    }


def _table(predictions: list[Prediction], question: Question) -> Table:
    from rich.table import Table

    share = f"{question.level:.0%}"
    table = Table(
        title=f"Expected widths of {share} intervals; effects detected with power "
        f"{question.power:g}; power (rating points)",
        title_justify="left",
        title_style="bold",
    )
    columns: list[tuple[str, list[str]]] = [
        ("Scenarios", [str(p.design.scenarios) for p in predictions]),
        ("Wordings", [str(p.design.prompts) for p in predictions]),
        ("Repeats", [str(p.design.repeats) for p in predictions]),
        ("Judgments", [f"{p.design.judgments:,}" for p in predictions]),
        ("Width: gain", [_shown(p.width_gain, 3) for p in predictions]),
        ("shift", [_shown(p.width_shift, 3) for p in predictions]),
        (f"tax of {question.tax:g}", [_shown(p.width_tax, 3) for p in predictions]),
        (
            f"over placebo's {question.placebo_tax:g}",
            [_shown(p.width_excess, 3) for p in predictions],
        ),
        ("Detectable: gain", [_shown(p.detectable_gain, 3) for p in predictions]),
        ("tax", [_shown(p.detectable_tax, 3) for p in predictions]),
        (f"Power: gain {question.gain:g}", [_shown(p.power_gain, 2) for p in predictions]),
        (f"tax {question.tax:g}", [_shown(p.power_tax, 2) for p in predictions]),
    ]
    # A column of ones says nothing.
    shown = [c for c in columns if c[0] not in {"Wordings", "Repeats"} or set(c[1]) != {"1"}]
    for heading, _ in shown:
        table.add_column(heading, justify="right")
    for row in zip(*(cells for _, cells in shown), strict=True):
        table.add_row(*row)
    return table


def _shown(x: float, places: int) -> str:
    return f"{x:.{places}f}" if math.isfinite(x) else "-"
