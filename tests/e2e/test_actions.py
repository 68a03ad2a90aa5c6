"""Every action as someone would use it, over the WebSocket and over HTTP, with the same replies."""

import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest

from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.auth import RENEWABLE
from staging import TONES, Stage, write_tone
from town import Door, Doors, Json, Kind, is_now, timeless, until

KINDS = get_args(Kind.__value__)
READING = {"search", "list", "favourites", "player", "queue", "status", "recent", "stats", "entrance", "settings"}
CHANGING = {"add", "remove", "clear", "paused", "volume", "entrance", "exit", "greeted", "mode", "time_zone"}
"""Fields with which these change something."""
HORNS = ("horn.wav", "hornet.wav", "big horn.wav", "airhorn.wav")
"""As someone who types "horn" means them: exact, prefix, beginning of a word, elsewhere."""


@pytest.fixture
def sounds_dir(tmp_path: Path) -> Path:
    """A library with long sounds, and some in folders."""
    folder = tmp_path / "sounds"
    for name, hertz in TONES.items():
        write_tone(folder / name, hertz)
    for number, name in enumerate(HORNS):
        write_tone(folder / "brass" / name, 400 + 10 * number, 0.2)
    write_tone(folder / "sea" / "waves.wav", 220, 10)
    write_tone(folder / "sea" / "surf.wav", 230, 10)
    return folder


@dataclass
class BothDoors(Door):
    """Asks over the WebSocket and over HTTP by turns; what only reads, over both, which answer alike."""

    turns: "itertools.cycle[bool]" = field(default_factory=lambda: itertools.cycle((True, False)))

    async def ask(self, action: str, **fields: Any) -> Json:
        if action in READING and not fields.keys() & CHANGING:
            reply = await super().ask(action, **fields)
            _, other = await self.post(action, **fields)
            assert timeless(other) == timeless(reply)
            return reply
        if next(self.turns):
            return await super().ask(action, **fields)
        return (await self.post(action, **fields))[1]


async def open_both(doors: Doors, stage: Stage, scope: str = "play") -> BothDoors:
    """Alice's doors, whose token has these scopes."""
    door = await doors.open(stage.alice, scope)
    return BothDoors(door.session, door.url, door.token, door.wire)


@pytest.fixture
async def doors(stage: Stage) -> AsyncIterator[Doors]:
    """The ways to the soundboard, when the lengths of its sounds are known."""
    await until(lambda: all(stage.service.duration(sound) for sound in stage.service.sounds()))
    async with Doors(stage) as doors:
        yield doors


@pytest.fixture
async def door(stage: Stage, doors: Doors) -> Door:
    """Alice's, of a token as the first ones were."""
    return await open_both(doors, stage)


@pytest.fixture
async def keeper(stage: Stage, doors: Doors) -> Door:
    """Alice's, of a token with which she looks after sounds, too."""
    return await open_both(doors, stage, "play manage")


def names(reply: Json, key: str = "sounds") -> list[str]:
    """Of the sounds in a reply."""
    return [sound["name"] for sound in reply[key]]


# Finding


async def test_search(door: Door) -> None:
    """What someone typed finds the likeliest first: exact, prefix, beginning of a word, and what is spelt wrong."""
    assert names(await door.act("search", query="horn")) == list(HORNS)
    assert names(await door.act("search", query="wavs"))[0] == "waves.wav"
    assert names(await door.act("search", query="no such thing at all")) == []


async def test_search_by_tag(door: Door) -> None:
    """Only sounds with all the tags are found, with a query or without."""
    assert set(names(await door.act("search", tags=["SEA"]))) == {"surf.wav", "waves.wav"}
    assert names(await door.act("search", query="waves", tags=["sea"])) == ["waves.wav"]
    assert (await door.act("search", tags=["sea", "brass"]))["count"] == 0


async def test_search_in_pages(door: Door) -> None:
    """Page after page, all are found, each once, and the last page has no cursor."""
    found, fields = [], dict[str, object]()
    while True:
        page = await door.act("search", limit=4, **fields)
        assert page["count"] == len(page["sounds"])
        found += names(page)
        if "cursor" not in page:
            break
        fields = {"cursor": page["cursor"]}

    assert found == names(await door.act("list"))


async def test_list_in_pages(door: Door) -> None:
    """Likewise a list, which says how many there are."""
    whole = await door.act("list")
    first = await door.act("list", limit=4)
    second = await door.act("list", cursor=first["cursor"])

    assert first["sounds"] + second["sounds"] == whole["sounds"]
    assert (first["count"], first["total"], second["count"]) == (4, whole["count"], whole["count"] - 4)


