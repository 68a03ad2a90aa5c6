"""A UDP port that notes when the kernel received each RTP packet, and does nothing else with it.

It stands in for the local Discord's own port where hundreds of bots' streams are paced: decrypting them all would take
the processor from what is measured. It runs in a process of its own, and answers IP discovery.
"""

import asyncio
import gc
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from jeffbot.sandbox.voice.udp import KEEP_ALIVE_BYTES, discovery_response

SO_TIMESTAMPNS = 35
"""Linux: a received datagram carries the kernel's time of arrival."""
BUFFER_BYTES = 4 << 20
LOOK_SECONDS = 0.004
"""How often the port is looked at. Were it waited at, each sender would pay for waking this process."""
PACKET_TYPE = 0x78
"""RTP payload type 120 (Discord: Voice, "Voice Packet Structure")."""
_HEADER = struct.Struct(">HII")
_STAMP = struct.Struct("ll")
RECORD = np.dtype([("stamp", "f8"), ("ssrc", "u4"), ("timestamp", "u4"), ("sequence", "u2")])


class Pacing(NamedTuple):
    """How well the streams of one recording kept time; seconds."""

    streams: int
    packets: int
    lost: int
    """Packets that were sent and did not arrive here."""
    skipped: int
    """Frames' times that passed without a packet, by the RTP timestamps."""
    late: NDArray[np.float64]
    """Of each packet: how much later than its stream's most punctual packet would have had it."""
    gaps: NDArray[np.float64]
    """Between each two packets of a stream."""


class Sink:
    """The port, as who measures sees it. An asynchronous context manager."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self.port = int(await self._ask(""))
        """The UDP port."""
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def begin(self) -> None:
        """Forget what has arrived so far."""
        await self._ask("begin\n")

    async def end(self, file: Path) -> Pacing:
        """What has arrived since; by way of a file."""
        await self._ask(f"{file}\n")
        return pacing(np.load(file))

    async def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode())
        return (await self._process.stdout.readline()).decode()


def pacing(records: NDArray[np.void], frame: float = 0.02) -> Pacing:
    """Compare arrivals with the streams' own clocks, their RTP timestamps."""
    late, gaps, lost, skipped, streams = [np.zeros(0)], [np.zeros(0)], 0, 0, 0
    for ssrc in np.unique(records["ssrc"]):
        stream = records[records["ssrc"] == ssrc]
        if len(stream) < 2:
            continue
        frames = np.diff(stream["timestamp"].astype("u4")) // 960
        missing = int((np.diff(stream["sequence"].astype("u2")) - 1).astype("u2").sum())
        offset = stream["stamp"][1:] - frame * np.cumsum(frames, dtype="f8")
        late.append(offset - offset.min())
        gaps.append(np.diff(stream["stamp"]))
        lost += missing
        skipped += int(frames.sum()) - len(frames) - missing
        streams += 1
    return Pacing(streams, len(records), lost, skipped, np.concatenate(late), np.concatenate(gaps))


def _receive(receiver: socket.socket, arrived: list[tuple[bytes, bytes]]) -> None:
    while True:
        try:
            data, ancillary, _, address = receiver.recvmsg(2048, 64)
        except BlockingIOError:
            time.sleep(LOOK_SECONDS)
            continue
        if data[1] == PACKET_TYPE:
            arrived.append((ancillary[0][2], data[2:12]))
        elif answer := discovery_response(data, address):
            receiver.sendto(answer, address)
        elif len(data) == KEEP_ALIVE_BYTES:
            receiver.sendto(data, address)


def _record(stamp: bytes, header: bytes) -> tuple[float, int, int, int]:
    seconds, nanoseconds = _STAMP.unpack(stamp)
    sequence, timestamp, ssrc = _HEADER.unpack(header)
    return seconds + nanoseconds / 1e9, ssrc, timestamp, sequence


def main() -> None:
    """Be the process."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.setblocking(False)  # noqa: FBT003 - the standard library
    receiver.bind(("127.0.0.1", 0))
    arrived: list[tuple[bytes, bytes]] = []
    gc.disable()  # hundreds of thousands of records, and no cycles among them
    threading.Thread(target=_receive, args=(receiver, arrived), daemon=True).start()
    print(receiver.getsockname()[1], flush=True)
    for line in sys.stdin:
        records, arrived[:] = arrived[:], []
        if line != "begin\n":
            np.save(line.rstrip("\n"), np.array([_record(*each) for each in records], RECORD))
        print("done", flush=True)
    os._exit(0)  # the thread waits for packets for ever


if __name__ == "__main__":
    main()
