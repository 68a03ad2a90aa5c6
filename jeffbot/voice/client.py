"""Nextcord's voice client, repaired where people would hear nothing.

Each repair names what it mends in Nextcord 3.2 and does no harm to a Nextcord that mends it itself.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Coroutine
from typing import Any, cast

import aiohttp
import nextcord
from nextcord.gateway import DiscordVoiceWebSocket
from nextcord.voice_client import E2EEState

from ..models import Seconds
from ..tasks import start_now
from .clock import VoiceClock
from .connector import LEAVE_TIMEOUT, VoiceConnector
from .player import Player
from .rtp import MODES, Packetizer, make_seal

logger = logging.getLogger(__name__)

type VocalChannel = nextcord.VoiceChannel | nextcord.StageChannel

NEW_GROUP_EPOCH = 1
"""The epoch with which op 24 announces a new MLS group (Discord: Voice Connections, "DAVE Protocol")."""
AUDIBLE_TIMEOUT: Seconds = 2.0
"""How long a first sound waits for end-to-end encryption before it plays all the same."""
SPEAKING_HELD: Seconds = 2.0
"""How long after the last packet we still count as speaking, so that sounds in succession do not flicker."""
HEARTBEAT_TIMEOUT: Seconds = 60.0
"""After how much silence of the voice gateway Nextcord gives it up; the value Nextcord uses itself."""


class SoundVoiceWebSocket(DiscordVoiceWebSocket):
    """The voice gateway, spoken completely."""

    @classmethod
    async def from_client(  # type: ignore[override]  # of our own client only
        cls, client: "SoundVoiceClient", *, resume: bool = False, hook: Any = None
    ) -> "SoundVoiceWebSocket":
        """Connect and identify (or resume) over our own connector."""
        gateway = f"wss://{client.endpoint}/?v=8"
        socket = await client.connector.connect(gateway)
        ws = cls(socket, loop=client.loop, hook=hook)  # type: ignore[arg-type]  # made by ws_response_class
        ws.gateway = gateway
        ws._connection = client
        ws._max_heartbeat_timeout = HEARTBEAT_TIMEOUT
        ws.thread_id = threading.get_ident()
        await (ws.resume() if resume else ws.identify())
        return ws

    async def initial_connection(self, data: dict[str, Any]) -> None:
        """Choose an encryption mode and find out our address: of those offered the one we prefer comes first."""
        offered = [mode for mode in MODES if mode in data["modes"]]
        await super().initial_connection({**data, "modes": [*offered, *data["modes"]]})

    async def received_message(self, msg: dict[str, Any]) -> None:
        """Handle a JSON message.

        Mends: ``seq`` stands beside ``d`` in version 8 and is looked for in it; ``"d": null`` (op 9) ends the poll
        task; op 24, which re-keys a channel that emptied and refilled, is not handled (nextcord #1294).
        """
        sequence = msg.get("seq", self.seq_ack)
        if msg.get("d") is None:
            msg = {**msg, "d": {}}
        client, op, data = self._client, msg["op"], msg["d"]
        if op in (self.SESSION_DESCRIPTION, self.DAVE_PREPARE_TRANSITION, self.DAVE_PREPARE_EPOCH):
            client.dave_version = data.get("protocol_version", data.get("dave_protocol_version", 0))
        if op == self.SESSION_DESCRIPTION:
            client.make_encryptor()  # without one, "version 0" would make Nextcord log an error of its own
        await super().received_message(msg)
        self.seq_ack = sequence
        if op == self.SESSION_DESCRIPTION:
            client.use_key()
        if op == self.DAVE_PREPARE_EPOCH and data.get("epoch") == NEW_GROUP_EPOCH:
            await client.join_new_group()
        client.note_encryption()

    async def received_message_binary(self, msg: bytes) -> None:
        """Handle a binary message, all of which concern end-to-end encryption.

        Mends: after an unusable commit or welcome the old key is thrown away, by which people go on hearing us until
        there is a new one.
        """
        state = self._client.e2ee_state
        encryptor = state._encryptor if state else None
        await super().received_message_binary(msg)
        if state and encryptor:
            state._encryptor = encryptor
        self._client.note_encryption()

    @property
    def _client(self) -> "SoundVoiceClient":
        return cast("SoundVoiceClient", self._connection)


class SoundVoiceClient(nextcord.VoiceClient):
    """One connection to one voice channel. Pass it to ``channel.connect(cls=…)`` with connector and clock bound."""

    supported_modes = MODES  # type: ignore[assignment]  # Nextcord knows one of them

    def __init__(self, client: nextcord.Client, channel: Any, *, connector: VoiceConnector, clock: VoiceClock) -> None:
        super().__init__(client, channel)
        self.connector = connector
        self.player = Player(clock, self)
        """What it plays. Nextcord's own :meth:`play` works beside it no more."""
        self._packetizer = Packetizer()
        self._udp: socket.socket
        self._udp_trouble = False
        self._speaking = False
        """Whether we are to count as speaking, once there is a gateway to tell."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._resting: asyncio.TimerHandle | None = None
        self.dave_version = 0
        """The version of end-to-end encryption that the channel demands; 0: none."""
        self._home: nextcord.Guild = channel.guild
        self._audible = asyncio.Event()
        self._waited = False
        """Nobody is there to agree on a key with, or they have had AUDIBLE_TIMEOUT for it."""
        self._leaving = False
        self._left = asyncio.Event()

    @property
    def place(self) -> VocalChannel | None:
        """The voice channel it is in; Nextcord may have lost sight of it."""
        channel: Any = self.channel
        return channel if isinstance(channel, nextcord.VoiceChannel | nextcord.StageChannel) else None

    async def wait_audible(self, timeout: Seconds) -> bool:
        """Wait until packets can be encrypted as the channel demands; False when that takes longer.

        What is sent earlier goes out in clear, and end-to-end encrypted listeners drop it.
        """
        if not self._audible.is_set() and self._is_alone():
            return True  # there is nobody to agree on a key with
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._audible.wait()
        return self._audible.is_set()

    def _is_alone(self) -> bool:
        """Whether neither gateway has told of anybody else in the channel."""
        told = self.e2ee_state._recognised_users if self.e2ee_state else set()
        seen = self.place.voice_states if self.place else {}
        return {*told, *seen} <= {self.user.id}

    def make_encryptor(self) -> None:
        """Have an encryptor, if without a key yet; also in a channel that begins without encryption."""
        import dave  # noqa: PLC0415 - a host without it is told so before any voice is joined

        if self.e2ee_state and self.e2ee_state._encryptor is None:
            encryptor = self.e2ee_state._encryptor = dave.Encryptor()
            encryptor.assign_ssrc_to_codec(self.ssrc, dave.Codec.opus)

    def note_encryption(self) -> None:
        """Look again whether packets can be encrypted as the channel demands."""
        state = self.e2ee_state
        if self.dave_version == 0 or state is None or state.can_encrypt():
            self._audible.set()
        else:
            self._audible.clear()

    async def join_new_group(self) -> None:
        """Answer op 24: a new MLS group is being made; send a key package for it.

        The old key stays in use until the transition to the new group is executed; those announced for the old group
        are void.
        """
        state, version = self.e2ee_state, self.dave_version
        if state is None or version == 0:
            return
        self.make_encryptor()
        state._prepared_transitions.clear()
        await state.prepare_epoch(NEW_GROUP_EPOCH, version)

    async def connect_websocket(self) -> None:
        """Connect to the voice gateway, over our own connector.

        Mends: moved to another voice server, the client keeps the MLS group of the old one, and its heartbeat.
        """
        self._connected.clear()
        self._audible.clear()
        self._waited = False
        if self.ws:
            await _briefly(self.ws.close())
            self.e2ee_state, self.dave_version = E2EEState(self) if self.e2ee_state else None, 0
        self.ws = await SoundVoiceWebSocket.from_client(self)
        while self.ws.secret_key is None:
            await self.ws.poll_event()
        self._connected.set()
        self._spawn(self._wait_once(), "jeffbot key")
        if self._speaking:
            self._say_speaking()

    async def voice_connect(self) -> None:
        """Ask for the channel, deafened: nobody reads what others say."""
        await self._home.change_voice_state(channel=self.place, self_deaf=True)

    async def on_voice_state_update(self, data: Any) -> None:
        """Follow our own voice state, save for the echo of an earlier leave while joining anew."""
        if data["channel_id"] is None and self._handshaking and not self._potentially_reconnecting:
            return
        await super().on_voice_state_update(data)

    async def on_voice_server_update(self, data: Any) -> None:
        """Take note of the voice server to connect to.

        Mends: moved to another server, the client leaves the UDP socket of the old one open.
        """
        if self._leaving:
            return
        old = self.socket
        if not self._voice_server_complete.is_set():
            self._connected.clear()
        await super().on_voice_server_update(data)
        if old and old is not self.socket:
            old.close()

    async def connect(self, *, reconnect: bool, timeout: float) -> None:
        """Join the channel once; whatever goes wrong, nothing of the attempt stays behind.

        Mends: a failed or cancelled join leaves the client on Nextcord's list and tasks waiting; with ``reconnect`` it
        may return unconnected.
        """
        async with contextlib.AsyncExitStack() as failed:
            failed.push_async_callback(self.disconnect, force=True)
            async with asyncio.timeout(timeout):  # of the UDP discovery, too, which Nextcord would await for ever
                await super().connect(reconnect=False, timeout=timeout)
            failed.pop_all()

    async def poll_voice_ws(self, reconnect: bool) -> None:
        """Follow the gateway until the connection ends, then leave: the next press joins anew.

        Mends: whatever ends this task leaves a client that says it is connected and playing.
        """
        try:
            await super().poll_voice_ws(reconnect)
        except (nextcord.ConnectionClosed, aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("the voice connection of guild %d ended: %s", self.server_id, error)
        finally:
            await self.disconnect(force=True)

    async def disconnect(self, *, force: bool = False) -> None:
        """Leave, within LEAVE_TIMEOUT. A second call waits for the first.

        Mends: the task that polls the gateway would go on, and its next reconnect would throw out a newer connection.
        """
        if self._leaving:
            await self._left.wait()
            return
        if not (force or self.is_connected()):
            return
        self._leaving = True
        self._end_sound()
        self._voice_state_complete.set()  # lets the tasks of a join that was cancelled end
        self._voice_server_complete.set()
        if self._runner and self._runner is not asyncio.current_task():
            self._runner.cancel()
        try:
            await asyncio.gather(self._say_goodbye(), self._close_websocket())
        finally:
            self.cleanup()
            if self.socket:
                self.socket.close()
            self._left.set()

    def _end_sound(self) -> None:
        """Let what plays end, and the thread that sends heartbeats."""
        self.player.close()
        if self._resting:
            self._resting.cancel()
        for task in self._tasks:
            task.cancel()
        self._connected.clear()
        if self.ws and self.ws._keep_alive:
            self.ws._keep_alive.stop()

    async def _say_goodbye(self) -> None:
        if self._is_listed():
            await _briefly(self.voice_disconnect())

    async def _close_websocket(self) -> None:
        if self.ws:
            await _briefly(self.ws.close())

    async def voice_disconnect(self) -> None:
        """Tell Discord that we leave."""
        await self._home.change_voice_state(channel=None)

    def cleanup(self) -> None:
        """Take this client off Nextcord's list, and only this one."""
        if self._is_listed():
            self._state._remove_voice_client(self._home.id)

    def _is_listed(self) -> bool:
        return self._state._get_voice_client(self._home.id) is self

    # The player's output

    @property
    def ready(self) -> bool:
        """Whether what is sent now can be heard; while it is not, what plays stands still."""
        return self._connected.is_set() and (self._audible.is_set() or self._waited)

    def use_key(self) -> None:
        """Send to where the voice server said, encrypted for transport as the session description says."""
        self._udp = self.socket
        self._udp.connect((self.endpoint_ip, self.voice_port))
        self._packetizer.describe(self.ssrc, make_seal(self.mode, bytes(self.secret_key)))

    def send(self, frame: bytes, at: Seconds) -> None:
        """Send 20 ms of Opus, due at this time of the monotonic clock. A packet that the network refuses is lost."""
        state = self.e2ee_state
        sealed = state.encrypt(frame) if state and state.can_encrypt() else frame
        packet = self._packetizer.packet(frame if sealed is None else sealed, at)
        try:
            self._udp.send(packet)
        except OSError as error:
            if not self._udp_trouble:
                logger.warning("voice packets of guild %d do not leave: %s", self.server_id, error)
            self._udp_trouble = True
        else:
            self._udp_trouble = False

    def speak(self) -> None:
        """Say that we speak, ahead of the first packet."""
        if self._resting:
            self._resting.cancel()
            self._resting = None
        elif not self._speaking:
            self._speaking = True
            self._say_speaking()

    def rest(self) -> None:
        """Say that we do not speak, unless we do within SPEAKING_HELD."""
        if self._resting is None and self._speaking:
            self._resting = asyncio.get_running_loop().call_later(SPEAKING_HELD, self._stop_speaking)

    def _stop_speaking(self) -> None:
        self._resting, self._speaking = None, False
        self._say_speaking()

    def _say_speaking(self) -> None:
        if self.ws and self._connected.is_set():
            state = nextcord.SpeakingState.voice if self._speaking else nextcord.SpeakingState.none
            self._spawn(_briefly(self.ws.speak(state)), "jeffbot speaking")

    async def _wait_once(self) -> None:
        await self.wait_audible(AUDIBLE_TIMEOUT)
        self._waited = True

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = start_now(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _briefly(goodbye: Coroutine[Any, Any, None]) -> None:
    """Do what is polite at leaving, as far as it can be done at once."""
    try:
        async with asyncio.timeout(LEAVE_TIMEOUT):
            await goodbye
    except (TimeoutError, aiohttp.ClientError, ConnectionError, AttributeError) as error:  # AttributeError: no gateway
        logger.debug("left voice without a goodbye: %r", error)
