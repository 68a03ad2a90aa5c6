"""The voice gateway, spoken completely (Discord: Voice Connections; version 8)."""

import asyncio
import contextlib
import struct
import threading
from typing import TYPE_CHECKING, Any, cast

from nextcord.gateway import DiscordVoiceWebSocket

from ..models import Seconds
from .encryption import NEW_GROUP_EPOCH
from .rtp import MODES

if TYPE_CHECKING:
    from .client import SoundVoiceClient

HEARTBEAT_TIMEOUT: Seconds = 15.0
"""After how long without an answer to heartbeats, sent every 5 s at least, a connection is taken for broken."""
DISCOVERY_RETRY: Seconds = 0.25
"""How long to wait for an answer to a datagram that asks for our address (Discord: Voice, "IP Discovery")."""


class SoundVoiceWebSocket(DiscordVoiceWebSocket):
    """One WebSocket to a voice gateway."""

    resumed = False
    """Whether the server has answered our Resume."""

    @classmethod
    async def from_client(  # type: ignore[override]  # of our own client only
        cls, client: "SoundVoiceClient", *, resume: bool = False, hook: Any = None
    ) -> "SoundVoiceWebSocket":
        """Connect and identify, or resume the session of the client's last WebSocket, over our own connector."""
        gateway = f"wss://{client.endpoint}/?v=8"
        socket = await client.connector.connect(gateway)
        ws = cls(socket, loop=client.loop, hook=hook)  # type: ignore[arg-type]  # made by ws_response_class
        ws.gateway = gateway
        ws._connection = client
        ws._max_heartbeat_timeout = HEARTBEAT_TIMEOUT
        ws.thread_id = threading.get_ident()
        if resume:
            ws.seq_ack, ws.secret_key = client.ws.seq_ack, client.ws.secret_key
        async with contextlib.AsyncExitStack() as failed:
            failed.push_async_callback(socket.close)
            await (ws.resume() if resume else ws.identify())
            failed.pop_all()
        return ws

    async def initial_connection(self, data: dict[str, Any]) -> None:
        """Choose an encryption mode and find out our address: of those offered the one we prefer comes first.

        Mends: the datagram that asks for the address is sent once, and if it is lost nothing goes on.
        """
        offered = [mode for mode in MODES if mode in data["modes"]]
        asking = asyncio.create_task(self._ask_again(data), name="jeffbot discovery")
        try:
            await super().initial_connection({**data, "modes": [*offered, *data["modes"]]})
        finally:
            asking.cancel()

    async def _ask_again(self, data: dict[str, Any]) -> None:
        """Send the datagram again and again; a second answer is never read."""
        request = struct.pack(">HHI66x", 1, 70, data["ssrc"])
        while True:
            await asyncio.sleep(DISCOVERY_RETRY)
            with contextlib.suppress(OSError):  # as when the first was lost
                self._client.socket.sendto(request, (data["ip"], data["port"]))

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
        self.resumed |= op == self.RESUMED
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
        self._client.epoch += msg[2] in (self.DAVE_MLS_ANNOUNCE_COMMIT_TRANSITION, self.DAVE_MLS_WELCOME)
        self._client.note_encryption()

    @property
    def _client(self) -> "SoundVoiceClient":
        return cast("SoundVoiceClient", self._connection)
