"""The probe in a voice channel: voice gateway, UDP, packets."""

import asyncio
import enum
import json
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from jeffbot.sandbox import AES_GCM
from jeffbot.sandbox.voice.rtp import SILENCE

from .encryption import PREPARE_EPOCH, Encryption

PATIENCE = 5.0
FRAME_SECONDS, FRAME_SAMPLES = 0.02, 960


class Fault(enum.Enum):
    """What the probe does wrong."""

    NO_OP_24 = enum.auto()
    NO_SILENCE = enum.auto()
    NO_NONCE = enum.auto()
    NO_SEQ_ACK = enum.auto()
    NO_HEARTBEAT = enum.auto()


class ProbeVoice:
    """One stay in a voice channel, over any number of WebSockets."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        faults: set[Fault],
        identity: dict[str, Any],
        endpoint: str,
        channel_id: int,
        mode: str = AES_GCM,
    ) -> None:
        self.received: list[dict[str, Any]] = []
        """All text messages, oldest first."""
        self.close_code: int | None = None
        self.seq_ack = -1
        self.numbers: list[int] = []
        """Of all numbered messages, text and binary, as they came."""
        self.encryption: Encryption | None = None
        self._session, self._faults, self._identity = session, faults, identity
        self._endpoint, self._channel_id, self._mode = endpoint, channel_id, mode
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setblocking(False)  # noqa: FBT003 - the standard library
        self._key = b""
        self._ssrc = 0
        self._nonce = self._sequence = 0
        self._timestamp, self._sent_at = 0, 0.0

    async def connect(self, *, resume: bool = False) -> None:
        """Open a WebSocket and identify, up to the key; or resume the session, up to op 9."""
        self.close_code = None
        self._socket = await self._session.ws_connect(f"wss://{self._endpoint}/?v=8")
        self._spawn(self._read(self._socket))
        if resume:
            count = self.count(9)
            identity = {key: self._identity[key] for key in ("server_id", "session_id", "token")}
            await self.send(7, identity | ({} if Fault.NO_SEQ_ACK in self._faults else {"seq_ack": self.seq_ack}))
            await self.until(lambda: self.count(9) > count or self.close_code is not None)
            return
        await self.send(0, self._identity | {"max_dave_protocol_version": 1})
        ready = await self.op(2)
        self._ssrc = ready["ssrc"]
        self._udp.connect((ready["ip"], ready["port"]))
        user_id = int(self._identity["user_id"])
        self.encryption = Encryption(user_id, self._channel_id, self._ssrc, self.send, self._send_binary)
        await self.select()

    async def select(self) -> None:
        """Discover the address and select the protocol, up to the key; also again, for a new key."""
        address, count = await self._discover(), self.count(4)
        await self.send(1, {"protocol": "udp", "data": {**address, "mode": self._mode}})
        await self.until(lambda: self.count(4) > count)
        self._key = bytes([message["d"]["secret_key"] for message in self.received if message["op"] == 4][-1])

    async def close(self, code: int = 1000) -> None:
        """Close the WebSocket, and wait until all has ended."""
        await self._socket.close(code=code)
        await self._end()
        self._udp.close()

    async def abandon(self) -> None:
        """Lose the WebSocket, as by a broken network."""
        await self._socket.close(code=4900)
        await self._end()

    def send_datagram(self, datagram: bytes) -> None:
        """Send anything over UDP, with its own SSRC where an RTP header has one."""
        self._udp.send(datagram[:8] + struct.pack(">I", self._ssrc) + datagram[12:])

    async def send(self, op: int, data: Any) -> None:
        """Send a text message."""
        await self._socket.send_str(json.dumps({"op": op, "d": data}))

    async def op(self, op: int) -> dict[str, Any]:
        """Wait for a message of this kind; the data of the first there was."""
        await self.until(lambda: self.count(op))
        return next(message["d"] for message in self.received if message["op"] == op)

    def count(self, op: int) -> int:
        """How many messages of this kind came."""
        return sum(message["op"] == op for message in self.received)

    async def until(self, condition: Any) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def audible(self) -> None:
        """Wait until what is sent can be heard."""
        await self.until(lambda: self.encryption and self.encryption.version and self.encryption.ready)

    async def speak(self, frames: Iterable[bytes], *, pace: float = FRAME_SECONDS) -> None:
        """Say frames, one in 20 ms, and end with five of silence."""
        await self.send(5, {"speaking": 1, "delay": 0, "ssrc": self._ssrc})
        if self._sent_at:
            self._timestamp += FRAME_SAMPLES * int((time.monotonic() - self._sent_at) / FRAME_SECONDS)
        ending = [] if Fault.NO_SILENCE in self._faults else [SILENCE] * 5
        due = time.monotonic()
        for frame in [*frames, *ending]:
            self.send_frame(frame)
            due += pace
            await asyncio.sleep(max(0, due - time.monotonic()))

    def send_frame(self, frame: bytes, **changes: int) -> None:
        """Send one frame; ``changes`` replace payload_type, nonce, sequence, timestamp or ssrc."""
        assert self.encryption is not None
        payload_type, sequence = changes.get("payload_type", 0x78), changes.get("sequence", self._sequence)
        timestamp = changes.get("timestamp", self._timestamp)
        nonce = struct.pack(">I", changes.get("nonce", self._nonce))
        ssrc = changes.get("ssrc", self._ssrc)
        header = struct.pack(">BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
        sealed = self.encryption.seal(frame)
        if self._mode == AES_GCM:
            body = AESGCM(self._key).encrypt(nonce + bytes(8), sealed, header)
        else:
            body = crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, header, nonce + bytes(20), self._key)
        self._udp.send(header + body + (b"" if Fault.NO_NONCE in self._faults else nonce))
        self._nonce, self._sequence, self._timestamp = self._nonce + 1, self._sequence + 1, timestamp + FRAME_SAMPLES
        self._sent_at = time.monotonic()

    async def keep_alive(self, counter: int) -> bytes:
        """Send a keep-alive; what comes back."""
        self._udp.send(counter.to_bytes(8))
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 100), PATIENCE)

    async def heartbeat(self, **changes: Any) -> None:
        """Send a heartbeat."""
        ack = {} if Fault.NO_SEQ_ACK in self._faults else {"seq_ack": self.seq_ack}
        await self.send(3, {"t": 1} | ack | changes)

    async def _discover(self) -> dict[str, Any]:
        self._udp.send(struct.pack(">HHI64sH", 1, 70, self._ssrc, b"", 0))
        answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 100), PATIENCE)
        _, _, _, address, port = struct.unpack(">HHI64sH", answer)
        return {"address": address.rstrip(b"\0").decode(), "port": port}

    async def _read(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self._number(int.from_bytes(message.data[:2]))
                assert self.encryption is not None
                await self.encryption.binary(message.data[2], message.data[3:])
            else:
                await self._take(json.loads(message.data))
            self._changed.set()
        self.close_code = websocket.close_code
        self._changed.set()

    async def _take(self, message: dict[str, Any]) -> None:
        self.received.append(message)
        if "seq" in message:
            self._number(message["seq"])
        op, data = message["op"], message["d"]
        if op == 8 and Fault.NO_HEARTBEAT not in self._faults:
            self._spawn(self._beat(data["heartbeat_interval"] / 1000))
        if self.encryption is None:
            return
        if op == 4:
            await self.encryption.begin(data["dave_protocol_version"])
        elif op == 11:
            self.encryption.others |= {int(user) for user in data["user_ids"]}
        elif op == 13:
            self.encryption.others -= {int(data["user_id"])}
        elif 21 <= op <= 24 and not (op == PREPARE_EPOCH and Fault.NO_OP_24 in self._faults):
            await self.encryption.text(op, data)

    def _number(self, number: int) -> None:
        self.seq_ack = number
        self.numbers.append(number)

    async def _beat(self, interval: float) -> None:
        websocket = self._socket
        while not websocket.closed:
            await self.heartbeat()
            await asyncio.sleep(interval)

    async def _send_binary(self, op: int, payload: bytes) -> None:
        await self._socket.send_bytes(bytes([op]) + payload)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
