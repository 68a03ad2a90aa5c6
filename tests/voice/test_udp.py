"""How voice packets leave."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from jeffbot.voice.udp import PacketSender

PACKETS = 300
SLOWEST = 0.5
"""Seconds for all of them beside a busy thread: with the interpreter lock let go, each would take some 5 ms."""


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver


@pytest.fixture
def sender(receiver: socket.socket) -> Iterator[PacketSender]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.setblocking(False)  # noqa: FBT003
        connected.connect(receiver.getsockname())
        sender = PacketSender(connected)
    yield sender
    sender.close()


def test_arrives(sender: PacketSender, receiver: socket.socket) -> None:
    """What is sent arrives, zero bytes included, also once the socket it was made of is closed."""
    sender.send(b"\x80\x78\0\0packet")

    assert receiver.recv(100) == b"\x80\x78\0\0packet"


def test_closed(sender: PacketSender) -> None:
    """After closing, sending is refused."""
    sender.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        sender.send(b"packet")


def test_refused(sender: PacketSender) -> None:
    """What the network does not take is an error with its own words."""
    with pytest.raises(OSError, match="Message too long"):
        sender.send(bytes(70_000))


def test_beside_a_busy_thread(sender: PacketSender) -> None:
    """Sending does not wait for its turn among busy threads."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            sum(range(1000))

    busy = threading.Thread(target=work)
    busy.start()
    try:
        began = time.perf_counter()
        for _ in range(PACKETS):
            sender.send(b"packet")
        took = time.perf_counter() - began
    finally:
        done.set()
        busy.join()

    assert took < SLOWEST
