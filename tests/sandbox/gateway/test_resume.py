"""Sessions that outlive their connections."""

from typing import Any

import pytest

from jeffbot.sandbox import Kind, Sandbox

from ..clients import RawClient, Socket
from ..conftest import Cave
from .conftest import ClientOf


async def logged_in(raw: RawClient) -> tuple[Socket, str]:
    """A connection that has been sent READY (1) and GUILD_CREATE (2), and its session's id."""
    gateway = await raw.log_in()
    ready = await gateway.until_event("READY")
    await gateway.until_event("GUILD_CREATE")
    return gateway, ready["session_id"]


async def resume(cave: Cave, raw: RawClient, session_id: str, seq: int, /, **changes: Any) -> Socket:
    """A new connection that asks to resume; HELLO is read."""
    gateway = await raw.gateway()
    await gateway.until_op(10)
    await gateway.send(6, {"token": cave.app.token, "session_id": session_id, "seq": seq} | changes)
    return gateway


async def in_voice(cave: Cave, raw: RawClient, gateway: Socket) -> Socket:
    """The voice WebSocket of a bot that has joined."""
    cave.discord.options.dave_required = False
    voice = await raw.join(gateway, cave.general)
    await voice.until_op(2)
    return voice


async def lost(cave: Cave) -> None:
    """Wait until the sandbox has seen the connection end."""
    await cave.discord.until(lambda: not any(session.connected for session in cave.discord.sessions(cave.app)))


async def test_missed_events_are_replayed(cave: Cave, raw: RawClient) -> None:
    """What happened while nobody was connected comes in order, numbered on, then RESUMED, then what is new."""
    _, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app)
    await lost(cave)
    cave.guild.rename("Den")
    cave.guild.rename("Hole")
    gateway = await resume(cave, raw, session_id, 2)
    await cave.discord.until(lambda: cave.discord.sessions(cave.app)[0].connected)
    cave.guild.rename("Cave")
    messages = [await gateway.receive() for _ in range(4)]

    assert [message["s"] for message in messages] == [3, 4, 5, 6]
    assert [message["t"] for message in messages] == ["GUILD_UPDATE", "GUILD_UPDATE", "RESUMED", "GUILD_UPDATE"]
    assert [messages[index]["d"]["name"] for index in (0, 1, 3)] == ["Den", "Hole", "Cave"]
    assert cave.discord.sessions(cave.app)[0].resumes == 1
    assert cave.discord.findings == []


async def test_nothing_missed(cave: Cave, raw: RawClient) -> None:
    """Who has missed nothing is told only RESUMED."""
    _, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app)
    gateway = await resume(cave, raw, session_id, 2)

    assert (await gateway.receive())["t"] == "RESUMED"


async def test_what_was_sent_in_vain(cave: Cave, raw: RawClient) -> None:
    """What was sent while the client could not read any more is sent again."""
    _, session_id = await logged_in(raw)
    cave.guild.rename("Den")
    cave.discord.drop_gateway(cave.app)
    gateway = await resume(cave, raw, session_id, 0)

    assert [(await gateway.receive())["t"] for _ in range(4)] == ["READY", "GUILD_CREATE", "GUILD_UPDATE", "RESUMED"]


async def test_resumed_again_and_again(cave: Cave, raw: RawClient) -> None:
    """A session can be resumed as often as its connection is lost."""
    _, session_id = await logged_in(raw)
    for seq in range(2, 5):
        cave.discord.drop_gateway(cave.app)
        gateway = await resume(cave, raw, session_id, seq)
        assert (await gateway.receive())["s"] == seq + 1


@pytest.mark.parametrize("code", [1000, 1001])
async def test_leave(cave: Cave, raw: RawClient, code: int) -> None:
    """A client that closes with 1000 or 1001 ends its session at once: out of voice, offline."""
    gateway, session_id = await logged_in(raw)
    await in_voice(cave, raw, gateway)
    await gateway.websocket.close(code=code)
    await cave.discord.until(lambda: not cave.discord.sessions(cave.app))

    assert cave.general.occupants == []
    assert cave.app.user.presence["status"] == "offline"
    assert (await (await resume(cave, raw, session_id, 2)).receive()) == {"op": 9, "d": False, "s": None, "t": None}


