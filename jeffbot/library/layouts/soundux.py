"""The tabs of Soundux."""

from collections.abc import Iterator
from typing import Any

from .arrivals import Claim, Known, decibels, details, items, number, text
from .format import Format
from .source import read_json


def _claims(config: dict[str, Any]) -> Iterator[Claim]:
    """``config.json`` of Soundux/Soundux (``bindings.hpp``, ``objects.hpp``).

    ``{"data": {"tabs": [{"name", "sounds": [{"name", "path", "remoteVolume"}]}]}, "settings": {"remoteVolume"}}``.

    Names of tabs become tags. What others hear, ``remoteVolume``, is percent of amplitude; a sound's own stands in the
    place of the setting (``audio.cpp``).
    """
    settings = config.get("settings")
    usual = number(settings.get("remoteVolume")) if isinstance(settings, dict) else None
    for tab in items(config["data"]["tabs"]):
        for sound in items(tab.get("sounds")):
            own = number(sound.get("remoteVolume"))
            gain = 0.0 if own is None else decibels(own / (usual or 100.0))
            made = details(title=sound.get("name"), tags=(tab.get("name"),), gain=gain)
            yield Claim(file=text(sound.get("path")), known=Known(details=made))


def _fits(config: object) -> bool:
    data = config.get("data") if isinstance(config, dict) else None
    return isinstance(data, dict) and bool(items(data.get("tabs")))


SOUNDUX = Format(name="Soundux", extensions=frozenset({".json"}), load=read_json, fits=_fits, claims=_claims)
