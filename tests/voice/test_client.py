"""The repairs of Nextcord's voice client, each shown to be needed by Nextcord's own and made by ours.

Where a test runs on both, ``mended`` says what to expect; a Nextcord that mends something itself fails here, and the
repair can go.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import nextcord
import pytest
from aiohttp import web

from jeffbot.voice.closing import PUT_OUT, TOLD_TO_LEAVE, Loss, Remedy, loss_of
from jeffbot.voice.connector import LEAVE_TIMEOUT, VoiceConnector
from voice.fakes import GUILD_ID, Connection, logged_in_bot, make_ours, make_stock, ours_of, set_key


@pytest.fixture
async def bot() -> AsyncIterator[nextcord.Client]:
    """A bot that is logged in as far as voice looks."""
    async with logged_in_bot() as bot:
        yield bot


@pytest.fixture
async def connector(bot: nextcord.Client) -> AsyncIterator[VoiceConnector]:
    """Our connector."""
    connector = VoiceConnector(bot)
    yield connector
    await connector.close()


@pytest.fixture
async def ours(bot: nextcord.Client, connector: VoiceConnector) -> Connection:
    """Our client."""
    return make_ours(bot, connector)


@pytest.fixture(params=[pytest.param((make_stock, False), id="stock"), pytest.param((make_ours, True), id="ours")])
async def either(request: pytest.FixtureRequest, bot: nextcord.Client, connector: VoiceConnector) -> Any:
    """A client, and whether it is ours, which is mended."""
    make, mended = request.param
    return make(bot, connector), mended


# The voice gateway


async def test_sequence_beside_data(either: tuple[Connection, bool]) -> None:
    """The sequence number of version 8, which stands beside ``d``, is what a resume would acknowledge."""
    connection, mended = either
    await connection.ws.received_message({"op": 6, "seq": 7, "d": {"t": 1}})

    assert (connection.ws.seq_ack == 7) is mended


async def test_sequence_is_kept(ours: Connection) -> None:
    """A message without a number leaves the last one in force; a binary message has its own."""
    await ours.ws.received_message({"op": 6, "seq": 7, "d": {"t": 1}})
    await ours.ws.received_message({"op": 6, "d": {"t": 1}})
    assert ours.ws.seq_ack == 7
    await ours.ws.received_message_binary(b"\x01\x02\xff")
    assert ours.ws.seq_ack == 0x0102


async def test_resumed_without_data(either: tuple[Connection, bool]) -> None:
    """Op 9, whose ``d`` is null, does not end the task that follows the gateway."""
    connection, mended = either
    try:
        await connection.ws.received_message({"op": 9, "d": None})
    except AttributeError:
        assert not mended
    else:
        assert mended


async def test_new_group_of_an_encrypted_channel(either: tuple[Connection, bool]) -> None:
    """A channel that empties and refills gets a key package for its new group."""
    connection, mended = either
    await connection.describe_session(dave_version=1)
    assert connection.key_packages == 1
    await connection.prepare_epoch()

    assert (connection.key_packages == 2) is mended


async def test_new_group_of_a_clear_channel(either: tuple[Connection, bool]) -> None:
    """So does a channel that began without encryption, which then has an encryptor."""
    connection, mended = either
    await connection.describe_session(dave_version=0)
    await connection.prepare_epoch()
    state = connection.client.e2ee_state

    assert (connection.key_packages == 1) is mended
    assert state is not None
    assert (state._encryptor is not None) is mended


async def test_epoch_of_an_old_group(ours: Connection) -> None:
    """Another epoch than the first is no new group."""
    await ours.describe_session(dave_version=1)
    await ours.ws.received_message({"op": 24, "d": {"protocol_version": 1, "epoch": 2}})

    assert ours.key_packages == 1


async def test_clear_channel_is_no_error(either: tuple[Connection, bool], caplog: pytest.LogCaptureFixture) -> None:
    """Joining a channel without end-to-end encryption logs no error."""
    connection, mended = either
    await connection.describe_session(dave_version=0)

    assert (not [record for record in caplog.records if record.levelno >= logging.ERROR]) is mended


# Audible


async def test_audible_at_once_in_the_clear(ours: Connection) -> None:
    """Where the channel demands no encryption nothing is waited for."""
    await ours.describe_session(dave_version=0)

    assert await ours_of(ours).wait_audible(0)


async def test_not_audible_without_a_key(ours: Connection) -> None:
    """Where it does, and there is no key yet, waiting ends with the limit and says so."""
    await ours.describe_session(dave_version=1)

    assert not await ours_of(ours).wait_audible(0.01)


async def test_audible_with_the_key(ours: Connection) -> None:
    """Waiting ends as soon as there is a key."""
    await ours.describe_session(dave_version=1)
    waiting = asyncio.create_task(ours_of(ours).wait_audible(20))
    await asyncio.wait([waiting], timeout=0)
    set_key(ours, key=True)

    assert await waiting


async def test_audible_no_more(ours: Connection) -> None:
    """A clear channel that turns to encryption is not audible until there is a key."""
    await ours.describe_session(dave_version=0)
    await ours.prepare_epoch()

    assert not await ours_of(ours).wait_audible(0)


async def test_audible_after_a_downgrade(ours: Connection) -> None:
    """A channel that gives up encryption (op 21 to version 0) is audible without a key."""
    await ours.describe_session(dave_version=1)
    await ours.ws.received_message({"op": 21, "d": {"transition_id": 3, "protocol_version": 0}})

    assert await ours_of(ours).wait_audible(0)


async def test_cancelled_wait(ours: Connection) -> None:
    """Cancelling the wait cancels it."""
    waiting = asyncio.create_task(ours_of(ours).wait_audible(20))
    await asyncio.wait([waiting], timeout=0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# Joining and leaving


async def test_joins_deafened(either: tuple[Connection, bool]) -> None:
    """The bot asks not to be sent what others say."""
    connection, mended = either
    await connection.client.voice_connect()
    (asked,) = connection.guild.voice_states

    assert asked["channel"] is connection.client.channel
    assert asked.get("self_deaf", False) is mended


async def test_leaves_once(ours: Connection) -> None:
    """Leaving ends the gateway's task, says goodbye, and may be asked for again."""
    runner = ours.client._runner = asyncio.create_task(asyncio.Event().wait())
    await ours.client.disconnect(force=True)
    await ours.client.disconnect(force=True)
    await ours.client.disconnect()
    await asyncio.wait([runner])

    assert runner.cancelled()
    assert (ours.guild.voice_states, ours.socket.closes) == ([{"channel": None}], 1)
    assert (ours.registered, ours.client.is_connected()) == (None, False)


