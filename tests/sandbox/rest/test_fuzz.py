"""Whatever is sent, by whatever route, is answered, and nothing of it is logged."""

import copy
import os
import re
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox import Permission
from jeffbot.sandbox.rest.app import ROUTES
from jeffbot.sandbox.rest.serving import Route
from jeffbot.sandbox.world.values import ChannelType, Message

from ..clients import RawClient
from ..conftest import Cave

EXAMPLES = 300 if os.environ.get("JEFFBOT_TEST_LONG") else 8
"""Of each route."""
GOOD: dict[str, Any] = {
    "PATCH /users/@me": {"username": "jeff"},
    "POST /users/@me/channels": {"recipient_id": "$alice"},
    "PATCH /applications/@me": {"description": "plays", "tags": ["music"], "flags": 1 << 15},
    "PATCH /guilds/{guild_id}": {"name": "Cave", "verification_level": 1, "description": None},
    "POST /guilds/{guild_id}/channels": {"name": "new", "type": 2, "bitrate": 64000, "parent_id": "$category"},
    "PATCH /guilds/{guild_id}/channels": [{"id": "$text", "position": 1}, {"id": "$voice", "parent_id": "$category"}],
    "PATCH /channels/{channel_id}": {
        "name": "other",
        "position": 0,
        "topic": "talk",
        "permission_overwrites": [{"id": "$role", "type": 0, "allow": "1024", "deny": "0"}],
    },
    "PUT /channels/{channel_id}/permissions/{overwrite_id}": {"allow": "1024", "deny": "2048", "type": 0},
    "PUT /channels/{channel_id}/voice-status": {"status": "dancing"},
    "POST /guilds/{guild_id}/roles": {"name": "dj", "permissions": "1024", "colors": {"primary_color": 255}},
    "PATCH /guilds/{guild_id}/roles": [{"id": "$role", "position": 1}],
    "PATCH /guilds/{guild_id}/roles/{role_id}": {"name": "dj", "hoist": True, "color": 255},
    "PATCH /guilds/{guild_id}/members/{user_id}": {
        "nick": "al",
        "roles": ["$role"],
        "mute": True,
        "deaf": False,
        "channel_id": "$stage",
        "communication_disabled_until": None,
    },
    "PATCH /guilds/{guild_id}/members/@me": {"nick": "jeff"},
    "PATCH /guilds/{guild_id}/members/@me/nick": {"nick": "jeff"},
    "PUT /guilds/{guild_id}/bans/{user_id}": {"delete_message_seconds": 60},
    "POST /guilds/{guild_id}/bulk-ban": {"user_ids": ["$alice", "$bot"], "delete_message_seconds": 60},
    "POST /channels/{channel_id}/messages": {
        "content": "hello <@$alice>",
        "nonce": "1",
        "enforce_nonce": True,
        "embeds": [
            {"title": "Sounds", "fields": [{"name": "horn", "value": "loud"}], "image": {"url": "http://x/y.png"}}
        ],
        "components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "Horn", "custom_id": "horn"}]}],
        "allowed_mentions": {"parse": ["users"], "roles": ["$role"]},
        "message_reference": {"message_id": "$message", "channel_id": "$text", "fail_if_not_exists": False},
        "poll": {"question": {"text": "Which?"}, "answers": [{"poll_media": {"text": "this"}}], "duration": 1},
    },
    "PATCH /channels/{channel_id}/messages/{message_id}": {"content": "again", "embeds": [{"title": "x"}], "flags": 4},
    "POST /channels/{channel_id}/messages/bulk-delete": {"messages": ["$message", "$mine"]},
    "PATCH /guilds/{guild_id}/voice-states/@me": {"suppress": False, "request_to_speak_timestamp": None},
    "PATCH /guilds/{guild_id}/voice-states/{user_id}": {"channel_id": "$stage", "suppress": True},
    "POST /stage-instances": {"channel_id": "$stage", "topic": "sounds"},
    "PATCH /stage-instances/{channel_id}": {"topic": "sounds"},
    "POST /guilds/{guild_id}/soundboard-sounds": {
        "name": "horn",
        "sound": "data:audio/ogg;base64,T2dnUw==",
        "volume": 0.5,
        "emoji_name": "📯",
    },
    "PATCH /guilds/{guild_id}/soundboard-sounds/{sound_id}": {"name": "horn", "volume": 1},
    "POST /channels/{channel_id}/send-soundboard-sound": {"sound_id": "$sound", "source_guild_id": "$guild"},
}
"""A body that is taken, by route; ``$alice`` is her id. Commands and answers to interactions are alike enough."""
COMMAND = {
    "name": "play",
    "description": "Plays",
    "options": [{"type": 3, "name": "sound", "description": "Which", "choices": [{"name": "a", "value": "b"}]}],
}
PLACES = {
    "guild_id": ["guild"],
    "channel_id": ["text", "voice", "stage", "category", "direct"],
    "message_id": ["message", "mine"],
    "user_id": ["alice", "bot"],
    "role_id": ["role", "guild"],
    "overwrite_id": ["role", "alice"],
    "sound_id": ["sound"],
    "command_id": ["command", "bot"],
    "application_id": ["bot"],
    "webhook_id": ["bot"],
}
"""What fits into a path."""
FIELDS = sorted({name for body in GOOD.values() if isinstance(body, dict) for name in body})
NAMES = sorted({name for names in PLACES.values() for name in names})

