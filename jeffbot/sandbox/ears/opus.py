"""libopus by ctypes: the system's, or the one that a Python package brings."""

import ctypes
import ctypes.util
import functools
import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import LibopusMissingError, OpusError
from ..voice.opus_packet import packet_samples

SAMPLE_RATE = 48_000
CHANNELS = 2
FRAME_SAMPLES = 960
"""Samples per channel in 20 ms."""
MAX_PACKET_BYTES = 1275 * 3 + 7
"""Room for any packet (RFC 6716, section 3.4)."""
FULL_SCALE = 32768
"""The amplitude of 0 dBFS in 16 bits."""
_APPLICATION_AUDIO = 2049
_SET_BITRATE = 4002

type Pcm = NDArray[np.int16]
"""Samples by channels, 48 kHz stereo."""


class Decoder:
    """Turns packets of one stream into PCM; freed with the object."""

    def __init__(self) -> None:
        self._libopus = libopus()
        self._state = _create(self._libopus.opus_decoder_create)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._libopus.opus_decoder_destroy(state)

    def decode(self, packet: bytes) -> Pcm:
        """Decode the stream's next packet.

        Raises:
            OpusError: It is no Opus packet.
        """
        return self._decode(packet, packet_samples(packet))

    def conceal(self, samples: int) -> Pcm:
        """What a listener hears where the stream's next packets are missing: libopus continues the sound, ever quieter.

        Args:
            samples: How much is missing, per channel; a multiple of 120 (2.5 ms), 5760 at most.

        Raises:
            OpusError: It is another number.
        """
        return self._decode(None, samples)

    def _decode(self, packet: bytes | None, samples: int) -> Pcm:
        pcm = np.empty((samples, CHANNELS), np.int16)
        target = pcm.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        count = self._libopus.opus_decode(self._state, packet, len(packet or b""), target, samples, 0)
        if count < 0:
            raise OpusError("decoding", count)
        return pcm[:count]


class Encoder:
    """Turns 20 ms frames into packets; freed with the object.

    Args:
        bitrate: Bits per second to aim at; None: as many as libopus thinks right.
    """

    def __init__(self, bitrate: int | None = None) -> None:
        self._libopus = libopus()
        self._state = _create(self._libopus.opus_encoder_create, _APPLICATION_AUDIO)
        if bitrate is not None:
            _check("setting the bit rate", self._libopus.opus_encoder_ctl(self._state, _SET_BITRATE, bitrate))

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._libopus.opus_encoder_destroy(state)

    def encode(self, frame: Pcm) -> bytes:
        """Encode the stream's next frame of 960 by 2 samples.

        Raises:
            OpusError: Libopus refused it.
        """
        source = np.ascontiguousarray(frame).ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        packet = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        size = self._libopus.opus_encode(self._state, source, len(frame), packet, MAX_PACKET_BYTES)
        if size < 0:
            raise OpusError("encoding", size)
        return packet.raw[:size]


@functools.cache
def libopus() -> ctypes.CDLL:
    """The library, loaded.

    Raises:
        LibopusMissingError: There is none, and how to get it.
    """
    place = ctypes.util.find_library("opus") or _packaged()
    if place is None:
        raise LibopusMissingError
    library = ctypes.CDLL(str(place))
    pcm, size, state = ctypes.POINTER(ctypes.c_int16), ctypes.c_int32, ctypes.c_void_p
    for name, result, arguments in (
        ("opus_decoder_create", state, [size, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
        ("opus_encoder_create", state, [size, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
        ("opus_decoder_destroy", None, [state]),
        ("opus_encoder_destroy", None, [state]),
        ("opus_encoder_ctl", ctypes.c_int, [state, ctypes.c_int]),  # and, as after C's dots, a number
        ("opus_decode", ctypes.c_int, [state, ctypes.c_char_p, size, pcm, ctypes.c_int, ctypes.c_int]),
        ("opus_encode", size, [state, pcm, ctypes.c_int, ctypes.c_char_p, size]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _packaged() -> Path | None:
    """The file inside opuslib-next-bundled; the package itself is not imported, for it loads much else."""
    spec = importlib.util.find_spec("opuslib_next")
    for folder in spec.submodule_search_locations or () if spec else ():
        for file in sorted((Path(folder) / "_native").glob("*opus*")):
            if file.suffix in (".so", ".dylib", ".dll"):
                return file
    return None


def _create(create: "ctypes._NamedFuncPointer", *arguments: int) -> int:
    error = ctypes.c_int()
    state = create(SAMPLE_RATE, CHANNELS, *arguments, ctypes.byref(error))
    _check("creating a codec", error.value)
    return int(state)


def _check(doing: str, code: int) -> None:
    if code != 0:
        raise OpusError(doing, code)
