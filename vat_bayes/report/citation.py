"""What to cite: the paper, this tool, and the methods that a report rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

_TEX = (('{\\"u}', "ü"), ("$\\widehat{R}$", "R-hat"), ("{", ""), ("}", ""))


def _plain(text: str) -> str:
    for tex, plain in _TEX:
        text = text.replace(tex, plain)
    return text


@dataclass(frozen=True)
class Reference:
    """One reference, with what it is cited for.

    Parameters
    ----------
    key, kind : str
        The BibTeX key and entry type.
    fields : tuple of (str, str)
        The BibTeX fields, in order.
    why : str
        What it is cited for.
    url : str
        Where it is to be found; empty when nowhere in particular.
    """

    key: str
    kind: str
    fields: tuple[tuple[str, str], ...]
    why: str
    url: str = ""

    @property
    def bibtex(self) -> str:
        """The BibTeX entry."""
        width = max(len(name) for name, _ in self.fields)
        lines = [f"  {name:<{width}} = {{{text}}}," for name, text in self.fields]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])

    @property
    def text(self) -> str:
        """The reference as one line."""
        f = {name: _plain(text) for name, text in self.fields}
        where = f.get("journal") or f.get("booktitle") or f.get("note", "")
        volume = f.get("volume", "")
        if "number" in f:
            volume += f"({f['number']})"
        if "pages" in f:
            volume += f", {f['pages'].replace('--', '\N{EN DASH}')}"
        year = f" ({f['year']})" if "year" in f else ""
        authors = f["author"].replace(" and ", "; ")
        tail = " ".join(x for x in (where, volume.strip(", ")) if x)
        return f"{authors}{year}. {f['title']}.{f' {tail}.' if tail else ''}"


VAT = Reference(
    "chen2026valuealignmenttax",
    "article",
    (
        ("author", "Chen, Jiajun and Shen, Hua"),
        ("title", "{Value Alignment Tax}: Measuring Value Trade-offs in {LLM} Alignment"),
        ("journal", "arXiv preprint arXiv:2602.12134"),
        ("year", "2026"),
        ("eprint", "2602.12134"),
        ("archiveprefix", "arXiv"),
    ),
    "the Value Alignment Tax",
    "https://arxiv.org/abs/2602.12134",
)
SCHWARTZ = Reference(
    "schwartz1992universals",
    "article",
    (
        ("author", "Schwartz, Shalom H."),
        (
            "title",
            "Universals in the Content and Structure of Values: Theoretical Advances and "
            "Empirical Tests in 20 Countries",
        ),
        ("journal", "Advances in Experimental Social Psychology"),
        ("volume", "25"),
        ("pages", "1--65"),
        ("year", "1992"),
        ("doi", "10.1016/S0065-2601(08)60281-6"),
    ),
    "the ten values and their circle",
    "https://doi.org/10.1016/S0065-2601(08)60281-6",
)
RHAT = Reference(
    "vehtari2021rank",
    "article",
    (
        (
            "author",
            "Vehtari, Aki and Gelman, Andrew and Simpson, Daniel and Carpenter, Bob and "
            'B{\\"u}rkner, Paul-Christian',
        ),
        (
            "title",
            "Rank-Normalization, Folding, and Localization: An Improved {$\\widehat{R}$} for "
            "Assessing Convergence of {MCMC}",
        ),
        ("journal", "Bayesian Analysis"),
        ("volume", "16"),
        ("number", "2"),
        ("pages", "667--718"),
        ("year", "2021"),
        ("doi", "10.1214/20-BA1221"),
    ),
    "the convergence checks",
    "https://doi.org/10.1214/20-BA1221",
)
ARVIZ = Reference(
    "kumar2019arviz",
    "article",
    (
        (
            "author",
            "Kumar, Ravin and Carroll, Colin and Hartikainen, Ari and Martin, Osvaldo",
        ),
        (
            "title",
            "{ArviZ} a Unified Library for Exploratory Analysis of {Bayesian} Models in {Python}",
        ),
        ("journal", "Journal of Open Source Software"),
        ("volume", "4"),
        ("number", "33"),
        ("pages", "1143"),
        ("year", "2019"),
        ("doi", "10.21105/joss.01143"),
    ),
    "the diagnostics and the posterior's format",
    "https://doi.org/10.21105/joss.01143",
)
HDR = Reference(
    "hyndman1996computing",
    "article",
    (
        ("author", "Hyndman, Rob J."),
        ("title", "Computing and Graphing Highest Density Regions"),
        ("journal", "The American Statistician"),
        ("volume", "50"),
        ("number", "2"),
        ("pages", "120--126"),
        ("year", "1996"),
        ("doi", "10.1080/00031305.1996.10474359"),
    ),
    "the regions of the gain-tax plot",
    "https://doi.org/10.1080/00031305.1996.10474359",
)
NUTS = Reference(
    "hoffman2014nuts",
    "article",
    (
        ("author", "Hoffman, Matthew D. and Gelman, Andrew"),
        (
            "title",
            "The {No-U-Turn} Sampler: Adaptively Setting Path Lengths in {Hamiltonian} "
            "{Monte} {Carlo}",
        ),
        ("journal", "Journal of Machine Learning Research"),
        ("volume", "15"),
        ("number", "47"),
        ("pages", "1593--1623"),
        ("year", "2014"),
    ),
    "the sampler",
    "https://jmlr.org/papers/v15/hoffman14a.html",
)
HMC = Reference(
    "neal2011hamiltonian",
    "incollection",
    (
        ("author", "Neal, Radford M."),
        ("title", "{MCMC} Using {Hamiltonian} Dynamics"),
        ("booktitle", "Handbook of {Markov} Chain {Monte} {Carlo}"),
        ("publisher", "Chapman and Hall/CRC"),
        ("pages", "113--162"),
        ("year", "2011"),
        ("doi", "10.1201/b10905-6"),
    ),
    "the sampler",
    "https://doi.org/10.1201/b10905-6",
)
NUMPYRO = Reference(
    "phan2019composable",
    "article",
    (
        ("author", "Phan, Du and Pradhan, Neeraj and Jankowiak, Martin"),
        (
            "title",
            "Composable Effects for Flexible and Accelerated Probabilistic Programming in "
            "{NumPyro}",
        ),
        ("journal", "arXiv preprint arXiv:1912.11554"),
        ("year", "2019"),
    ),
    "the sampler's implementation",
    "https://arxiv.org/abs/1912.11554",
)
PYMC = Reference(
    "abrilpla2023pymc",
    "article",
    (
        ("author", "Abril-Pla, Oriol and others"),
        (
            "title",
            "{PyMC}: a Modern, and Comprehensive Probabilistic Programming Framework in {Python}",
        ),
        ("journal", "PeerJ Computer Science"),
        ("volume", "9"),
        ("pages", "e1516"),
        ("year", "2023"),
        ("doi", "10.7717/peerj-cs.1516"),
    ),
    "the sampler's implementation",
    "https://doi.org/10.7717/peerj-cs.1516",
)


def tool() -> Reference:
    """Return the reference to this version of the tool."""
    return Reference(
        "vatbayes",
        "misc",
        (
            ("author", "{The vat-bayes developers}"),
            (
                "title",
                "{vat-bayes}: {Bayesian} measurement of the {Value Alignment Tax}",
            ),
            ("note", f"Version {version('vat-bayes')}"),
        ),
        "the estimates and this report",
    )


def references(manifest: Mapping[str, Any] | None = None) -> tuple[Reference, ...]:
    """Return what a report should cite: the fixed ones, and the sampler that was used.

    Parameters
    ----------
    manifest : mapping, optional
        The run's manifest. An ``engine``, ``backend`` or ``sampler`` anywhere in it that names
        NUTS, Hamiltonian Monte Carlo, NumPyro or PyMC adds their references.
    """
    used = " ".join(_found(manifest or {}, ("engine", "backend", "sampler"))).casefold()
    methods = [r for word, r in _BY_WORD if word in used]
    return (VAT, tool(), SCHWARTZ, *methods, RHAT, ARVIZ, HDR)


# The fast engine for ratings writes its sampler's name out.
_BY_WORD = (
    ("nuts", NUTS),
    ("hmc", HMC),
    ("hamiltonian", HMC),
    ("numpyro", NUMPYRO),
    ("pymc", PYMC),
)


def _found(node: object, names: tuple[str, ...]) -> list[str]:
    """Return every text under one of these keys, at any depth."""
    if isinstance(node, Mapping):
        here = [str(v) for k, v in node.items() if k in names and isinstance(v, str)]
        return here + [t for v in node.values() for t in _found(v, names)]
    if isinstance(node, list | tuple):
        return [t for v in node for t in _found(v, names)]
    return []


def bibtex(manifest: Mapping[str, Any] | None = None) -> str:
    """Return the references as one BibTeX file."""
    return "\n\n".join(r.bibtex for r in references(manifest)) + "\n"