async def test_favourites(door: Door) -> None:
    """Favourites are in the order they were chosen; to add one again, or take one out again, changes nothing."""
    assert names(await door.act("favourites"), "favourites") == []
    assert names(await door.act("favourites", add=["waves", "low"]), "favourites") == ["waves.wav", "low.wav"]
    assert names(await door.act("favourites", add=["low", "low.wav"]), "favourites") == ["waves.wav", "low.wav"]
    for _ in range(2):
        assert names(await door.act("favourites", remove=["waves"]), "favourites") == ["low.wav"]
    assert await door.fail("favourites", add=["high", "nope"]) == "sound_not_found"
    assert names(await door.act("favourites"), "favourites") == ["low.wav"]


async def test_preview(stage: Stage, door: Door) -> None:
    """A sound can be heard in the browser; who has no token hears nothing."""
    sound = f"{door.url}/sounds/low.wav.ogg"
    async with door.session.get(sound, headers=door.headers) as response:
        assert (response.status, response.content_type) == (200, "audio/ogg")
        assert (await response.read()).startswith(b"OggS")
    async with door.session.get(sound) as response:
        assert response.status == 401
    async with door.session.get(f"{door.url}/sounds/nope.ogg", headers=door.headers) as response:
        assert (response.status, (await response.json())["error_code"]) == (404, "sound_not_found")
    assert stage.ear is None or not stage.ear.connected


# Playing


async def test_player(stage: Stage, door: Door) -> None:
    """What plays can be paused, go on and be set as loud as one likes, and the reply says how it is then."""
    assert (await door.act("player"))["player"]["state"] == "idle"
    playing = await door.act("play", filename="waves")

    player = (await door.act("player"))["player"]
    assert (player["state"], player["title"], player["channel"]) == ("playing", "waves.wav", "General")
    assert (player["guild_id"], player["user_id"]) == (str(stage.guild.id), str(stage.alice.id))
    assert (player["playback_id"], player["filename"]) == (playing["playback_id"], "waves.wav")
    assert 0 <= player["position"] <= player["duration"] == pytest.approx(10, abs=0.1)
    for paused, state in ((True, "paused"), (True, "paused"), (False, "playing"), ("toggle", "paused")):
        assert (await door.act("player", paused=paused))["player"]["state"] == state
    assert (await door.act("player", paused="toggle", volume=40))["player"]["state"] == "playing"
    assert (await door.act("player"))["player"]["volume"] == 40


async def test_nothing_to_pause(door: Door) -> None:
    """Where nothing plays, nothing can be paused or skipped."""
    assert await door.fail("player", paused=True) == "not_playing"
    assert await door.fail("skip") == "not_playing"


async def test_queue(stage: Stage, door: Door) -> None:
    """What waits is played in its order: behind, or as the next; some of it can be taken out, or all."""
    await door.act("play", filename="waves")
    low = await door.act("play", filename="low", mode="queue")
    high = await door.act("play", filename="high", mode="queue")
    surf = await door.act("play", filename="surf", mode="next")

    assert [(reply["queued"], reply["position"]) for reply in (low, high, surf)] == [(True, 1), (True, 2), (True, 1)]
    queue = (await door.act("queue"))["queue"]
    assert [item["filename"] for item in queue] == ["surf.wav", "low.wav", "high.wav"]
    assert queue[0] | {"duration": None} == {
        "playback_id": surf["playback_id"],
        "filename": "surf.wav",
        "title": "surf.wav",
        "user_id": str(stage.alice.id),
        "duration": None,
    }
    left = await door.act("queue", remove=[low["playback_id"], "no such"])
    assert [item["playback_id"] for item in left["queue"]] == [surf["playback_id"], high["playback_id"]]
    assert (await door.act("skip")) == {"action": "skip", "skipped": True, "next": surf["playback_id"]}
    await until(lambda: (now := stage.service.status(stage.alice.id).now_playing) and now.id == surf["playback_id"])
    assert (await door.act("queue", clear=True))["queue"] == []
    assert (await door.act("skip"))["next"] is None
    assert not stage.service.status(stage.alice.id).playing


async def test_stop_in_part(stage: Stage, door: Door, doors: Doors) -> None:
    """One sound can be stopped alone, or only what one has pressed oneself; what else plays and waits goes on."""
    bob = stage.discord.add_user("bob")
    stage.guild.add_member(bob)
    await stage.seen(bob.join(stage.general))
    bobs = await doors.open(bob)
    await bobs.act("play", filename="waves")
    mine = await door.act("play", filename="surf", mode="queue")
    other = await door.act("play", filename="low", mode="queue")
    theirs = await bobs.act("play", filename="high", mode="queue")

    await door.act("stop", playback_id=other["playback_id"])
    waiting = (await door.act("queue"))["queue"]
    assert [item["playback_id"] for item in waiting] == [mine["playback_id"], theirs["playback_id"]]
    await door.act("stop", mine=True)
    waiting = (await door.act("queue"))["queue"]
    assert [item["playback_id"] for item in waiting] == [theirs["playback_id"]]
    assert (await door.act("status"))["playing"]
    await door.act("stop")
    assert (await door.act("queue"))["queue"] == []
    assert not (await door.act("status"))["playing"]


