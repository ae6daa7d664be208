"""The commands together: the program's help, its version, and where each command lies."""

from __future__ import annotations

from typing import Annotated

import typer

from vat_bayes.cli import (
    comparing,
    data,
    deciding,
    fitting,
    model,
    perturbing,
    reproducing,
    steering,
    whole,
)
from vat_bayes.cli.doctor import doctor
from vat_bayes.cli.plan import plan

app = typer.Typer(
    name="vat-bayes",
    help=(
        "Measure the Value Alignment Tax of an intervention on a language model: what aligning it "
        "to one value does to all the others, with intervals."
    ),
    epilog="Start with: vat-bayes demo. Exit codes: 0 done; 1 done, but a check failed (audit, "
    "check), a condition was not accepted (decide), answers differ (reproduce) or a part that "
    "fitting needs does not work (doctor); 2 unusable input; 3 interrupted but resumable.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"vat-bayes {version('vat-bayes')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


for name, command, example in (
    ("demo", whole.demo, "vat-bayes demo --out my-demo"),
    ("plan", plan, "vat-bayes plan --pilot runs/first --until 'width(gain) < 0.1'"),
    ("audit", whole.audit, "vat-bayes audit study.toml --out runs/first --cluster local"),
    ("collect", whole.collect, "vat-bayes collect study.toml --until 'width(gain) < 0.1'"),
    ("reproduce", reproducing.reproduce, "vat-bayes reproduce runs/first --n 200"),
    ("steer", steering.steer, "vat-bayes steer study.toml --condition kind --out kind.gguf"),
    (
        "perturb",
        perturbing.perturb,
        "vat-bayes perturb model.gguf --like tuned.gguf --out placebo.gguf",
    ),
    ("fit", fitting.fit, "vat-bayes fit ratings.csv --out runs/first --map rating=Score"),
    ("check", fitting.check, "vat-bayes check runs/first"),
    ("decide", deciding.decide, "vat-bayes decide runs/first --budget budget.toml"),
    ("report", fitting.report, "vat-bayes report runs/first --format pdf"),
    (
        "compare",
        comparing.compare,
        "vat-bayes compare runs/before runs/after --pair shots-4=shots-4-v2",
    ),
    ("explain", deciding.explain, "vat-bayes explain tax_excess"),
    (
        "import",
        data.import_,
        "vat-bayes import table scores.csv --out ratings.csv --opt columns.rating=Score "
        "--opt rating_offset=1; vat-bayes import inspect logs/*.eval --out ratings.csv "
        "--opt labels=1,2,3,4,5",
    ),
    ("doctor", doctor, "vat-bayes doctor"),
    ("simulate", data.simulate, "vat-bayes simulate --out sim.csv --scenarios 48 --seed 7"),
):
    app.command(name, epilog=f"Example: {example}")(command)

app.add_typer(model.app, name="model")
