"""Components as they are once sent: each with its id, their media with addresses (Discord: Component Reference)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..world.payloads import Json

_SLOTS = ("accessory", "component")
_FROM_FILES = "attachment://"


def components_in(components: Iterable[Json]) -> Iterator[Json]:
    """All components with those inside them, outer ones first."""
    for component in components:
        yield component
        yield from components_in(component.get("components") or ())
        yield from components_in(component[slot] for slot in _SLOTS if component.get(slot))


def finished(components: Iterable[Json], files: Mapping[str, Json] | None = None) -> list[Json]:
    """Components with ids where they brought none ("Anatomy of a Component"), and without nulls.

    Args:
        components: As the form has left them.
        files: The attachments of the message by their names ("Unfurled Media Item").
    """
    given = list(components)
    taken = {component.get("id") for component in components_in(given)}
    free = (number for number in range(1, 1 << 31) if number not in taken)
    return [_finished(component, free, files or {}) for component in given]


def _finished(component: Json, free: Iterator[int], files: Mapping[str, Json]) -> Json:
    whole: Json = {name: _media(value, files) for name, value in component.items() if value is not None}
    whole["id"] = component.get("id") or next(free)
    if "components" in whole:
        whole["components"] = [_finished(inner, free, files) for inner in whole["components"]]
    for slot in _SLOTS:
        if slot in whole:
            whole[slot] = _finished(whole[slot], free, files)
    return whole


def _media(value: Any, files: Mapping[str, Json]) -> Any:
    """The same with the addresses of the message's files in place of their names."""
    if isinstance(value, list):
        return [_media(item, files) for item in value]
    if not isinstance(value, dict):
        return value
    url = value.get("url")
    if isinstance(url, str) and url.startswith(_FROM_FILES) and (file := files.get(url.removeprefix(_FROM_FILES))):
        told = {name: file[name] for name in ("url", "proxy_url", "content_type")}
        return value | told | {"attachment_id": file["id"]}
    return {name: _media(item, files) for name, item in value.items()}
