"""Nextcord's voice client, repaired where people would hear nothing.

Each repair names what it mends in Nextcord 3.2 and does no harm to a Nextcord that mends it itself.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import nextcord

from ..models import PACKET_SECONDS, Seconds
from ..tasks import run_until, start_now
from .closing import NONSENSE, PUT_OUT, TOLD_TO_LEAVE, Loss, Remedy, loss_of
from .connector import LEAVE_TIMEOUT, VoiceConnector
from .encryption import EncryptedVoiceClient
from .gateway import SoundVoiceWebSocket
from .rtp import MODES, Packetizer, make_seal
from .udp import PacketSender

logger = logging.getLogger(__name__)

type OnLost = Callable[["SoundVoiceClient", Loss], None]

MEND_TIMEOUT: Seconds = 3.0
"""How long resuming, or going on with another voice server, may take."""
MOVE_TIMEOUT: Seconds = 1.0
"""How long after a connection was closed Discord may name another voice server; the two come in either order."""
MAX_RESUMES = 3
RESUMES_WINDOW: Seconds = 10.0
"""So often within this time a session is resumed; then the channel is joined anew."""
_TROUBLE = nextcord.ConnectionClosed, aiohttp.ClientError, TimeoutError, OSError


class LostError(ConnectionError):
    """A stay ended before it had begun."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.words)
        self.loss = loss