async def test_leaves_without_force_only_when_connected(ours: Connection) -> None:
    """Without force, leaving what is not connected does nothing."""
    ours.client._connected.clear()
    await ours.client.disconnect()

    assert (ours.registered, ours.guild.voice_states) == (ours.client, [])


@pytest.mark.parametrize("act", ["disconnect", "cleanup"])
async def test_leaves_a_newer_client_alone(either: tuple[Connection, bool], act: str) -> None:
    """A client that was replaced takes neither its successor's place on the list nor its channel."""
    connection, mended = either
    successor: Any = object()
    connection.state._add_voice_client(GUILD_ID, successor)
    if act == "cleanup":
        connection.client.cleanup()
    else:
        await connection.client.disconnect(force=True)

    assert (connection.registered is successor) is mended
    assert connection.guild.voice_states == [] or not mended


async def test_leaves_a_stuck_gateway(ours: Connection) -> None:
    """Where goodbye cannot be said, leaving ends all the same."""
    ours.guild.stuck = True
    async with asyncio.timeout(LEAVE_TIMEOUT * 5):
        await ours.client.disconnect(force=True)

    assert ours.registered is None


@pytest.mark.parametrize("cancelled", [False, True])
async def test_failed_join_leaves_nothing(ours: Connection, *, cancelled: bool) -> None:
    """A join that gets no answer, or is cancelled, is off the list, out of the channel, and without tasks."""
    ours.client._connected.clear()
    before = asyncio.all_tasks()
    joining = asyncio.create_task(ours.client.connect(reconnect=False, timeout=20 if cancelled else 0.05))
    await asyncio.wait([joining], timeout=0.05 if cancelled else 20)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError if cancelled else TimeoutError):
        await joining
    if left := asyncio.all_tasks() - before:
        await asyncio.wait(left, timeout=20)

    assert ours.registered is None
    assert ours.guild.voice_states[-1] == {"channel": None}
    assert asyncio.all_tasks() <= before


async def test_echo_of_an_earlier_leave(either: tuple[Connection, bool]) -> None:
    """While joining, news that the bot left its last channel is not taken for the answer."""
    connection, mended = either
    connection.client.prepare_handshake()
    data: Any = {"session_id": "old", "channel_id": None}
    await connection.client.on_voice_state_update(data)

    assert connection.client._voice_state_complete.is_set() is not mended


async def test_kicked(ours: Connection) -> None:
    """News that the bot is in no channel any more, while it was in one, ends the connection."""
    data: Any = {"session_id": "s", "channel_id": None}
    await ours.client.on_voice_state_update(data)

    assert (ours.registered, ours.client.is_connected()) == (None, False)


CLOSED = aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
NONSENSE = aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, '{"op": 4, "d": {}}', None)


def losses_of(connection: Connection) -> list[Loss]:
    """What the client will report of its end."""
    losses: list[Loss] = []
    ours_of(connection)._on_lost = lambda _client, loss: losses.append(loss)
    return losses


async def test_gateway_closes(ours: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """When Discord closes the connection for good the client leaves, and reports why: once."""
    losses = losses_of(ours)
    ours.socket.close_code = 4006
    ours.socket.incoming.put_nowait(CLOSED)
    async with asyncio.timeout(20):
        await ours.client.poll_voice_ws(reconnect=False)
    await ours.client.disconnect(force=True)

    assert (ours.registered, ours.client.is_connected()) == (None, False)
    assert losses == [loss_of(4006)]
    assert (
        f"voice connection of guild {GUILD_ID} ended: the voice session is no longer valid (code 4006)" in caplog.text
    )


async def test_gateway_sends_nonsense(ours: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever ends the task that follows the gateway, no client stays that says it is connected."""
    losses = losses_of(ours)
    ours.socket.incoming.put_nowait(NONSENSE)
    await ours.client.poll_voice_ws(reconnect=False)

    assert (ours.registered, ours.client.is_connected()) == (None, False)
    assert [loss.remedy for loss in losses] == [Remedy.REJOIN]
    assert "KeyError" in caplog.text


async def test_put_out(ours: Connection) -> None:
    """Put out of the channel, the client says so before it goes; and nothing where it is told to leave itself."""
    losses = losses_of(ours)
    data: Any = {"session_id": "s", "channel_id": None}
    await ours.client.on_voice_state_update(data)

    assert losses == [PUT_OUT]


async def test_left_by_others(ours: Connection) -> None:
    """Where another part of the bot makes the client leave, that is reported."""
    losses = losses_of(ours)
    await ours.client.disconnect(force=True)

    assert losses == [TOLD_TO_LEAVE]


# The connector


async def test_connector_has_no_limit(connector: VoiceConnector) -> None:
    """More voice gateways can be followed at once than the hundred that aiohttp allows by itself."""

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
        async with asyncio.timeout(20):
            sockets = await asyncio.gather(*(connector.connect(url) for _ in range(120)))
        assert not any(socket.closed for socket in sockets)
        await asyncio.gather(*(socket.close() for socket in sockets))
    finally:
        await runner.cleanup()


async def test_connector_refused(connector: VoiceConnector) -> None:
    """A gateway that is not there is an aiohttp error."""
    with pytest.raises(aiohttp.ClientError):
        await connector.connect("ws://127.0.0.1:1/")


async def test_connector_closes_twice(connector: VoiceConnector) -> None:
    """It may be closed unused, and again."""
    await connector.close()
    await connector.close()
