"""Replies of the remote control, as a terminal shows them; those without words of their own are shown as JSON."""

import datetime as dt
import json
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import printable

type Fields = dict[str, Any]


def show(action: str, reply: Fields) -> str:
    """The reply to this action in words."""
    shown = _SHOWN.get(action)
    return shown(reply) if shown else pretty({key: reply[key] for key in reply if key not in {"action", "id"}})


def safe(text: str) -> str:
    """Text that others may have written: what would steer the terminal is escaped."""
    return "\n".join(printable(line, len(line)) for line in text.split("\n"))


def pretty(reply: object) -> str:
    """As JSON for people."""
    return json.dumps(reply, indent=2, ensure_ascii=False)


def happened(topic: str, name: str, timestamp: float, data: Fields) -> str:
    """An event in one line."""
    time = dt.datetime.fromtimestamp(timestamp, dt.UTC).astimezone()
    return f"{time:%H:%M:%S} {name} {json.dumps(data, ensure_ascii=False) if data else topic}"


def _names(sounds: Iterable[Fields]) -> list[str]:
    return [sound["name"] for sound in sounds]


def _list(reply: Fields) -> str:
    return "\n".join([*_names(reply["sounds"]), f"{reply['count']} sounds"])


def _found(reply: Fields) -> str:
    return "\n".join(_names(reply["sounds"])) or "nothing found"


def _favourites(reply: Fields) -> str:
    return "\n".join(_names(reply["favourites"])) or "no favourites"


def _playing(reply: Fields) -> str:
    if reply.get("queued"):
        return f"{reply['title']} waits in {reply['channel']}, at place {reply.get('position', '?')}"
    return f"playing {reply['title']} in {reply['channel']}"


def _queue(reply: Fields) -> str:
    return "\n".join(f"{waiting['playback_id']}  {waiting['title']}" for waiting in reply["queue"]) or "nothing waits"


def _status(reply: Fields) -> str:
    now = reply["now_playing"]
    length = "?" if now is None or now["duration"] is None else f"{now['duration']:.1f}"
    playing = f"playing {now['title']}, {now['position']:.1f} of {length} s" if now else "playing nothing"
    place = f"in {reply['channel']}" if reply["channel"] else "in no channel"
    return f"{place}, {playing}, {reply['sound_count']} sounds"


def _player(reply: Fields) -> str:
    player = reply["player"]
    title = f" {player['title']}" if player["title"] else ""
    return f"{player['state']}{title}, volume {player['volume']:g} %"


def _guilds(reply: Fields) -> str:
    lines = []
    for guild in reply["guilds"]:
        lines.append(f"{guild['name']} ({guild['id']})")
        for channel in guild["channels"]:
            people = ", ".join(person["name"] for person in channel["members"])
            lines.append(f"  {channel['name']} ({channel['id']}): {people or 'nobody'}")
    return "\n".join(lines) or "no guilds"


def _heard(reply: Fields) -> str:
    sections = (("you", reply["mine"]), ("everyone", reply["guild"]))
    return "\n".join(f"{who}: {', '.join(sound['title'] for sound in heard) or 'nothing'}" for who, heard in sections)


_SHOWN: dict[str, Callable[[Fields], str]] = {
    "list": _list,
    "search": _found,
    "favourites": _favourites,
    "play": _playing,
    "random": _playing,
    "stop": lambda _: "stopped",
    "skip": lambda _: "skipped",
    "queue": _queue,
    "status": _status,
    "player": _player,
    "guilds": _guilds,
    "recent": _heard,
    "diagnose": lambda reply: "\n".join(reply["findings"]),
    "delete": lambda reply: f"deleted {reply['filename']}",
    "ping": lambda _: "pong",
}