async def test_random_by_tag(door: Door) -> None:
    """Any sound with a tag, never the same twice running."""
    replies = [await door.act("random", tag="sea", volume=50) for _ in range(4)]

    assert all(reply["action"] == "playing" and reply["random"] for reply in replies)
    assert [reply["filename"] for reply in replies][:2] in (["surf.wav", "waves.wav"], ["waves.wav", "surf.wav"])
    assert await door.fail("random", tag="no such") == "no_sounds"


# Looking after sounds


@pytest.mark.play
async def test_life_of_an_upload(stage: Stage, keeper: Door, tmp_path: Path) -> None:
    """A sound is sent, played, called something else, and taken out again."""
    status, reply = await keeper.add(write_tone(tmp_path / "bells.wav", 1320), title="Bells", tags=["Church"])
    assert status == 201, reply
    sound = reply["sound"]
    assert (sound["name"], sound["title"], sound["tags"]) == ("bells.wav", "Bells", ["Church"])
    assert (sound["guild_id"], sound["uploader_id"]) == (str(stage.guild.id), str(stage.alice.id))
    playing = await keeper.act("play", filename="bells")
    assert (playing["title"], playing["filename"]) == ("Bells", "bells")

    edited = await keeper.act("edit", filename="bells", title="Big Bells", emoji="🔔", gain=3, aliases=["ding"])
    said = {key: edited["sound"][key] for key in ("title", "emoji", "gain", "aliases", "tags")}
    assert said == {"title": "Big Bells", "emoji": "🔔", "gain": 3, "aliases": ["ding"], "tags": ["Church"]}
    assert (await keeper.act("play", filename="ding"))["title"] == "Big Bells"

    deleted = await keeper.act("delete", filename="ding")
    assert deleted["filename"] == "bells.wav"
    assert 29 * 86_400 < deleted["restorable_until"] - time.time() <= 30 * 86_400
    assert await keeper.fail("play", filename="bells") == "sound_not_found"
    assert await keeper.fail("delete", filename="bells") == "sound_not_found"


async def test_upload_ticket(stage: Stage, keeper: Door, tmp_path: Path) -> None:
    """A ticket is good for one file, within a minute; the very same sound comes in once."""
    file = write_tone(tmp_path / "bells.wav", 1320)
    ticket = await keeper.act("upload", filename="bells.wav", size=file.stat().st_size)
    assert ticket["method"] == "PUT"
    assert 50 < ticket["expires_at"] - time.time() <= 60
    for status in (201, 404):
        async with keeper.session.put(ticket["url"], data=file.read_bytes()) as response:
            assert response.status == status
    status, reply = await keeper.add(file, "other.wav")
    assert (status, reply["error_code"]) == (409, "already_exists")
    assert len(stage.service.sounds(caller=stage.alice.id)) == len(stage.service.sounds()) + 1


async def test_not_theirs_to_change(keeper: Door) -> None:
    """What lies in the operator's folder is not for those to change who do not run the bot or manage its server."""
    assert await keeper.fail("edit", filename="low", title="Loud") == "forbidden"
    assert await keeper.fail("delete", filename="low") == "forbidden"


# People and guilds


async def test_guilds(stage: Stage, door: Door) -> None:
    """The guilds one shares with the bot, their voice channels, and who is there."""
    (guild,) = (await door.act("guilds"))["guilds"]

    assert guild == {
        "id": str(stage.guild.id),
        "name": "Cave",
        "icon": None,
        "manages": False,
        "channels": [
            {
                "id": str(stage.general.id),
                "name": "General",
                "members": [{"user_id": str(stage.alice.id), "name": "alice"}],
            }
        ],
    }


async def test_recent_and_stats(stage: Stage, door: Door) -> None:
    """What was played is told to those who were there, by sound, person and hour."""
    for name in ("low", "high", "low"):
        await door.act("play", filename=name)

    recent = await door.act("recent")
    assert [(heard["filename"], heard["user_id"]) for heard in recent["mine"]] == [
        ("low.wav", str(stage.alice.id)),
        ("high.wav", str(stage.alice.id)),
    ]
    assert [heard["filename"] for heard in recent["guild"]] == ["low.wav", "high.wav"]
    assert is_now(recent["mine"][0]["at"])
    assert len((await door.act("recent", limit=1))["mine"]) == 1
    stats = await door.act("stats", top=1)
    assert (stats["plays"], stats["people"]) == (3, [{"user_id": str(stage.alice.id), "plays": 3}])
    assert [(sound["filename"], sound["plays"]) for sound in stats["sounds"]] == [("low.wav", 2)]
    assert sum(map(sum, stats["hours"])) == 3
    assert (await door.act("stats", since=time.time() + 60))["plays"] == 0


