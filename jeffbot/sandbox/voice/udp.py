"""The one UDP socket that all voice arrives at: IP discovery, keep-alive, RTP."""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable

from .rtp import ssrc_of

DISCOVERY = struct.Struct(">HHI64sH")
"""Type, length, SSRC, address, port (Voice, "IP Discovery")."""
DISCOVERY_REQUEST, DISCOVERY_RESPONSE, DISCOVERY_LENGTH = 1, 2, 70
KEEP_ALIVE_BYTES = 8
"""What clients send now and then to keep a NAT open, and get back as it is."""
_RECEIVE_BUFFER_BYTES = 4 << 20
_MAX_DATAGRAM_BYTES = 2048
_MAX_DATAGRAMS_PER_WAKE = 64
LAGS_KEPT = 100_000
_SO_TIMESTAMPNS = 35
"""Linux: a received datagram carries the kernel's time of arrival; Python has no name for it."""
_TIMESPEC = struct.Struct("ll")
_KERNEL_STAMPS = sys.platform == "linux"

type Address = tuple[str, int]


def discovery_response(request: bytes, address: Address) -> bytes | None:
    """The answer to an IP discovery request from this address; None if it is none."""
    if len(request) != DISCOVERY.size:
        return None
    kind, length, ssrc, _, _ = DISCOVERY.unpack(request)
    if (kind, length) != (DISCOVERY_REQUEST, DISCOVERY_LENGTH):
        return None
    return DISCOVERY.pack(DISCOVERY_RESPONSE, DISCOVERY_LENGTH, ssrc, address[0].encode(), address[1])


class UdpServer(asyncio.DatagramProtocol):
    """The voice server's UDP port on loopback.

    Args:
        on_rtp: Called with arrival time, sender, SSRC and datagram of everything that looks like RTP.
        dark: Whether nothing arrives from a sender: asked with the SSRC of an IP discovery, with None for a keep-alive.
    """

    def __init__(
        self,
        on_rtp: Callable[[float, Address, int, bytes], None],
        dark: Callable[[Address, int | None], bool] = lambda *_: False,
    ) -> None:
        self.port = 0
        self.lags: deque[float] = deque(maxlen=LAGS_KEPT)
        """How long, in seconds, the latest packets lay in the kernel before Python took them; Linux only."""
        self._on_rtp = on_rtp
        self._dark = dark
        self._socket: socket.socket | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Bind and begin to receive."""
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setblocking(False)  # noqa: FBT003 - the standard library's signature
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        receiver.bind(("127.0.0.1", 0))
        self.port = receiver.getsockname()[1]
        loop = asyncio.get_running_loop()
        if _KERNEL_STAMPS:
            receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            loop.add_reader(receiver, self._drain, receiver)
            self._socket = receiver
        else:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=receiver)

    def close(self) -> None:
        """Stop receiving and free the port."""
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._transport:
            self._transport.close()

    def catch_up(self) -> None:
        """Take all that has arrived by now, however late this process is; where the kernel stamps packets."""
        now = time.monotonic()
        while self._socket and (arrived := self._take(self._socket)) is not None and arrived < now:
            pass

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Called by asyncio where the kernel's clock is not used."""
        self._receive(time.monotonic(), data, addr)

    def _drain(self, receiver: socket.socket) -> None:
        for _ in range(_MAX_DATAGRAMS_PER_WAKE):
            if self._take(receiver) is None:
                return

    def _take(self, receiver: socket.socket) -> float | None:
        """Receive one datagram, and say when it arrived; None if there is none."""
        try:
            data, ancillary, _, address = receiver.recvmsg(_MAX_DATAGRAM_BYTES, 64)
        except BlockingIOError:
            return None
        arrived = time.monotonic()
        for level, kind, stamp in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                lag = time.time() - (seconds + nanoseconds / 1e9)
                self.lags.append(lag)
                arrived -= lag
        self._receive(arrived, data, address)
        return arrived

    def _receive(self, arrived: float, data: bytes, address: Address) -> None:
        ssrc = ssrc_of(data)
        if ssrc is not None:
            self._on_rtp(arrived, address, ssrc, data)
        elif response := discovery_response(data, address):
            if not self._dark(address, int.from_bytes(data[4:8])):
                self._answer(response, address)
        elif len(data) == KEEP_ALIVE_BYTES and not self._dark(address, None):
            self._answer(data, address)

    def _answer(self, data: bytes, address: Address) -> None:
        with contextlib.suppress(OSError):  # whoever asked is gone
            if self._socket:
                self._socket.sendto(data, address)
            elif self._transport:
                self._transport.sendto(data, address)
