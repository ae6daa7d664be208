"""A statistical model written out: equations and priors, in plain text and in LaTeX."""

from __future__ import annotations

from dataclasses import dataclass

from vat_bayes.model.priors import ADDED, ModelSpec, Prior, Readout

# How each parameter is written: in plain text and in LaTeX.
_SYMBOLS: dict[str, tuple[str, str]] = {
    "cutpoint": ("τ_mk", r"\tau_{mk}"),
    "share_scale": ("σ_τ,m", r"\sigma_{\tau,m}"),
    "level": ("μ_m", r"\mu_m"),
    "theta": ("θ_mv", r"\theta_{mv}"),
    "delta": ("δ_av", r"\delta_{av}"),
    "model_scale": ("σ_δ,model", r"\sigma_{\delta,\mathrm{model}}"),
    "alpha_scale": ("σ_α,m", r"\sigma_{\alpha,m}"),
    "u_scale": ("σ_u,av", r"\sigma_{u,av}"),
    "coupling_scale": ("ω_a", r"\omega_a"),
    "kappa_scale": ("σ_κ,m", r"\sigma_{\kappa,m}"),
    "scenario": ("g_ms", r"g_{ms}"),
    "beta": ("β_a", r"\beta_a"),
    "lambda": ("λ_c", r"\lambda_c"),
    "noise": ("σ_e,c", r"\sigma_{e,c}"),
    "prompt_scale": ("σ_π,m", r"\sigma_{\pi,m}"),
    "prompt_shift_scale": ("σ_ψ,a", r"\sigma_{\psi,a}"),
    "repeat_scale": ("σ_ρ,m", r"\sigma_{\rho,m}"),
    "subvalue_scale": ("σ_γ,m", r"\sigma_{\gamma,m}"),
    "subvalue_shift_scale": ("σ_ζ,a", r"\sigma_{\zeta,a}"),
}


@dataclass(frozen=True)
class PriorRow:
    """One prior as it is printed.

    Parameters
    ----------
    parameter : str
        Its name in the model file.
    symbol, latex_symbol : str
    prior, latex_prior : str
    why : str
    """

    parameter: str
    symbol: str
    latex_symbol: str
    prior: str
    latex_prior: str
    why: str


@dataclass(frozen=True)
class Written:
    """One measurement path of a model.

    Parameters
    ----------
    heading : str
    equations : tuple of (str, str)
        Each in plain text and in LaTeX.
    priors : tuple of PriorRow
    """

    heading: str
    equations: tuple[tuple[str, str], ...]
    priors: tuple[PriorRow, ...]


def write_model(spec: ModelSpec, readout: Readout) -> Written:
    """Write one measurement path of a model.

    Parameters
    ----------
    spec : ModelSpec
    readout : {"ratings", "scores"}

    Returns
    -------
    Written
    """
    priors = spec.priors(readout)
    unit = "logits" if spec.link == "logistic" else "probits"
    heading = (
        f"Sampled ratings: cumulative {spec.link} model, scales in {unit}"
        if readout == "ratings"
        else "Distributional read-out: expected scores, scales in quarters of the rating range"
    )
    outcome = _ratings(spec) if readout == "ratings" else _scores(priors)
    equations = [*outcome, *_linear(priors, readout), *_effects(priors["delta"], priors)]
    rows = tuple(
        PriorRow(name, *_symbol(name, priors), *_prior(prior), prior.why)
        for name, prior in sorted(priors.items(), key=lambda x: list(_SYMBOLS).index(x[0]))
    )
    return Written(heading, tuple(equations), rows)


def _symbol(name: str, priors: dict[str, Prior]) -> tuple[str, str]:
    """Write what a prior is of: what a condition adds is measured in its own units."""
    text, tex = _SYMBOLS[name]
    own = name in ADDED and priors[name].family != "fixed" and priors["lambda"].family != "fixed"
    return (f"exp(λ_a) {text}", rf"e^{{\lambda_a}} {tex}") if own else (text, tex)


