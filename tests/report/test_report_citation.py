from __future__ import annotations

from vat_bayes.report.citation import bibtex, references


def test_the_paper_the_tool_and_the_theory_are_always_cited() -> None:
    keys = [r.key for r in references()]
    assert keys[:3] == ["chen2026valuealignmenttax", "vatbayes", "schwartz1992universals"]
    assert "hoffman2014nuts" not in keys


def test_the_sampler_is_cited_when_the_manifest_names_it() -> None:
    manifest = {"fit": [{"engine": "NUTS", "backend": "pymc"}]}
    keys = {r.key for r in references(manifest)}
    assert {"hoffman2014nuts", "abrilpla2023pymc"} <= keys
    assert "phan2019composable" not in keys


def test_either_name_of_hamiltonian_monte_carlo_is_cited() -> None:
    for sampler in ("numpyro 0.22 HMC", "Hamiltonian Monte Carlo on numpyro 0.22"):
        cited = [r.key for r in references({"engine": "fast", "sampler": sampler})]
        assert cited.count("neal2011hamiltonian") == 1
        assert "hoffman2014nuts" not in cited


def test_bibtex_is_balanced_and_names_every_reference() -> None:
    text = bibtex({"engine": "nuts", "backend": "numpyro"})
    assert text.count("{") == text.count("}")
    assert text.count("@") == len(references({"engine": "nuts", "backend": "numpyro"}))


def test_references_read_without_tex() -> None:
    for r in references({"engine": "nuts", "backend": "numpyro"}):
        assert not set("{}\\$") & set(r.text)
        assert r.text.count(".") >= 1
        assert r.url == "" or r.url.startswith("https://")
