"""Sends voice packets without giving other threads a turn.

Python's own ``send`` lets go of the interpreter lock, and where another thread is busy gets it back only after the
switch interval, 5 ms: with many guilds, packet upon packet. The C library's, called with the lock held, takes the
microseconds of the system call; a datagram on a non-blocking socket waits for nothing.
"""

import ctypes
import os
import socket
import sys
import threading


def _find_send() -> "ctypes._NamedFuncPointer | None":
    if sys.platform == "win32":
        return None
    send = ctypes.PyDLL(None, use_errno=True).send
    send.argtypes = ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    send.restype = ctypes.c_ssize_t
    return send


_send = _find_send()


class PacketSender:
    """Sends on a connected, non-blocking UDP socket, of which it has its own duplicate."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected.dup()
        self._lock = threading.Lock()  # so that no other file has the number of one that was closed meanwhile

    def send(self, packet: bytes) -> None:
        """Send a packet.

        Raises:
            OSError: The network does not take it, or this is closed.
        """
        with self._lock:
            if _send is None:
                self._socket.send(packet)
            elif _send(self._socket.fileno(), packet, len(packet), 0) < 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))

    def close(self) -> None:
        """Send no more."""
        with self._lock:
            self._socket.close()