def _ratings(spec: ModelSpec) -> list[tuple[str, str]]:
    sharp = "lambda" in spec.ratings and spec.ratings["lambda"].family != "fixed"
    own = "share_scale" in spec.ratings
    cut, cut_tex = ("τ_cpk", r"\tau_{cpk}") if own else ("τ_mk", r"\tau_{mk}")
    text, tex = f"({cut} - η) exp(λ_c)", rf"({cut_tex} - \eta) e^{{\lambda_c}}"
    if not sharp:
        text, tex = f"{cut} - η", rf"{cut_tex} - \eta"
    found = [(f"P(y ≤ k) = F({text}),  F {spec.link}", rf"P(y \le k) = F\left({tex}\right)")]
    if own:
        found.append(
            (
                "shares at η = 0 in condition c and wording p: those of τ_mk, each times "
                "exp(σ_τ,m z_cpk), over their sum,  z ~ N(0, 1)",
                r"F(\tau_{cpk}) - F(\tau_{cp,k-1}) \propto (F(\tau_{mk}) - F(\tau_{m,k-1}))"
                r" e^{\sigma_{\tau,m} z_{cpk}},\quad z \sim N(0, 1)",
            )
        )
    return found


def _scores(priors: dict[str, Prior]) -> list[tuple[str, str]]:
    sharp = priors["lambda"].family != "fixed"
    front, tex = ("exp(λ_c) ", r"e^{\lambda_c}") if sharp else ("", "")
    found = [
        (
            f"y_ic = {front}(η_ic + μ_m) + e_ic,  e_ic ~ N(0, σ_e,c²)",
            rf"y_{{ic}} = {tex}(\eta_{{ic}} + \mu_m) + e_{{ic}},\quad "
            r"e_{ic} \sim N(0, \sigma_{e,c}^2)",
        )
    ]
    if "scenario" in priors:
        df = f"{priors['scenario'].scale:g}"
        found.append(
            (
                f"all scores of a scenario about their mean: times 1/√g_ms,  "
                f"g_ms ~ Gamma({df}/2, {df}/2)  (multivariate t)",
                rf"y_s \sim t_{{{df}}}(\mathrm{{mean}}, \mathrm{{scale}})",
            )
        )
    return found


def _linear(priors: dict[str, Prior], readout: Readout) -> list[tuple[str, str]]:
    """Write the linear predictor and the distributions of its random effects."""
    beta = priors["beta"].family != "fixed"
    inner, inner_tex = "δ_av + u_asv", r"\delta_{av} + u_{asv}"
    if "prompt_shift_scale" in priors:
        inner, inner_tex = f"{inner} + ψ_apv", rf"{inner_tex} + \psi_{{apv}}"
    text = f"η_ic = Σ_v w_iv (θ_mv + α_msv + [arm] ({inner}))"
    tex = (
        r"\eta_{ic} = \sum_v w_{iv} (\theta_{mv} + \alpha_{msv} + [\mathrm{arm}]"
        rf"({inner_tex}))"
    )
    if beta:
        text, tex = f"{text} + [arm] β_a", rf"{tex} + [\mathrm{{arm}}]\beta_a"
    text, tex = f"{text} + κ_mi", rf"{tex} + \kappa_{{mi}}"
    if readout == "ratings":
        text, tex = f"{text} + π_mp + ρ_ic", rf"{tex} + \pi_{{mp}} + \rho_{{ic}}"
    if "subvalue_scale" in priors:
        text, tex = f"{text} + w_i γ_mq", rf"{tex} + w_i \gamma_{{mq}}"
    if "subvalue_shift_scale" in priors:
        text, tex = f"{text} + [arm] w_i ζ_aq", rf"{tex} + [\mathrm{{arm}}] w_i \zeta_{{aq}}"
    heavy = "scenario" in priors and readout == "ratings"
    over, over_tex = (" / g_ms", r" / g_{ms}") if heavy else ("", "")
    coupled = priors["coupling_scale"].family != "fixed"
    spread = "D_a Ω_a D_a" if coupled else "D_a²"
    spread_tex = r"D_a \Omega_a D_a" if coupled else "D_a^2"
    found = [
        (text, tex),
        (
            f"α_msv ~ N(0, σ_α,m²{over}),  κ_mi ~ N(0, σ_κ,m²)",
            rf"\alpha_{{msv}} \sim N(0, \sigma_{{\alpha,m}}^2{over_tex}),\quad "
            r"\kappa_{mi} \sim N(0, \sigma_{\kappa,m}^2)",
        ),
        (
            f"u_as ~ N(0, {spread}{over}),  D_a = diag(σ_u,a)",
            rf"u_{{as}} \sim N(0, {spread_tex}{over_tex}),\quad "
            r"D_a = \mathrm{diag}(\sigma_{u,a})",
        ),
    ]
    if coupled:
        found.append(
            (
                "partial correlations of Ω_a in circle order: tanh(ω_a z),  z ~ N(0, 1)",
                r"\mathrm{partial\ correlations\ of\ }\Omega_a = \tanh(\omega_a z),\quad "
                r"z \sim N(0, 1)",
            )
        )
    if heavy:
        df = f"{priors['scenario'].scale:g}"
        found.append(
            (
                f"g_ms ~ Gamma({df}/2, {df}/2)",
                rf"g_{{ms}} \sim \mathrm{{Gamma}}({df}/2, {df}/2)",
            )
        )
    for scale, effect, tex_effect in (
        ("prompt_scale", "π_mp", r"\pi_{mp}"),
        ("prompt_shift_scale", "ψ_apv", r"\psi_{apv}"),
        ("repeat_scale", "ρ_ic", r"\rho_{ic}"),
        ("subvalue_scale", "γ_mq", r"\gamma_{mq}"),
        ("subvalue_shift_scale", "ζ_aq", r"\zeta_{aq}"),
    ):
        if scale in priors:
            symbol, tex_symbol = _SYMBOLS[scale]
            note = _WHERE.get(scale, "")
            tex = rf"{tex_effect} \sim N(0, {tex_symbol}^2)"
            found.append((f"{effect} ~ N(0, {symbol}²){note}", tex))
    return found


