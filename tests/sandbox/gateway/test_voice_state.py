"""Op 4: a bot joins, moves, leaves and changes how it listens."""

import asyncio
from typing import Any

import pytest

from jeffbot.sandbox import Channel, Intents, Permission

from ..clients import RawClient, Socket
from ..conftest import Cave


async def wish(gateway: Socket, cave: Cave, channel: Channel | None, **fields: Any) -> None:
    channel_id = str(channel.id) if channel else None
    await gateway.send(4, {"guild_id": str(cave.guild.id), "channel_id": channel_id, **fields})


@pytest.fixture
async def gateway(raw: RawClient) -> Socket:
    """A logged in connection whose first events are read."""
    gateway = await raw.log_in()
    await gateway.until_event("GUILD_CREATE")
    return gateway


async def test_join_move_leave(cave: Cave, gateway: Socket) -> None:
    """Each change is told, and each channel has its own voice server token."""
    other = cave.guild.add_voice_channel("Other")
    await gateway.until_event("CHANNEL_CREATE")
    told = []
    for channel in (cave.general, other):
        await wish(gateway, cave, channel, self_mute=True, self_deaf=False)
        state = await gateway.until_event("VOICE_STATE_UPDATE")
        server = await gateway.until_event("VOICE_SERVER_UPDATE")
        told.append((state, server))
    await wish(gateway, cave, None)
    left = await gateway.until_event("VOICE_STATE_UPDATE")
    states, servers = zip(*told, strict=True)

    assert [state["channel_id"] for state in states] == [str(cave.general.id), str(other.id)]
    assert [(state["self_mute"], state["self_deaf"]) for state in states] == [(True, False)] * 2
    assert {state["session_id"] for state in states} == {cave.discord.sessions(cave.app)[0].id}
    assert states[0]["member"]["user"]["id"] == states[0]["user_id"] == str(cave.app.id)
    assert len({server["token"] for server in servers}) == 2
    assert (left["channel_id"], cave.guild.voice_states) == (None, {})


async def test_change_without_moving(cave: Cave, gateway: Socket) -> None:
    """Who is in a channel may mute themselves even where they could not join any more."""
    await wish(gateway, cave, cave.general)
    await gateway.until_event("VOICE_STATE_UPDATE")
    cave.guild.overwrite(cave.general, cave.guild.everyone, deny=Permission.CONNECT)
    await gateway.news()
    await wish(gateway, cave, cave.general, self_mute=True)

    assert (await gateway.until_event("VOICE_STATE_UPDATE"))["self_mute"] is True


async def test_full_channel(cave: Cave, gateway: Socket) -> None:
    """A full channel takes only who may move members."""
    full = cave.guild.add_voice_channel("Full", user_limit=1)
    await cave.alice.join(full)
    await gateway.news()
    await wish(gateway, cave, full)
    assert await gateway.news() == []

    cave.guild.give_role(cave.app.user, cave.guild.add_role("mover", Permission.MOVE_MEMBERS))
    await wish(gateway, cave, full)
    assert (await gateway.until_event("VOICE_STATE_UPDATE"))["channel_id"] == str(full.id)


@pytest.mark.parametrize("where", ["forbidden", "hidden", "text", "elsewhere", "nowhere"])
async def test_not_let_in(cave: Cave, gateway: Socket, where: str) -> None:
    """A wish that cannot be met stays unanswered, and the bot where it is."""
    elsewhere = cave.discord.add_guild("Den", applications=[cave.app]).add_voice_channel("Elsewhere")
    channel_id = {
        "forbidden": cave.guild.add_voice_channel("x", denied=Permission.CONNECT).id,
        "hidden": cave.guild.add_voice_channel("x", denied=Permission.VIEW_CHANNEL).id,
        "text": cave.guild.text_channel.id,
        "elsewhere": elsewhere.id,
        "nowhere": 5,
    }[where]
    await wish(gateway, cave, cave.general)
    await gateway.until_event("VOICE_SERVER_UPDATE")
    await gateway.news()
    await gateway.send(4, {"guild_id": str(cave.guild.id), "channel_id": str(channel_id)})

    assert await gateway.news() == []
    assert cave.general.occupants == [cave.app.user]


async def test_stage_channel(cave: Cave, gateway: Socket) -> None:
    """In a stage channel one begins in the audience."""
    await wish(gateway, cave, cave.guild.add_stage_channel("Stage"))

    assert (await gateway.until_event("VOICE_STATE_UPDATE"))["suppress"] is True


async def test_delay(cave: Cave, gateway: Socket) -> None:
    """Discord may take its time; of two wishes the later one counts."""
    other = cave.guild.add_voice_channel("Other")
    cave.discord.options.join_delay = 0.1
    begun = asyncio.get_running_loop().time()
    await wish(gateway, cave, other)
    await wish(gateway, cave, cave.general)
    state = await gateway.until_event("VOICE_STATE_UPDATE")

    assert asyncio.get_running_loop().time() - begun >= 0.1
    assert (state["channel_id"], other.occupants) == (str(cave.general.id), [])


async def test_leave_before_joining(cave: Cave, gateway: Socket) -> None:
    """A wish is taken back by leaving, and forgotten with the session."""
    cave.discord.options.join_delay = 0.6
    await wish(gateway, cave, cave.general)
    await wish(gateway, cave, None)
    await wish(gateway, cave, cave.general)
    await gateway.news()
    await gateway.websocket.close()
    with pytest.raises(TimeoutError):
        await cave.discord.until(lambda: cave.general.occupants, timeout=0.8)


async def test_without_the_intent(cave: Cave, raw: RawClient) -> None:
    """Without GUILD_VOICE_STATES a bot is not told of its own voice state, but of the server."""
    gateway = await raw.log_in(int(Intents.GUILDS))
    await gateway.until_event("GUILD_CREATE")
    await wish(gateway, cave, cave.general)
    await gateway.until_event("VOICE_SERVER_UPDATE")

    assert await gateway.news() == []
    assert cave.general.occupants == [cave.app.user]