class SoundVoiceClient(EncryptedVoiceClient):
    """One stay in one voice channel, resumed and moved as Discord asks. What it cannot mend it reports, once.

    Pass it to ``channel.connect(cls=…)`` with the rest bound. Nextcord's own :meth:`play` works beside it no more.

    Args:
        connector: Makes its WebSockets.
        on_lost: Told when it is over, unless :meth:`disconnect` was called by who listens.
        is_deaf: Says whether it is to deafen itself.
    """

    supported_modes = MODES  # type: ignore[assignment]  # Nextcord knows one of them
    open_sender = PacketSender

    def __init__(
        self,
        client: nextcord.Client,
        channel: Any,
        *,
        connector: VoiceConnector,
        on_lost: OnLost = lambda _client, _loss: None,
        is_deaf: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(client, channel)
        self.connector = connector
        self._on_lost = on_lost
        self.loss: Loss | None = None
        """Why it is over; None: it is not."""
        self._is_deaf = is_deaf
        self._packetizer = Packetizer()
        self._sender: PacketSender | None = None
        self._udp_trouble = False
        self.packets_sent = self.packets_late = 0
        """How many packets have left; how many of them more than a packet's length after they were due."""
        self.last_close: str | None = None
        """Why the voice gateway was last closed, in words."""
        self._speaking = False
        self._new_server = asyncio.Event()
        """Discord has named another voice server than the one we are connected, or connecting, to."""
        self._server_news = False
        """Discord has named another, or said that it will, and we are not connected to it yet."""
        self._old_sockets: list[socket.socket] = []
        """Of servers named before, to be closed when nothing waits for them any more."""
        self._resumed_at: deque[Seconds] = deque(maxlen=MAX_RESUMES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._home: nextcord.Guild = channel.guild
        self._leaving = False
        self._left = asyncio.Event()

    # Connecting

    async def connect(self, *, reconnect: bool, timeout: float) -> None:
        """Join the channel once, within ``timeout``; whatever goes wrong, nothing of the attempt stays behind.

        Mends: a failed or cancelled join leaves the client on Nextcord's list and tasks waiting; the UDP discovery is
        awaited for ever; with ``reconnect`` it may return unconnected.

        Raises:
            LostError: It was put out meanwhile, or told to leave.
        """
        self.timeout = timeout
        async with contextlib.AsyncExitStack() as failed:
            failed.push_async_callback(self.disconnect, force=True)
            async with asyncio.timeout(timeout):
                await self._unless_left(self._join())
            failed.pop_all()
        self._runner = self.loop.create_task(self.poll_voice_ws(reconnect=False))

    async def _join(self) -> None:
        self.prepare_handshake()
        await self.voice_connect()
        await self._voice_state_complete.wait()
        await self._voice_server_complete.wait()
        self.finish_handshake()
        await self._connect_to_server()

    async def _connect_to_server(self) -> None:
        """Connect to the voice server that Discord named last, also where it names another meanwhile."""
        while True:
            self._new_server.clear()
            connecting = await run_until(self._new_server, self.connect_websocket(), "jeffbot voice connect")
            if not self._new_server.is_set():
                return connecting.result()
            if not connecting.cancelled():
                connecting.exception()  # seen: that server does not matter any more

    async def connect_websocket(self) -> None:
        """Connect to the voice gateway, over our own connector.

        Mends: moved to another voice server, the client keeps the MLS group of the old one, its heartbeat, and its UDP
        socket open.
        """
        self._connected.clear()
        if self.ws:
            await _briefly(self.ws.close())
        self.forget_group()
        self._close_old_sockets()
        self.ws = await SoundVoiceWebSocket.from_client(self)
        while self.ws.secret_key is None:
            await self.ws.poll_event()
        self._server_news = False
        self._connected.set()
        self._spawn(self.wait_once(), "jeffbot key")
        if self._speaking:
            self._say_speaking()

    def _close_old_sockets(self) -> None:
        while self._old_sockets:
            self._old_sockets.pop().close()

    async def _unless_left(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that leaving cuts short; LostError then."""
        task = self._spawn(work, "jeffbot voice handshake")
        try:
            await asyncio.wait([task])
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            raise LostError(self.loss or TOLD_TO_LEAVE)
        task.result()

    async def voice_connect(self) -> None:
        """Ask for the channel; deafened, nobody reads what others say."""
        await self._home.change_voice_state(channel=self.place, self_deaf=self._is_deaf())

    async def on_voice_state_update(self, data: Any) -> None:
        """Follow our own voice state, save for the echo of an earlier leave while joining anew.

        Mends: moved while joining, the client goes on to think that it is where it wanted to be.
        """
        if data["channel_id"] is None:
            if self._handshaking:
                return
            self._report(PUT_OUT)
        await super().on_voice_state_update(data)
        guild = self._state._get_guild(self._home.id) or self._home
        if data["channel_id"] is not None:
            self.channel = guild.get_channel(int(data["channel_id"]))  # type: ignore[assignment]  # None: out of sight

    async def on_voice_server_update(self, data: Any) -> None:
        """Take note of the voice server to connect to; while connected, of the one to go on with.

        Mends: named another server while it joins, the client keeps to the first, whose token is void, or raises.
        """
        if self._leaving:
            return
        self._server_news = True
        if data.get("endpoint") is None:  # the server is away; another will be named
            self._connected.clear()
            return
        self.token, self.server_id = data["token"], int(data["guild_id"])
        self.endpoint = data["endpoint"].removeprefix("wss://")
        self.endpoint_ip = nextcord.utils.MISSING
        if self.socket:
            self._old_sockets.append(self.socket)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)  # noqa: FBT003 - its only parameter
        if self._handshaking:
            self._voice_server_complete.set()
            return
        self._connected.clear()
        self._new_server.set()
        if self.ws:
            await _briefly(self.ws.close(4000))

    # Mending

    async def poll_voice_ws(self, reconnect: bool) -> None:
        """Follow the gateway, and mend the connection as Discord says; what cannot be mended is reported.

        Mends: whatever ends this task leaves a client that says it is connected and playing; a session is resumed on
        the closed socket; a move is met with leaving and joining anew after up to 2 s.
        """
        try:
            while await self._mend(loss := await self._lost()):
                pass
        except Exception:  # a boundary: nonsense from the gateway must not leave the guild silent
            logger.exception("trouble with the voice gateway of guild %d", self.server_id)
            loss = NONSENSE
        if loss.remedy is Remedy.MOVE:
            put_out = self._main_gateway_is_open() and not self._server_news
            loss = loss._replace(remedy=Remedy.NONE if put_out else Remedy.REJOIN)
        if not self._leaving:
            logger.warning("the voice connection of guild %d ended: %s", self.server_id, loss.words)
        self._connected.clear()
        self._report(loss)
        await self.disconnect(force=True)

    async def _lost(self) -> Loss:
        """Follow the gateway until the connection ends; why."""
        try:
            while True:
                await self.ws.poll_event()
        except nextcord.ConnectionClosed as error:
            loss = loss_of(error.code)
        except (aiohttp.ClientError, TimeoutError, OSError):
            loss = loss_of(None)
        self.last_close = loss.words
        return loss

    async def _mend(self, loss: Loss) -> bool:
        """Go on with the same stay in the channel, if that can be."""
        try:
            if await self._has_moved(loss):
                async with asyncio.timeout(MEND_TIMEOUT):
                    await self._unless_left(self._connect_to_server())
                return True
            if loss.remedy is Remedy.RESUME and self._may_resume():
                async with asyncio.timeout(MEND_TIMEOUT):
                    await self._unless_left(self._resume())
                return True
        except _TROUBLE as error:
            logger.info("voice of guild %d cannot go on with its session: %r", self.server_id, error)
        return False

    def _may_resume(self) -> bool:
        """Whether resuming has not been tried too often of late; a server that is never well is left."""
        now = time.monotonic()
        often = len(self._resumed_at) == MAX_RESUMES and now - self._resumed_at[0] < RESUMES_WINDOW
        self._resumed_at.append(now)
        return not often and not self._leaving

    def _main_gateway_is_open(self) -> bool:
        """Whether Discord could tell us that we were put out of the channel; else it was our session that ended."""
        main: Any = self._state._get_websocket(self._home.id)
        return main is not None and main.open

    async def _has_moved(self, loss: Loss) -> bool:
        if loss.remedy is Remedy.MOVE and not self._leaving:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MOVE_TIMEOUT):
                    await self._new_server.wait()
        return self._new_server.is_set() and not self._leaving

    async def _resume(self) -> None:
        old = self.ws
        ws = await SoundVoiceWebSocket.from_client(self, resume=True)
        self.ws = ws
        await _briefly(old.close())
        while not ws.resumed:
            await ws.poll_event()
        if self._speaking:
            self._say_speaking()

    def _report(self, loss: Loss) -> None:
        """Say that it is over, and why: once."""
        if self.loss is None:
            self.loss = loss
            self._on_lost(self, loss)

    # Leaving

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
        self._report(TOLD_TO_LEAVE)
        self._connected.clear()
        try:
            await self._end_tasks()
            if self.ws and self.ws._keep_alive:
                self.ws._keep_alive.stop()
            await asyncio.gather(self._say_goodbye(), self._close_websocket())
        finally:
            self.cleanup()
            self._close_sender()
            self._close_old_sockets()
            if self.socket:
                self.socket.close()
            self._left.set()

    async def _end_tasks(self) -> None:
        """End what it has begun, so that nothing waits for the sockets that are closed next."""
        tasks = {*self._tasks, *([self._runner] if self._runner else [])} - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVE_TIMEOUT)

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

    # Sending

    @property
    def ready(self) -> bool:
        """Whether what is sent now can be heard."""
        return self._connected.is_set() and self.may_send

    @property
    def packets_leave(self) -> bool:
        """Whether the network took the last packet."""
        return not self._udp_trouble

    @property
    def heard(self) -> bool:
        """Whether those who listen can hear what it sends, as far as can be known here."""
        return self._connected.is_set() and self.decryptable and self.packets_leave

    def _close_sender(self) -> None:
        if self._sender:
            self._sender.close()

    def use_key(self) -> None:
        """Send to where the voice server said, encrypted for transport as the session description says."""
        self.socket.connect((self.endpoint_ip, self.voice_port))
        self._close_sender()
        self._sender = self.open_sender(self.socket)
        self._packetizer.describe(self.ssrc, make_seal(self.mode, bytes(self.secret_key)))

    def send(self, frame: bytes, at: Seconds) -> None:
        """Send 20 ms of Opus, due at this time of the monotonic clock. A packet that the network refuses is lost."""
        packet = self._packetizer.packet(self.encrypt(frame), at)
        try:
            if self._sender:
                self._sender.send(packet)
        except OSError as error:
            if not self._udp_trouble:
                logger.warning("voice packets of guild %d do not leave: %s", self.server_id, error)
            self._udp_trouble = True
            return
        self._udp_trouble = False
        self.packets_sent += 1
        if time.monotonic() - at > PACKET_SECONDS:
            self.packets_late += 1

    def speak(self, *, speaking: bool) -> None:
        """Say that we speak, ahead of the first packet; or that we do not. A new connection says so again."""
        self._speaking = speaking
        self._say_speaking()

    def _say_speaking(self) -> None:
        if self.ws and self._connected.is_set():
            state = nextcord.SpeakingState.voice if self._speaking else nextcord.SpeakingState.none
            self._spawn(_briefly(self.ws.speak(state)), "jeffbot speaking")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        task = start_now(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _briefly(goodbye: Coroutine[Any, Any, None]) -> None:
    """Do what is polite at leaving, as far as it can be done at once."""
    try:
        async with asyncio.timeout(LEAVE_TIMEOUT):
            await goodbye
    except (*_TROUBLE, AttributeError) as error:  # AttributeError: no gateway
        logger.debug("left voice without a goodbye: %r", error)