_WHERE = {
    "prompt_scale": "   with several wordings",
    "prompt_shift_scale": "   with several wordings",
    "repeat_scale": "   with repeated ratings",
    "subvalue_scale": "   for the sub-value q of item i",
    "subvalue_shift_scale": "   likewise",
}


def _effects(prior: Prior, priors: dict[str, Prior]) -> list[tuple[str, str]]:
    """Write how the effects share a spread."""
    found = []
    name, tex = _symbol("delta", priors)
    tex_target = tex.replace("{av}", "{at}")
    if "model_scale" in priors:
        own, own_tex = name, tex
        name, tex, tex_target = "ε_cv", r"\varepsilon_{cv}", r"\varepsilon_{ct}"
        found.append(
            (
                f"{own} = ε_cv + N(0, σ_δ,model²)   for a condition c of several models",
                rf"{own_tex} = \varepsilon_{{cv}} + N(0, \sigma_{{\delta,\mathrm{{model}}}}^2)",
            )
        )
    if prior.family == "normal":
        return found
    mean, mean_tex = "0", "0"
    if prior.family == "circle":
        of_target = name.replace("_av", "_at").replace("_cv", "_ct")
        mean = f"r_a mean_t(cos(angle(v, t)) {of_target})"
        mean_tex = rf"r_a \overline{{\cos(\angle(v,t))\,{tex_target}}}"
    found.append((f"{name} ~ N({mean}, t_a²)   off target", rf"{tex} \sim N({mean_tex}, t_a^2)"))
    target = f"{prior.target:g}"
    found.append((f"{name} ~ N(0, {target}²)   on target", rf"{tex} \sim N(0, {target}^2)"))
    return found


def _prior(prior: Prior) -> tuple[str, str]:
    x, slope = f"{prior.scale:g}", f"{prior.slope or 0:g}"
    forms = {
        "normal": (f"~ N(0, {x}²)", rf"N(0, {x}^2)"),
        "half_normal": (f"~ HN({x})", rf"\mathrm{{HN}}({x})"),
        "dirichlet": (f"shares at η = 0 ~ Dirichlet({x})", rf"\mathrm{{Dirichlet}}({x})"),
        "exchangeable": (f"t_a ~ HN({x})", rf"t_a \sim \mathrm{{HN}}({x})"),
        "circle": (
            f"t_a ~ HN({x}), r_a ~ N(0, {slope}²)",
            rf"t_a \sim \mathrm{{HN}}({x}),\ r_a \sim N(0, {slope}^2)",
        ),
        "student_t": (f"{x} degrees of freedom", rf"\nu = {x}"),
        "fixed": ("= 0", "0"),
    }
    return forms[prior.family]