@pytest.mark.parametrize("code", [3000, 4000, 4900])
async def test_stay(cave: Cave, raw: RawClient, code: int) -> None:
    """With any other code it can come back, and is still in voice."""
    gateway, session_id = await logged_in(raw)
    await in_voice(cave, raw, gateway)
    await gateway.websocket.close(code=code)
    await lost(cave)

    assert cave.general.occupants == [cave.app.user]
    assert cave.app.user.presence["status"] == "online"
    await (await resume(cave, raw, session_id, 2)).until_event("RESUMED")


@pytest.mark.parametrize("code", [1000, 1001, 4000])
async def test_server_closes(cave: Cave, raw: RawClient, code: int) -> None:
    """Whatever Discord itself closes with, the session stays."""
    gateway, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app, code=code)

    assert await gateway.close_code() == code
    await (await resume(cave, raw, session_id, 2)).until_event("RESUMED")


async def test_forgotten(cave: Cave, raw: RawClient) -> None:
    """Dropped for good, there is nothing to resume, and the bot leaves voice."""
    gateway, session_id = await logged_in(raw)
    voice = await in_voice(cave, raw, gateway)
    cave.discord.drop_gateway(cave.app, resume=False)

    assert cave.discord.sessions(cave.app) == []
    assert await voice.close_code() == 4014
    assert (await (await resume(cave, raw, session_id, 2)).receive())["op"] == 9


async def test_window(cave: Cave, raw: RawClient) -> None:
    """After the window the session ends: the bot leaves voice and goes offline."""
    cave.discord.options.resume_window = 0.05
    gateway, session_id = await logged_in(raw)
    voice = await in_voice(cave, raw, gateway)
    cave.discord.drop_gateway(cave.app)
    await cave.discord.until(lambda: not cave.discord.sessions(cave.app))

    assert cave.general.occupants == []
    assert cave.app.user.presence["status"] == "offline"
    assert await voice.close_code() == 4014
    assert (await (await resume(cave, raw, session_id, 2)).receive())["d"] is False


async def test_window_ends_with_resume(cave: Cave, raw: RawClient) -> None:
    """A session that was resumed does not end when its window would have."""
    cave.discord.options.resume_window = 1.0
    _, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app)
    await (await resume(cave, raw, session_id, 2)).until_event("RESUMED")
    with pytest.raises(TimeoutError):
        await cave.discord.until(lambda: not cave.discord.sessions(cave.app), timeout=1.2)


@pytest.mark.parametrize("seq", [-1, 3, 1 << 40])
async def test_invalid_seq(cave: Cave, raw: RawClient, seq: int) -> None:
    """Nobody can have received what was not sent; a new session is needed."""
    _, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app)

    assert await (await resume(cave, raw, session_id, seq)).close_code() == 4007
    await (await raw.log_in()).until_event("READY")
    assert cave.discord.findings == []


@pytest.mark.parametrize("changes", [{"session_id": "0" * 32}, {"session_id": ""}, {"token": "other"}])
async def test_unknown_session(cave: Cave, raw: RawClient, changes: dict[str, str]) -> None:
    """There is nothing to resume; on the same connection the client may begin anew."""
    _, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app)
    gateway = await resume(cave, raw, session_id, 2, **changes)

    assert await gateway.receive() == {"op": 9, "d": False, "s": None, "t": None}
    await gateway.send(2, {"token": cave.app.token, "intents": 1, "properties": {}})
    await gateway.until_event("READY")


async def test_session_of_another(cave: Cave, raw: RawClient, discord: Sandbox, client_of: ClientOf) -> None:
    """A session is its own application's."""
    _, session_id = await logged_in(raw)
    thief = discord.add_application("thief")
    gateway = await resume(cave, client_of(thief), session_id, 2, token=thief.token)

    assert (await gateway.receive())["op"] == 9
    assert cave.discord.sessions(cave.app)[0].connected


async def test_too_much_missed(cave: Cave, raw: RawClient) -> None:
    """If not all that was missed is kept, the session is over."""
    cave.discord.options.resume_buffer = 3
    _, session_id = await logged_in(raw)
    cave.discord.drop_gateway(cave.app)
    await lost(cave)
    for number in range(4):
        cave.guild.rename(f"Cave {number}")
    gateway = await resume(cave, raw, session_id, 2)

    assert (await gateway.receive())["op"] == 9
    assert cave.discord.sessions(cave.app) == []


