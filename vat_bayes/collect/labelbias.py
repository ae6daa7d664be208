"""How much a judge prefers a label whatever it is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vat_bayes.collect.journal import Key
from vat_bayes.collect.judge import Reading
from vat_bayes.collect.schedule import CONTENT_FREE
from vat_bayes.study import Study


def label_bias(study: Study, readings: Mapping[Key, Reading]) -> list[dict[str, Any]]:
    """Return the mean distribution over the labels where the action has no content.

    Dividing a judgment's distribution by that of its model, condition and prompt, and normalising
    it again, is the contextual calibration of Zhao et al. (2021, arXiv:2102.09690).

    Parameters
    ----------
    study : Study
        The study.
    readings : mapping of Key to Reading
        All of them, with those of the prompts without content.

    Returns
    -------
    list of dict
        ``model, condition, prompt, texts`` (their number), ``probabilities`` (K numbers),
        ``mean_rating`` (in points) and ``p_valid``; empty when the study does not ask for it. A
        text for which a server lists no rating is left out.
    """
    if not study.readout.content_free:
        return []
    groups: dict[tuple[str, str, str], list[Reading]] = {}
    for key, reading in readings.items():
        if key.item.startswith(CONTENT_FREE) and reading.probabilities:
            groups.setdefault((key.model, key.condition, key.order), []).append(reading)
    told = []
    for model in study.models:
        for condition in study.conditions:
            for prompt in study.prompts:
                found = groups.get((model.name, condition.name, prompt), [])
                if not found:
                    continue
                p = np.mean([r.probabilities for r in found], axis=0)
                told.append(
                    {
                        "model": model.name,
                        "condition": condition.name,
                        "prompt": prompt,
                        "texts": len(found),
                        "probabilities": [float(x) for x in p],
                        "mean_rating": float(p @ np.arange(1, len(p) + 1)),
                        "p_valid": float(np.mean([r.p_valid for r in found])),
                    }
                )
    return told
