"""libopus by ctypes: the system's, or the one that ``jeffbot[bundled]`` brings.

Calls keep the interpreter lock: they last 20 to 200 microseconds, and giving the lock away could cost the voice clock
a whole switch interval (5 ms) to get it back.
"""

import ctypes
import ctypes.util
import functools
import importlib.util
import logging
from pathlib import Path

from ..errors import LibopusMissingError

logger = logging.getLogger(__name__)

SAMPLE_RATE = 48_000
CHANNELS = 2
FRAME_SAMPLES = 960
"""Samples per channel in 20 ms."""
LOOKAHEAD = 120
"""How far what is decoded lags behind what was encoded, in samples: 2.5 ms, the overlap of CELT frames, with
restricted low delay (``OPUS_GET_LOOKAHEAD``; RFC 6716, section 4.3.7)."""
_MAX_PACKET_BYTES = 1275
"""Of one frame (RFC 6716, section 3.2.1)."""
_RESTRICTED_LOWDELAY = 2051
_COMPLEXITY = 10
"""Of 0 to 10: the best."""
_SET_BITRATE, _SET_COMPLEXITY, _GET_LOOKAHEAD, _SET_PREDICTION_DISABLED = 4002, 4010, 4027, 4042
"""Numbers of opus_defines.h."""

FrameBuffer = ctypes.c_float * (FRAME_SAMPLES * CHANNELS)
"""Room for 20 ms: 960 times left, right; full scale is 1.0."""


class OpusError(Exception):
    """libopus refused what it was given."""

    def __init__(self, code: int) -> None:
        super().__init__(f"libopus: {libopus().opus_strerror(code).decode()}")
        self.code = code


class Decoder:
    """Turns the packets of one stream into PCM; freed with the object."""

    def __init__(self) -> None:
        self._libopus = libopus()
        error = ctypes.c_int()
        self._state = self._libopus.opus_decoder_create(SAMPLE_RATE, CHANNELS, ctypes.byref(error))
        _check(error.value)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._libopus.opus_decoder_destroy(state)

    def become(self, other: "Decoder") -> None:
        """Know what another knows; opus.h allows the copying of states ("only a shallow copy is sufficient")."""
        size = self._libopus.opus_decoder_get_size(CHANNELS)
        ctypes.memmove(self._state, other._state, size)  # noqa: SLF001 - one of its own

    def decode(self, packet: bytes, target: "ctypes.Array[ctypes.c_float]") -> None:
        """Decode the stream's next packet, of 20 ms, into a :data:`FrameBuffer`.

        Raises:
            OpusError: It is no Opus packet, or longer.
        """
        _check(self._libopus.opus_decode_float(self._state, packet, len(packet), target, FRAME_SAMPLES, 0))


class Encoder:
    """Turns frames of 20 ms into packets with 2.5 ms of delay (restricted low delay); freed with the object.

    Args:
        bitrate: Bits per second to aim at.
    """

    def __init__(self, bitrate: int) -> None:
        self._libopus = libopus()
        self._packet = ctypes.create_string_buffer(_MAX_PACKET_BYTES)
        error = ctypes.c_int()
        self._state = self._libopus.opus_encoder_create(
            SAMPLE_RATE, CHANNELS, _RESTRICTED_LOWDELAY, ctypes.byref(error)
        )
        _check(error.value)
        self._set(_SET_BITRATE, bitrate)
        self._set(_SET_COMPLEXITY, _COMPLEXITY)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._libopus.opus_encoder_destroy(state)

    @property
    def lookahead(self) -> int:
        """How far the decoded sound lags behind what was encoded, samples per channel."""
        samples = ctypes.c_int()
        _check(self._libopus.opus_encoder_ctl(self._state, _GET_LOOKAHEAD, ctypes.byref(samples)))
        return samples.value

    def encode(self, frame: "ctypes.Array[ctypes.c_float]", *, standalone: bool = False) -> bytes:
        """Encode the stream's next :data:`FrameBuffer`.

        Args:
            frame: The 20 ms.
            standalone: Lean on no packet before, so that a decoder of any history understands it.

        Raises:
            OpusError: Libopus refused it.
        """
        self._set(_SET_PREDICTION_DISABLED, int(standalone))
        size = self._libopus.opus_encode_float(self._state, frame, FRAME_SAMPLES, self._packet, _MAX_PACKET_BYTES)
        _check(size)
        return self._packet.raw[:size]

    def _set(self, request: int, value: int) -> None:
        _check(self._libopus.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))


def libopus() -> ctypes.PyDLL:
    """The library, loaded.

    Raises:
        LibopusMissingError: There is none that can be loaded, and how to get it.
    """
    library = _library()
    if library is None:
        raise LibopusMissingError
    return library


@functools.cache
def _library() -> ctypes.PyDLL | None:
    for find in (lambda: ctypes.util.find_library("opus"), _packaged):
        place = find()
        try:
            if place is not None:
                return _load(str(place))
        except (OSError, AttributeError) as error:
            logger.warning("%s is no libopus that can be used: %s", place, error)
    return None


def _load(place: str) -> ctypes.PyDLL:
    library = ctypes.PyDLL(place)
    size, state, error = ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
    pcm = ctypes.POINTER(ctypes.c_float)
    for name, result, arguments in (
        ("opus_decoder_create", state, [size, ctypes.c_int, error]),
        ("opus_encoder_create", state, [size, ctypes.c_int, ctypes.c_int, error]),
        ("opus_decoder_get_size", ctypes.c_int, [ctypes.c_int]),
        ("opus_decoder_destroy", None, [state]),
        ("opus_encoder_destroy", None, [state]),
        ("opus_encoder_ctl", ctypes.c_int, [state, ctypes.c_int]),  # and, as after C's dots, a number or its place
        ("opus_decode_float", ctypes.c_int, [state, ctypes.c_char_p, size, pcm, ctypes.c_int, ctypes.c_int]),
        ("opus_encode_float", size, [state, pcm, ctypes.c_int, ctypes.c_char_p, size]),
        ("opus_strerror", ctypes.c_char_p, [ctypes.c_int]),
        ("opus_get_version_string", ctypes.c_char_p, []),
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


def _check(code: int) -> None:
    """Negative numbers are errors, all others results."""
    if code < 0:
        raise OpusError(code)
