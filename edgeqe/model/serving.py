"""Codecs that a model serves, by its card; others are refused.

A network that learned JPEG's artefacts takes HEVC's for detail: with their true QP, frames of
HEVC became 0.3 to 5.9 dB worse by networks of JPEG alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from edgeqe.codecs.strength import MEANS, STATED_BY, STILLS, Strength, coded_as
from edgeqe.errors import InputError
from edgeqe.model.card import Card
from edgeqe.model.catalogue import find_model, shipped_models
from edgeqe.model.file import ModelFile


def codecs_of(cards: Sequence[Card]) -> tuple[str, ...]:
    """Codecs that models serve one after another: those that every card names, and their stills."""
    known = dict.fromkeys((*cards[0].codecs, *STILLS))
    return tuple(c for c in known if all(coded_as(c, card.codecs) for card in cards))


def serving_models(codec: str) -> list[str]:
    """Names of the shipped networks whose cards name a codec, smallest first."""
    cards = {name: ModelFile(find_model(name)).card for name in shipped_models()}
    return [name for name, card in cards.items() if coded_as(codec, card.codecs)]


def check_model(model: str | os.PathLike[str], strength: Strength) -> None:
    """Refuse a strength by a model's file, as `check_serves`; no session is made.

    Parameters
    ----------
    model : str or path
        See `catalogue.find_model`; all forms of a shipped network serve the same codecs.
    strength : Strength

    Raises
    ------
    InputError
        If its card does not name the codec.
    ModelError
        If there is no such model.
    """
    check_serves([ModelFile(find_model(model)).card], strength)


def check_serves(cards: Sequence[Card], strength: Strength) -> None:
    """Refuse a strength of a codec that a model does not serve.

    Parameters
    ----------
    cards : sequence of Card
        Of the models that run one after another.
    strength : Strength
        One without a codec is not refused.

    Raises
    ------
    InputError
        If a card does not name the codec; the message names the shipped models that do.
    """
    codec = strength.codec
    refusing = next((c for c in cards if codec and not coded_as(codec, c.codecs)), None)
    if refusing is None:
        return
    why = {
        "quality": ", which quality= means",
        "qp": ", which qp= means unless codec= says otherwise",
        "rate": ", which rate= means",
    }.get(strength.codec_from, "")
    advice = []
    if strength.codec_from in MEANS:
        others = [c for c in codecs_of(cards) if STATED_BY.get(c) == strength.codec_from]
        if others:
            named = " or ".join(f"codec='{other}' (--codec {other})" for other in others)
            advice.append(f"give {named} if the picture is of that")
    serving = serving_models(codec)
    advice.append(
        f"of the shipped models {', '.join(serving)} {'do' if len(serving) > 1 else 'does'}"
        if serving
        else "none of the shipped models does, give a model file whose card names it"
    )
    raise InputError(
        f"'{refusing.name}' serves {', '.join(refusing.codecs) or 'no codec'} and not "
        f"{codec}{why}: {'; '.join(advice)}."
    )