async def test_takes_over(cave: Cave, raw: RawClient) -> None:
    """A client may resume before Discord has seen that its connection is dead; the old one's end ends nothing."""
    cave.discord.options.resume_window = 0.05
    old, session_id = await logged_in(raw)
    new = await resume(cave, raw, session_id, 2)

    assert await old.close_code() == 4000
    await new.until_event("RESUMED")
    with pytest.raises(TimeoutError):
        await cave.discord.until(lambda: not cave.discord.sessions(cave.app), timeout=0.3)
    cave.guild.rename("Den")
    assert (await new.until_event("GUILD_UPDATE"))["name"] == "Den"


async def test_resume_when_identified(cave: Cave, raw: RawClient) -> None:
    """Who has a session needs no other."""
    gateway, session_id = await logged_in(raw)
    await gateway.send(6, {"token": cave.app.token, "session_id": session_id, "seq": 2})

    assert await gateway.close_code() == 4005


async def test_session_given_up(cave: Cave, raw: RawClient) -> None:
    """Identifying anew does not end the old session early, but is noted."""
    await logged_in(raw)
    cave.discord.drop_gateway(cave.app)
    await lost(cave)
    await logged_in(raw)

    assert [session.connected for session in cave.discord.sessions(cave.app)] == [False, True]
    assert cave.discord.findings.kinds() == {Kind.SESSION_GIVEN_UP}


async def test_other_shards_session(cave: Cave, raw: RawClient) -> None:
    """Another shard's lost session is nobody else's to resume."""
    await (await raw.log_in(shard=[0, 2])).until_event("READY")
    cave.discord.drop_gateway(cave.app)
    await lost(cave)
    await (await raw.log_in(shard=[1, 2])).until_event("READY")

    assert cave.discord.findings == []


async def test_two_sessions(cave: Cave, raw: RawClient) -> None:
    """A bot that has another session stays online, and in the voice channel that it joined there."""
    first, _ = await logged_in(raw)
    second, _ = await logged_in(raw)
    await in_voice(cave, raw, second)
    await first.websocket.close()
    await cave.discord.until(lambda: len(cave.discord.sessions(cave.app)) == 1)

    assert cave.general.occupants == [cave.app.user]
    assert cave.app.user.presence["status"] == "online"


async def test_reconnect(cave: Cave, raw: RawClient) -> None:
    """Asked to reconnect, a client may still read, and resume elsewhere."""
    gateway, session_id = await logged_in(raw)
    cave.discord.ask_reconnect(cave.app)

    assert await gateway.until_op(7) == {"op": 7, "d": None, "s": None, "t": None}
    await gateway.websocket.close(code=4000)
    await (await resume(cave, raw, session_id, 2)).until_event("RESUMED")


async def test_invalidated(cave: Cave, raw: RawClient) -> None:
    """A session that Discord calls invalid is over; its connection has to identify again."""
    gateway, _ = await logged_in(raw)
    cave.discord.invalidate_session(cave.app)

    assert (await gateway.until_op(9))["d"] is False
    assert cave.discord.sessions(cave.app) == []
    await gateway.send(4, {"guild_id": str(cave.guild.id), "channel_id": None})
    assert await gateway.close_code() == 4003


async def test_invalidated_but_resumable(cave: Cave, raw: RawClient) -> None:
    """Called invalid but resumable, it goes on when it is resumed."""
    gateway, session_id = await logged_in(raw)
    cave.discord.invalidate_session(cave.app, resumable=True)

    assert (await gateway.until_op(9))["d"] is True
    await gateway.send(6, {"token": cave.app.token, "session_id": session_id, "seq": 2})
    await gateway.until_event("RESUMED")


@pytest.mark.parametrize("how", ["abort", "close"])
async def test_dropped_connection(cave: Cave, raw: RawClient, caplog: pytest.LogCaptureFixture, how: str) -> None:
    """A client that vanishes without a word is waited for without one."""
    gateway, session_id = await logged_in(raw)
    response: Any = gateway.websocket._response
    getattr(response.connection.transport, how)()
    await lost(cave)
    await (await resume(cave, raw, session_id, 2)).until_event("RESUMED")

    assert [record for record in caplog.records if record.name.startswith("jeffbot")] == []


async def test_lost_session_of_a_closed_sandbox(cave: Cave, raw: RawClient) -> None:
    """When Discord goes away it waits for nobody, and nobody leaves voice by that."""
    gateway, _ = await logged_in(raw)
    await in_voice(cave, raw, gateway)
    cave.discord.drop_gateway(cave.app)
    await lost(cave)
    cave.discord._gateway.disconnect_all()

    assert cave.discord.sessions(cave.app) == []
    assert cave.general.occupants == [cave.app.user]
