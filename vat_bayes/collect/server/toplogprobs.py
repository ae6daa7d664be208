"""From the likeliest first tokens of an answer to a distribution over the ratings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vat_bayes.collect.judge import UNLISTED, Reading

# A label may be written alone, with a blank before it, or as a single byte.
_WAYS = 3
# Some servers write tokens as they stand in the vocabulary, with these for a blank.
_BLANKS = " \t\r\n\u2581\u0120"
# Rounding in a server may bring a sum of probabilities a little over 1.
_ROUNDING = 1e-3


class MalformedReplyError(ValueError):
    """A reply that is not as the protocol has it."""


@dataclass(frozen=True)
class Listed:
    """What a list of likeliest tokens says about the ratings.

    Parameters
    ----------
    reading : Reading
        The distribution. A label that is not listed has half of what it could have at most.
    unlisted : int
        How many labels are not listed.
    bound : float
        How far the reading may be from the whole distribution, at most, because tokens are not
        listed: total variation over the ratings and the answers that are none, from 0 to 1.
    """

    reading: Reading
    unlisted: int
    bound: float


def read_reply(reply: Any, labels: Sequence[str]) -> Listed:
    """Return the distribution over the ratings from the reply to a chat completion.

    A token reads as a label when it is the label once blanks around it are left out; its
    probabilities add up. No token outside a list is likelier than the last one on it, of
    probability ``m``, and all of them together have the probability ``r`` that the list leaves.
    A label without a listed token is given ``min(m, r / u) / 2``, where ``u`` is the number of such
    labels: the middle of what one token can have. `p_valid` is the sum before the ratings are
    renormalised.

    Parameters
    ----------
    reply : object
        The JSON of the reply.
    labels : sequence of str
        The labels of the scale, one character each.

    Raises
    ------
    MalformedReplyError
        When the reply is not as the protocol has it.
    """
    tokens = _first_tokens(reply)
    by_label = dict.fromkeys(labels, 0.0)
    ways = dict.fromkeys(labels, 0)
    listed, least = 0.0, 1.0
    for text, logprob in tokens.items():
        p = math.exp(logprob)
        listed += p
        least = min(least, p)
        label = text.strip(_BLANKS)
        if label in by_label:
            by_label[label] += p
            ways[label] += 1
    if listed > 1 + _ROUNDING:
        raise MalformedReplyError(f"the probabilities of its tokens add up to {listed:.4g}")
    rest = max(0.0, 1.0 - listed)
    least = least if tokens else 1.0
    missing = [label for label in labels if not ways[label]]
    could_be = sum(max(0, _WAYS - n) for n in ways.values()) * least
    bound = min(rest, could_be)
    for label in missing:
        by_label[label] = min(least, rest / len(missing)) / 2
    valid = sum(by_label.values())
    if len(missing) == len(labels) or valid == 0:
        # No rating is among the answers: to spread what is left over them would invent one.
        return Listed(
            Reading((), min(1.0, valid) if tokens else None, ended=UNLISTED), len(missing), bound
        )
    shares = [p / valid for p in by_label.values()]
    return Listed(Reading(tuple(shares), min(1.0, valid)), len(missing), bound)


def _first_tokens(reply: Any) -> dict[str, float]:
    """Return the tokens listed for the first place of the answer, with their log probabilities."""
    choice = _get(_get(reply, "choices"), 0)
    logprobs = _get(choice, "logprobs")
    if logprobs is None:
        raise MalformedReplyError(_NONE)
    content = _get(logprobs, "content")
    if content == []:
        # The model ended its turn at once, and the server keeps to itself what else it might say.
        return {}
    top = _get(_get(content, 0), "top_logprobs")
    if not isinstance(top, list) or not top:
        raise MalformedReplyError(_NONE)
    found: dict[str, float] = {}
    for entry in top:
        text, logprob = _text(entry), _number(_get(entry, "logprob"))
        p = math.exp(logprob) + (math.exp(found[text]) if text in found else 0.0)
        found[text] = math.log(p) if p > 0 else -math.inf
    return found


def _number(logprob: Any) -> float:
    if isinstance(logprob, bool) or not isinstance(logprob, int | float):
        raise MalformedReplyError("a token has no log probability")
    # NaN is not below anything either, and a whole number may be too large for a float.
    if not logprob <= _ROUNDING:
        raise MalformedReplyError("a log probability is above 0 or no number")
    return float(max(logprob, -1e300))


_NONE = "it lists no log probabilities of tokens"


def _text(entry: Any) -> str:
    raw = entry.get("bytes") if isinstance(entry, Mapping) else None
    if isinstance(raw, list) and raw:
        try:
            return bytes(raw).decode("utf-8")
        except (ValueError, TypeError):
            # A part of a character: it is no label, and its probability counts all the same.
            return f"\ufffd{raw}"
    token = _get(entry, "token")
    if not isinstance(token, str):
        raise MalformedReplyError("a token has no text")
    return token


def _get(thing: Any, key: str | int) -> Any:
    try:
        return thing[key]
    except (KeyError, IndexError, TypeError):
        raise MalformedReplyError(f"it has no {key!r} where one was expected") from None