async def test_entrance(stage: Stage, door: Door) -> None:
    """One chooses one's own entrance and exit sounds, takes them back, and need not be greeted at all."""
    before = await door.act("entrance")
    assert (before["guild_id"], before["entrance"], before["exit"]) == (str(stage.guild.id), None, None)
    chosen = await door.act("entrance", entrance="low", exit="high.wav")
    assert (chosen["entrance"]["name"], chosen["exit"]["name"], chosen["greeted"]) == ("low.wav", "high.wav", True)
    assert (await door.act("entrance", entrance=None, greeted=False)) == chosen | {"entrance": None, "greeted": False}
    assert await door.fail("entrance", entrance="nope") == "sound_not_found"


async def test_settings(stage: Stage, doors: Doors, keeper: Door) -> None:
    """A guild's settings are read by its members, and changed by who runs the bot; what is left out stays."""
    alice, admin = keeper, await open_both(doors, stage, "admin")
    before = await alice.act("settings")
    assert before["guild_id"] == str(stage.guild.id)
    assert await alice.fail("settings", mode="overlap") == "forbidden"

    changes = {"mode": "overlap", "volume": 80, "entrance_cooldown": 5, "time_zone": "Europe/Berlin"}
    changed = await admin.act("settings", **changes)
    assert changed["settings"] == before["settings"] | changes
    assert (await alice.act("settings")) == changed
    assert (await alice.act("player"))["player"]["volume"] == 80
    assert await admin.fail("settings", time_zone="../../etc/passwd") == "invalid_field"
    assert (await admin.act("settings", mode=None))["settings"]["mode"] is None


@pytest.mark.parametrize("kind", KINDS)
async def test_refresh(stage: Stage, doors: Doors, kind: Kind) -> None:
    """A token that came from Discord itself is renewed, for 30 days; another is not."""
    auth_time = time.time() - RENEWABLE + 600
    door = await doors.open(stage.alice, "play manage", kind, auth_time=auth_time)
    fresh = await door.act("refresh")

    assert fresh["expires_at"] == pytest.approx(auth_time + RENEWABLE, abs=2)
    door.token, door.wire = fresh["token"], None
    assert (await door.act("status"))["action"] == "status"
    other = await doors.open(stage.alice, kind=kind)
    assert await other.fail("refresh") == "forbidden"


async def test_describe(door: Door) -> None:
    """The server tells what it can do, and where that is documented."""
    reply = await door.act("describe")

    assert {item["action"]: (item["scope"], item["change_scope"]) for item in reply["actions"]} == {
        action.name: (action.scope, action.change_scope) for action in ACTIONS.values()
    }
    assert all(item["description"] for item in reply["actions"])
    assert (reply["protocol"], reply["server"]["name"]) == (1, "jeffbot")
    for place in ("asyncapi", "openapi"):
        assert reply[place].startswith(door.url)
        async with door.session.get(reply[place]) as response:
            assert response.status == 200


# Both doors


async def test_same_replies(stage: Stage, doors: Doors) -> None:
    """Whatever only reads, or does the same again, is answered alike by both doors; so are refusals."""
    socket, http = [await doors.open(stage.alice, "play manage", kind) for kind in KINDS]
    requests: list[tuple[str, Json]] = [
        *((name, {}) for name in ("ping", "list", "search", "status", "player", "queue", "diagnose", "favourites")),
        *((name, {}) for name in ("guilds", "recent", "stats", "entrance", "settings", "describe", "stop", "refresh")),
        ("favourites", {"add": ["low"]}),
        ("entrance", {"exit": "high"}),
        ("status", {"guild_id": "1", "id": "mine"}),
        ("play", {"filename": "nope"}),
        ("play", {"filename": 5}),
        ("play", {"filename": "low", "volume": 1000}),
        ("edit", {"filename": "low", "title": "Loud"}),
        ("settings", {"mode": "next"}),
        ("skip", {}),
        ("dance", {}),
        ("ping", {"id": 2**53 + 1}),
    ]
    for action, fields in requests:
        expected = await socket.ask(action, **fields)
        assert timeless(await http.ask(action, **fields)) == timeless(expected), action
    assert {action for action, _ in requests} | {"random", "upload", "delete"} >= {
        action.name for action in ACTIONS.values() if action.handler
    }


@pytest.mark.parametrize("action", ["authenticate", "subscribe", "unsubscribe"])
async def test_for_the_websocket_alone(stage: Stage, doors: Doors, action: str) -> None:
    """What is about a connection is no action of HTTP."""
    http = await doors.open(stage.alice, kind="http")

    assert (await http.post(action, topics=["playback"]))[1]["error_code"] == "unknown_action"