things = st.sampled_from([f"${name}" for name in NAMES])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | things
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4),
    max_leaves=8,
)


def spots(body: Any) -> list[tuple[Any, Any]]:
    """All containers in a body with each of their keys."""
    keys = body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
    return [(body, key) for key in keys] + [spot for key in keys for spot in spots(body[key])]


@st.composite
def bodies(draw: st.DrawFn, good: Any) -> Any:
    """A good body, perhaps with something in it changed or taken out; or anything at all."""
    if draw(st.integers(0, 4)) == 0:
        return draw(values)
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(0, 2))):
        if found := spots(body):
            holder, key = draw(st.sampled_from(found))
            if draw(st.booleans()):
                holder[key] = draw(values)
            else:
                del holder[key]
    return body


def paths(route: Route) -> st.SearchStrategy[list[str]]:
    """What stands for the variables of a route's path; mostly what is there."""
    junk = things | st.sampled_from(["@me", "👍", "0", "x", "9" * 20, "9" * 30, "%00", "é"])
    fitting = [
        st.sampled_from([f"${name}" for name in PLACES.get(variable, ["message"])])
        if variable != "emoji"
        else st.just("👍")
        for variable in re.findall(r"\{(\w+)\}", route.path)
    ]
    return st.tuples(*[st.one_of(fit, fit, fit, junk) for fit in fitting]).map(list)


queries = st.dictionaries(
    st.sampled_from(["limit", "after", "before", "around", "query", "with_counts"]),
    st.sampled_from(["1", "0", "-1", "50", "true", "x", "9" * 30, "2026-01-01T00:00:00Z"])
    | things
    | st.text(max_size=5),
    max_size=2,
)


def furnished(cave: Cave) -> dict[str, str]:
    """A guild of its own with a bit of everything in it, and the ids of it all; the bot may do anything."""
    discord, app = cave.discord, cave.app
    guild = discord.add_guild("Fuzz", members=[cave.alice], applications=[app])
    guild.give_role(app.user, guild.add_role("powers", Permission.ADMINISTRATOR))
    voice, stage = guild.add_voice_channel("General"), guild.add_stage_channel("Talk")
    guild.set_voice(app.user, stage)
    guild.set_voice(cave.alice, voice)
    message = Message(discord.world.next_id(), guild.text_channel, cave.alice, "hello")
    mine = Message(discord.world.next_id(), guild.text_channel, app.user, "hi")
    discord.world.post(message)
    discord.world.post(mine)
    found = {
        "guild": guild.id,
        "text": guild.text_channel.id,
        "voice": voice.id,
        "stage": stage.id,
        "category": guild.add_channel("all", ChannelType.CATEGORY).id,
        "role": guild.add_role("other").id,
        "bot": app.id,
        "alice": cave.alice.id,
        "message": message.id,
        "mine": mine.id,
        "sound": guild.add_sound("quack").id,
        "command": int(app.commands.upsert(None, COMMAND | {"type": 1})[0]["id"]),
        "direct": discord.world.direct_channel(app.user, cave.alice).id,
    }
    return {name: str(number) for name, number in found.items()}


def named(value: Any, ids: dict[str, str]) -> Any:
    """The same with ids in place of the names of things."""
    match value:
        case str():
            return re.sub(r"\$(\w+)", lambda found: ids.get(found[1], found[0]), value)
        case list():
            return [named(item, ids) for item in value]
        case dict():
            return {key: named(item, ids) for key, item in value.items()}
    return value


@pytest.mark.parametrize("route", ROUTES, ids=[f"{route.method} {route.path}" for route in ROUTES])
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
async def test_every_route(
    cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture, route: Route, data: st.DataObject
) -> None:
    """Any JSON on any route gets a success or a refusal."""
    cave.discord.options.rate_limit = 1_000_000
    ids = furnished(cave)
    name = f"{route.method} {route.path}"
    good = [COMMAND] if route.method == "PUT" and "commands" in route.path else GOOD.get(name, COMMAND)
    left = iter(data.draw(paths(route)))
    path = re.sub(r"\{\w+\}", lambda _: named(next(left), ids), route.path)
    body = msgspec.json.encode(named(data.draw(bodies(good)), ids))
    query = named(data.draw(queries), ids)
    headers = {"Content-Type": "application/json"}
    answer = await raw.exchange(route.method, path, data=body, headers=headers, params=query)

    assert answer.status < 500, (path, body, answer)
    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []
