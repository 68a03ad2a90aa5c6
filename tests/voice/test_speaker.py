"""What is heard on one voice connection, and what is said of it: with Nextcord's player, with a faster, and by hand."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import nextcord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeffbot.audio.bank import Packets
from jeffbot.audio.opus import SILENCE
from jeffbot.models import EndReason
from jeffbot.voice.client import SoundVoiceClient, VoiceConnector
from jeffbot.voice.speaker import TRAILING_SILENCE, Speaker

PATIENCE = 20.0
ENDLESS = 10_000
"""Packets of a sound that no test hears to its end."""
QUIET = [SILENCE] * TRAILING_SILENCE


def sound(name: str, length: int) -> Packets:
    """Packets by which a sound is recognised."""
    return tuple(f"{name}{number}".encode() for number in range(length))


class Track:
    """A sound and what was said of it; its callbacks may come from any thread."""

    def __init__(self, name: str, length: int) -> None:
        self.packets = sound(name, length)
        self.said: list[str] = []
        self._begun, self._ended = threading.Event(), threading.Event()

    def on_begin(self) -> None:
        self.said.append("begun")
        self._begun.set()

    def on_end(self, reason: EndReason) -> None:
        self.said.append(reason)
        self._ended.set()

    def start(self, speaker: Speaker) -> "Track":
        """Have it played."""
        speaker.start(self.packets, self.on_begin, self.on_end)
        return self

    async def begun(self, patience: float = PATIENCE) -> None:
        """Wait until its first packet has left."""
        assert await asyncio.to_thread(self._begun.wait, patience), f"it did not begin; said: {self.said}"

    async def ended(self) -> None:
        """Wait until it has ended."""
        assert await asyncio.to_thread(self._ended.wait, PATIENCE), f"it did not end; said: {self.said}"


# With Nextcord's own player


class FakeGateway:
    """Takes note of speaking."""

    def __init__(self) -> None:
        self.speaking: list[int] = []

    async def speak(self, state: int) -> None:
        self.speaking.append(int(state))


class FakeUdp:
    """Takes the packets, or fails."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.broken = False

    def sendto(self, packet: bytes, _address: tuple[str, int]) -> None:
        if self.broken:
            raise OSError(101, "Network is unreachable")
        self.sent.append(packet)


class PlainClient(SoundVoiceClient):
    """Our client with its encryption left out, connected to fakes."""

    def __init__(self, bot: nextcord.Client) -> None:
        super().__init__(bot, SimpleNamespace(guild=None), connector=VoiceConnector(bot))
        self.udp, self.gateway = FakeUdp(), FakeGateway()
        self.socket: Any = self.udp
        self.ws: Any = self.gateway
        self.endpoint_ip, self.voice_port = "127.0.0.1", 9
        self._connected.set()

    def _get_voice_packet(self, data: bytes) -> bytes:
        return data

    @property
    def player(self) -> threading.Thread:
        """The thread that plays."""
        assert self._player is not None
        return self._player

    async def player_ended(self) -> None:
        """Wait until the thread has ended."""
        await asyncio.to_thread(self.player.join, PATIENCE)
        assert not self.player.is_alive()


@pytest.fixture
async def client() -> AsyncIterator[PlainClient]:
    """A connected client."""
    bot = nextcord.Client()
    data: Any = {"id": "1", "username": "jeff", "discriminator": "0", "avatar": None}
    bot._connection.user = nextcord.ClientUser(state=bot._connection, data=data)
    client = PlainClient(bot)
    yield client
    client.speaker.close()
    if client._player:
        await client.player_ended()
    await bot.close()


async def test_whole_sound(client: PlainClient) -> None:
    """A sound is heard from its first packet to its last, then five packets of silence; each is said once."""
    track = Track("a", 3).start(client.speaker)
    await track.ended()
    await client.player_ended()

    assert track.said == ["begun", "finished"]
    assert client.udp.sent == [*track.packets, *QUIET]


async def test_begun_with_the_first_packet(client: PlainClient) -> None:
    """Beginning is said when the first packet has left, not before and not later."""
    heard: list[list[bytes]] = []
    track = Track("a", 2)
    client.speaker.start(track.packets, lambda: heard.append([*client.udp.sent]), track.on_end)
    await track.ended()

    assert heard == [[b"a0"]]


async def test_replaced(client: PlainClient) -> None:
    """A new sound takes the old one's place at once, in the same thread and without silence between."""
    old = Track("a", ENDLESS).start(client.speaker)
    await old.begun()
    player = client.player
    new = Track("b", 3).start(client.speaker)
    assert old.said == ["begun", "replaced"]
    await new.ended()
    await client.player_ended()

    assert new.said == ["begun", "finished"]
    assert client.player is player
    assert client.udp.sent[client.udp.sent.index(b"b0") :] == [*new.packets, *QUIET]
    assert SILENCE not in client.udp.sent[:-TRAILING_SILENCE]


async def test_stopped(client: PlainClient) -> None:
    """Stopping ends a sound with five packets of silence, and stopping again changes nothing."""
    client.speaker.stop()
    track = Track("a", ENDLESS).start(client.speaker)
    await track.begun()
    client.speaker.stop()
    client.speaker.stop()
    await client.player_ended()
    client.speaker.stop()

    assert track.said == ["begun", "stopped"]
    assert client.udp.sent[-TRAILING_SILENCE - 1 :] == [client.udp.sent[-TRAILING_SILENCE - 1], *QUIET]
    assert SILENCE not in client.udp.sent[:-TRAILING_SILENCE]


@pytest.mark.parametrize("wait_for_the_end", [False, True])
async def test_sound_after_sound(client: PlainClient, *, wait_for_the_end: bool) -> None:
    """A sound that follows another, during its silence or later, is heard whole."""
    first = Track("a", 1).start(client.speaker)
    await first.ended()
    if wait_for_the_end:
        await client.player_ended()
    second = Track("b", 2).start(client.speaker)
    await second.ended()
    await client.player_ended()

    assert first.said == second.said == ["begun", "finished"]
    assert client.udp.sent[-TRAILING_SILENCE - 2 :] == [*second.packets, *QUIET]
    assert client.gateway.speaking[-2:] == [1, 0]


async def test_connection_ends(client: PlainClient) -> None:
    """The end of the connection ends the sound with it, once, and nothing more is sent."""
    track = Track("a", ENDLESS).start(client.speaker)
    await track.begun()
    client.speaker.close()
    client.speaker.close()
    sent = len(client.udp.sent)
    await client.player_ended()

    assert track.said == ["begun", "left"]
    assert len(client.udp.sent) <= sent + 1


async def test_network_fails(client: PlainClient) -> None:
    """A packet that cannot be sent ends the sound as failed; it has never begun."""
    client.udp.broken = True
    track = Track("a", ENDLESS).start(client.speaker)
    await track.ended()
    await client.player_ended()

    assert track.said == ["failed"]


async def test_sound_after_a_failure(client: PlainClient) -> None:
    """When the network is back, so is sound."""
    client.udp.broken = True
    await Track("a", ENDLESS).start(client.speaker).ended()
    await client.player_ended()
    client.udp.broken = False
    track = Track("b", 1).start(client.speaker)
    await track.ended()

    assert track.said == ["begun", "finished"]


async def test_not_connected(client: PlainClient) -> None:
    """Without a connection nothing begins, and nothing is said but the exception."""
    client._connected.clear()
    track = Track("a", 1)
    with pytest.raises(nextcord.ClientException):
        track.start(client.speaker)

    assert track.said == []


async def test_connected_again(client: PlainClient) -> None:
    """A sound refused for want of a connection does not keep the next from being heard once there is one."""
    client._connected.clear()
    with pytest.raises(nextcord.ClientException):
        Track("a", 1).start(client.speaker)
    client._connected.set()

    await Track("b", 1).start(client.speaker).begun(patience=1)


# By hand, as the player's thread would


class HandClient:
    """A voice client whose player is driven by a test."""

    def __init__(self) -> None:
        self.source: nextcord.AudioSource | None = None
        self.after: Callable[[Exception | None], None] = lambda _: None
        self.sent: list[bytes] = []
        self._player = None
        self.speaker = Speaker(self)  # type: ignore[arg-type]  # all that it uses

    def play(self, source: nextcord.AudioSource, *, after: Callable[[Exception | None], None]) -> None:
        if self.source is not None:
            raise nextcord.ClientException("Already playing audio.")
        self.source, self.after = source, after

    def read(self) -> bytes:
        """What the player does first with each packet."""
        return self.source.read() if self.source else b""

    def send(self, packet: bytes) -> None:
        """What it does then."""
        self.sent.append(packet)
        self.speaker.packet_sent()

    def step(self) -> bool:
        """Play one packet; whether there was one."""
        packet = self.read()
        if packet:
            self.send(packet)
        elif self.source:
            self.source = None
            self.after(None)
        return bool(packet)


@settings(deadline=None)
@given(st.lists(st.one_of(st.just("stop"), st.just("step"), st.integers(0, 4)), max_size=40), st.booleans())
def test_said_once(actions: list[str | int], leave: bool) -> None:  # noqa: FBT001 - by Hypothesis
    """In any order of presses, stops and packets, each sound begins at most once and then ends exactly once."""
    client = HandClient()
    tracks: list[Track] = []
    for action in actions:
        if isinstance(action, int):
            tracks.append(Track(f"{len(tracks)}:", action).start(client.speaker))
        elif action == "stop":
            client.speaker.stop()
        else:
            client.step()
    if leave:
        client.speaker.close()
    while client.step():
        pass

    ends = set(EndReason)
    assert all(track.said[-1] in ends and track.said[:-1] in ([], ["begun"]) for track in tracks)
    assert all(client.sent[-TRAILING_SILENCE:] == QUIET for track in tracks if "finished" in track.said and not leave)


@settings(deadline=None)
@given(st.integers(0, 7))
def test_last_press_is_heard(silent_packets: int) -> None:
    """However far the silence after a sound has come, a press then is heard whole and from its first packet."""
    client = HandClient()
    Track("a", 1).start(client.speaker)
    for _ in range(1 + silent_packets):
        client.step()
    track = Track("b", 3).start(client.speaker)
    while client.step():
        pass

    assert track.said == ["begun", "finished"]
    assert client.sent[-3 - TRAILING_SILENCE :] == [*track.packets, *QUIET]


def test_stopped_before_the_first_packet() -> None:
    """A sound stopped before anything of it was read has never begun."""
    client = HandClient()
    track = Track("a", 3).start(client.speaker)
    client.speaker.stop()
    while client.step():
        pass

    assert track.said == ["stopped"]


@pytest.mark.parametrize("end", [Speaker.stop, Speaker.close])
def test_ended_while_the_first_packet_is_sent(end: Callable[[Speaker], None]) -> None:
    """A sound that ends between the reading and the sending of its first packet does not begin after its end."""
    client = HandClient()
    track = Track("a", 3).start(client.speaker)
    packet = client.read()
    end(client.speaker)
    client.send(packet)

    assert track.said[-1] in ("stopped", "left")


# With a player that is a thousand times as fast


class FastClient(HandClient):
    """Plays in a thread, without waiting between packets."""

    def __init__(self) -> None:
        super().__init__()
        self._player: Any = None

    def play(self, source: nextcord.AudioSource, *, after: Callable[[Exception | None], None]) -> None:
        if self._player and self._player.is_alive():
            raise nextcord.ClientException("Already playing audio.")
        self._player = threading.Thread(target=self._run, args=(source, after))
        self._player.start()

    def _run(self, source: nextcord.AudioSource, after: Callable[[Exception | None], None]) -> None:
        while packet := source.read():
            self.send(packet)
        after(None)

    def join(self) -> None:
        """Wait until all has been played."""
        self._player.join(PATIENCE)
        assert not self._player.is_alive()


def test_presses_race_the_player() -> None:
    """However presses fall between the player's reads, none is lost and each ends once."""
    client = FastClient()
    tracks = [Track(f"{number}:", number % 5).start(client.speaker) for number in range(2000)]
    client.join()

    ends = [[word for word in track.said if word != "begun"] for track in tracks]
    assert all(end in (["finished"], ["replaced"]) for end in ends)
    assert tracks[-1].said == ["begun", "finished"]
    assert client.sent[-4 - TRAILING_SILENCE :] == [*tracks[-1].packets, *QUIET]
