"""Reading and writing files that may be anything, and must be whole."""

import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path


class NotRegularError(OSError):
    """What should be a file is a pipe, a device or a folder."""

    def __init__(self) -> None:
        super().__init__(0, "it is no regular file")


def open_regular(file: Path) -> BufferedReader:
    """Open a file for reading; a pipe nobody writes to is not waited for.

    Raises:
        NotRegularError: It is a pipe, a device or a folder, or a link to one.
        OSError: It cannot be opened.
    """
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError
    return os.fdopen(descriptor, "rb")


def hash_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        OSError: As for :func:`open_regular`.
    """
    with open_regular(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on disk when this returns; where the system cannot sync folders, nothing.

    Raises:
        OSError: It cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder, on Windows
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
