"""The commands on statistical models: ``model list`` and ``model show``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vat_bayes.cli.output import Output
from vat_bayes.errors import InputError, near_miss

if TYPE_CHECKING:
    from rich.table import Table

    from vat_bayes.estimands.implied import ImpliedPrior
    from vat_bayes.model.equations import Written
    from vat_bayes.model.priors import ModelSpec, Readout

app = typer.Typer(
    help="List the statistical models, or print one as equations.", no_args_is_help=True
)
_CATEGORIES = 5
_FORMATS = ("text", "latex", "json")
_READOUTS = ("ratings", "distribution")


@app.command("list", epilog="Example: vat-bayes model list")
def list_(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Name the bundled models and what each is for."""
    from rich.table import Table

    from vat_bayes.model.priors import bundled_models, load_spec

    specs = [load_spec(name) for name in bundled_models()]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for spec in specs:
        table.add_row(spec.name, f"{spec.title}. {spec.why}")
    models = [{"name": s.name, "title": s.title, "why": s.why} for s in specs]
    Output(quiet=False, as_json=json).result({"models": models}, table)


@app.command("show", epilog="Example: vat-bayes model show circle --readout ratings")
def show(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A bundled model or a file.")],
    *,
    readout: Annotated[
        str | None, typer.Option(help="ratings or distribution; both when absent.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, latex or json.")] = "text",
) -> None:
    """Print a model as equations, every prior with its reason and what it implies in points."""
    from vat_bayes.estimands.implied import implied_prior
    from vat_bayes.model.equations import write_model
    from vat_bayes.model.priors import load_spec

    for option, found, known in (
        ("read-out", readout or _READOUTS[0], _READOUTS),
        ("format", form, _FORMATS),
    ):
        if found not in known:
            raise InputError(
                f"unknown {option} '{found}', expected one of {', '.join(known)}",
                hint=near_miss(found, known),
            )
    spec = load_spec(model)
    words: dict[str, Readout] = {"ratings": "ratings", "distribution": "scores"}
    chosen = [readout] if readout else list(_READOUTS)
    written = {name: write_model(spec, words[name]) for name in chosen}
    if form == "latex":
        print(_latex(spec, list(written.values())))
        return
    implied = {name: implied_prior(spec, words[name], n_categories=_CATEGORIES) for name in chosen}
    data: dict[str, Any] = {"name": spec.name, "title": spec.title, "why": spec.why}
    for name, path in written.items():
        data[name] = {
            "heading": path.heading,
            "equations": [text for text, _ in path.equations],
            "priors": [asdict(row) for row in path.priors],
            "implied": implied[name].summary() | {"n_categories": _CATEGORIES},
        }
    parts: list[Table | str] = [f"{spec.title} ({spec.name})", spec.why]
    for name, path in written.items():
        parts += ["", path.heading, "", *(f"  {text}" for text, _ in path.equations), ""]
        parts += [_priors(path), "", _implied(implied[name])]
    Output(quiet=False, as_json=form == "json").result(data, *parts)


def _priors(path: Written) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 2))
    for heading in ("Parameter", "", "Prior", "Reason"):
        table.add_column(heading, overflow="fold")
    for row in path.priors:
        table.add_row(row.parameter, row.symbol, row.prior, row.why)
    return table


def _implied(prior: ImpliedPrior) -> str:
    names = {
        "gain_size": "|gain|, points",
        "tax_rms": "tax (root mean square), points",
        "nvat_offdiag": "coupling (root mean square)",
    }
    lines = [f"  Implied by the priors, {prior.n_categories} categories and one target:"]
    for key, x in prior.summary().items():
        size = f"median {x['median']:.2f}, 90% {x['lo']:.2f} to {x['hi']:.2f}"
        lines.append(f"    {names[key]}: {size}")
    return "\n".join(lines)


def _latex(spec: ModelSpec, paths: list[Written]) -> str:
    lines = [f"% {spec.title} ({spec.name})"]
    for path in paths:
        lines += [f"% {path.heading}", r"\begin{align*}"]
        body = [f"  & {tex}" for _, tex in path.equations]
        body += [
            rf"  & {row.latex_symbol}: {row.latex_prior}"
            if row.parameter in ("cutpoint", "delta", "scenario")
            else rf"  & {row.latex_symbol} {'=' if row.latex_prior == '0' else r'\sim'} "
            rf"{row.latex_prior}"
            for row in path.priors
        ]
        lines += [f"{line} \\\\" for line in body[:-1]] + [body[-1], r"\end{align*}"]
    return "\n".join(lines)
