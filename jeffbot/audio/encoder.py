"""From a file to packets: what ffmpeg is told.

A file nobody vouches for is decoded once, cut and measured on the way, into a nameless file of PCM; from that it is
encoded with the one gain that levels it. Cost, on one core: some 80 times real time; 384 kB of disk per second.
"""

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..models import PACKET_SECONDS, WHOLE, Seconds, Trim
from .cache import Entry
from .celt import stands_alone
from .ffmpeg import FFmpeg, FFmpegError, FFmpegInputError
from .formats import FORMATS, sniff
from .loudness import BLOCK_SECONDS, OVERSHOOT, PEAK_LIMIT, Level, Loudness, level, lowered, read_summary
from .opus import OggError, PacketReader, read_packets

SAMPLE_RATE = 48_000
PACKET_SAMPLES = int(SAMPLE_RATE * PACKET_SECONDS)
LOOKAHEAD = 120
"""Samples by which the encoder delays a sound at low delay (libopus, ``OPUS_GET_LOOKAHEAD``: 2.5 ms)."""
SILENCE_FLOOR = -50
"""What stays below is cut off the beginning, dBFS of sample peaks."""
LEAD: Seconds = 0.01
"""How much of the silence before a sound stays."""
MAX_STREAMS = 64
"""A file with more than these is refused: each takes time and memory before the first is decoded."""
VERSION = 5
"""Part of the profile; a change of the arguments below changes it, so that no old cache is read."""
MARGIN = 0.5
"""How much more than it is too high a sound is lowered, dB: Opus then raises its peaks by 0.45 more, at most seen."""
_PEAK_ROUNDING = 0.05
"""How much higher a peak may be than ffmpeg tells, dB."""
_FADE_IN, _FADE_OUT = 96, 240
"""Samples, 2 and 5 ms: short enough to leave an attack alone, long enough not to click."""
_SAMPLE_BYTES = 8
"""Of two channels of 32 bits."""

_PCM = {"format": "f32le", "ar": SAMPLE_RATE, "ac": 2}
_STEREO = f"aresample,aformat=sample_fmts=flt:sample_rates={SAMPLE_RATE}:channel_layouts=stereo"
_CUT = (
    f"silenceremove=start_periods=1:start_threshold={SILENCE_FLOOR}dB:start_silence={LEAD}:start_mode=any"
    ":detection=peak"
)
_MEASURE = "ebur128=peak=sample+true:framelog=verbose"
_RUN_UPS = 0, 0.25, 2, 0.06, 8
"""Heights of a click in the silence of one packet that is encoded before a sound, and left out again.

A packet may give its levels as differences to the packet before (RFC 6716, section 4.3.2.1), and the first of a stream
to the state of a fresh decoder: after silence it would be 27 dB too quiet. After one of these, found by trying, the
encoder gives a sound's first packet so that it stands alone; after silence it is at least right after silence.
"""
_TRIED_WHOLE: Seconds = 4.0
"""What is no longer is encoded whole to see whether a run-up will do: ffmpeg's start takes most of the time anyway."""
_PAD = f"apad=whole_dur={BLOCK_SECONDS}"

_NOTHING = b"\xfc\xff\xfe"
"""What digital silence becomes."""
SILENT = f"it is silent: nothing in it is louder than {SILENCE_FLOOR} dB"


class Encoder:
    """Turns files into packets. Its methods block: call them in threads.

    Args:
        ffmpeg: What does the work.
        folder: Where PCM is kept meanwhile.
        max_seconds: The longest sound there may be.
        loudness: What sounds are levelled to, LUFS.
        bitrate: What Opus aims at, kbit/s, VBR.
    """

    def __init__(self, ffmpeg: FFmpeg, folder: Path, *, max_seconds: Seconds, loudness: float, bitrate: int) -> None:
        self._ffmpeg = ffmpeg
        self._folder = folder
        self._max_seconds = max_seconds
        self._loudness = loudness
        self._bitrate = bitrate
        self.profile = f"{bitrate}k{loudness:+g}lufs-{VERSION}"
        """Names how a sound is encoded."""

    def encode(self, file: Path, trim: Trim = WHOLE) -> Entry:
        """A file's first audio stream, or what trimming leaves of it: 48 kHz, stereo, packets of 20 ms, cut, levelled.

        It lasts as long as the file less the silence cut off, to within 17.5 ms: whole packets, but none for a rest of
        up to 2.5 ms, nor for what the encoder's delay pushes beyond the last one; it fades out before.

        Raises:
            FFmpegInputError: The file is no sound, or silent, or too long.
            FFmpegTimeoutError: It took too long.
            FFmpegError: ffmpeg does not start, or was killed.
        """
        with _scratch(self._folder) as pcm, _scratch(self._folder) as ogg:
            measured = self._decode(file, pcm, trim)
            samples = os.fstat(pcm.fileno()).st_size // _SAMPLE_BYTES
            if samples == 0:
                raise FFmpegInputError(SILENT)
            if samples > self._max_seconds * SAMPLE_RATE + PACKET_SAMPLES:
                raise FFmpegInputError(f"it is longer than {self._max_seconds:g} s")
            short = samples < BLOCK_SECONDS * SAMPLE_RATE
            if short:
                measured = self._measure(pcm, _PCM)
            result = self._encode_below_limit(pcm, ogg, samples, level(measured, self._loudness, short=short))
            return Entry(_packets(ogg), result)

    def stream(self, file: Path, add: Callable[[bytes], object], trim: Trim = WHOLE) -> None:
        """The same, handed on packet by packet as soon as each is there: cut, but not levelled.

        Raises:
            FFmpegInputError: As for :meth:`encode`; some packets may have been handed on.
            FFmpegError: Likewise.
        """
        limit = round(self._max_seconds / PACKET_SECONDS) + 1
        reader, count = PacketReader(), -1  # the first is the run-up

        def consume(piece: bytes) -> None:
            nonlocal count
            for packet in reader.feed(piece):
                count += 1
                if count > limit:
                    raise FFmpegInputError(f"it is longer than {self._max_seconds:g} s")
                if count == 1 and packet == _NOTHING:
                    count = 0
                elif count > 0:
                    add(packet)

        output = self._source(file).output(
            "pipe:1",
            map="[all]",
            filter_complex=_with_run_up(_RUN_UPS[0], f"{_trimmed(trim)}{_CUT},{_STEREO},{_fade('in', 0, _FADE_IN)}"),
            page_duration=round(PACKET_SECONDS * 1e6),
            flush_packets=1,
            **self._opus,
        )
        try:
            self._ffmpeg.run(output, consume, file=file, urgent=True)
            if count <= 0:
                raise FFmpegInputError(SILENT)
            reader.finish()
        except OggError as error:
            raise FFmpegError(f"ffmpeg's Opus cannot be read ({error})") from error

    @property
    def _opus(self) -> dict[str, object]:
        return {
            "format": "opus",
            "map_metadata": -1,
            "acodec": "libopus",
            "audio_bitrate": f"{self._bitrate}k",
            "vbr": "on",
            "application": "lowdelay",
            "frame_duration": round(PACKET_SECONDS * 1000),
            "threads": 1,
        }

    def _source(self, file: Path) -> Any:
        """A file as input; what is longer than the limit is read one second past it, so that it can be told."""
        import ffmpeg  # noqa: PLC0415 - ten milliseconds that only this thread needs to wait for

        try:
            container = sniff(file)
        except OSError as error:
            raise FFmpegInputError(f"ffmpeg cannot read it ({error.strerror})") from error
        return ffmpeg.input(
            f"file:{os.path.abspath(file)}",  # noqa: PTH100 - resolve() would follow links
            format_whitelist=FORMATS,
            **({"f": container} if container else {}),
            protocol_whitelist="file",
            max_streams=MAX_STREAMS,
            threads=1,
            t=self._max_seconds + 1,
        )

    def _decode(self, file: Path, pcm: IO[bytes], trim: Trim) -> Loudness:
        filters = f"{_trimmed(trim)}{_CUT},{_STEREO},{_MEASURE}"
        output = self._source(file).output("pipe:1", map="0:a:0", af=filters, **_PCM)
        return _measured(self._ffmpeg.run(output, stdout=pcm, file=file, level="info"))

    def _heard_peak(self, ogg: IO[bytes]) -> float:
        """The highest true peak out of the decoder that there may be, dBTP: to 0.05 dB, and without the run-up's."""
        cut = f"atrim=start_sample={PACKET_SAMPLES - LOOKAHEAD}"
        return self._measure(ogg, {"format": "ogg"}, f"{cut},{_PAD}").peak + _PEAK_ROUNDING

    def _measure(self, sound: IO[bytes], kind: dict[str, object], before: str = _PAD) -> Loudness:
        """Measure what is our own; what is shorter than 0.4 s with silence after it."""
        import ffmpeg  # noqa: PLC0415

        sound.seek(0)
        output = ffmpeg.input("pipe:0", **kind).output("-", format="null", af=f"{before},{_MEASURE}")
        return _measured(self._ffmpeg.run(output, stdin=sound, level="info"))

    def _encode_below_limit(self, pcm: IO[bytes], ogg: IO[bytes], samples: int, planned: Level) -> Level:
        """Encode with the gain planned, or with less where Opus brings peaks above the limit.

        Only what Opus might bring there is measured again. What was lowered and is still above is lowered once more: to
        where nothing has to be measured.

        Returns:
            The level it has.
        """
        safe = round(PEAK_LIMIT - OVERSHOOT - planned.peak, 2)
        result, margin = planned, MARGIN
        while True:
            self._encode(pcm, ogg, samples, result.gain)
            if result.gain <= safe or (over := self._heard_peak(ogg) - PEAK_LIMIT) <= 0:
                return result
            result, margin = lowered(result, min(over + margin, result.gain - safe)), math.inf

    def _encode(self, pcm: IO[bytes], ogg: IO[bytes], samples: int, gain: float) -> None:
        packets = max(1, -(-(samples - LOOKAHEAD) // PACKET_SAMPLES))
        samples = min(samples, packets * PACKET_SAMPLES - LOOKAHEAD)
        fade_out = min(_FADE_OUT, samples // 4)
        filters = [
            f"volume={gain}dB:precision=float",
            f"atrim=end_sample={samples}",
            _fade("in", 0, min(_FADE_IN, samples // 4)),
            _fade("out", samples - fade_out, fade_out),
        ]
        graph = ",".join(filters)
        trial = {} if samples <= _TRIED_WHOLE * SAMPLE_RATE else {"t": 3 * PACKET_SECONDS}
        alone = next((run_up for run_up in _RUN_UPS if self._stands_alone(pcm, ogg, run_up, graph, **trial)), None)
        if trial or alone is None:
            self._run(pcm, ogg, alone or _RUN_UPS[0], graph)

    def _stands_alone(self, pcm: IO[bytes], ogg: IO[bytes], run_up: float, filters: str, **limit: float) -> bool:
        """Whether a decoder in any state would understand the sound's first packet after such a run-up."""
        self._run(pcm, ogg, run_up, filters, **limit)
        return stands_alone(_packets(ogg)[0])

    def _run(self, pcm: IO[bytes], ogg: IO[bytes], run_up: float, filters: str, **limit: float) -> None:
        import ffmpeg  # noqa: PLC0415

        pcm.seek(0)
        ogg.seek(0)
        ogg.truncate()
        graph = _with_run_up(run_up, filters)
        output = ffmpeg.input("pipe:0", **_PCM, **limit).output(
            "pipe:1", filter_complex=graph, map="[all]", **self._opus
        )
        self._ffmpeg.run(output, stdin=pcm, stdout=ogg)


def _trimmed(trim: Trim) -> str:
    if trim == WHOLE:
        return ""
    end = "" if trim.end is None else f":end={trim.end}"
    return f"atrim=start={trim.start}{end},asetpts=PTS-STARTPTS,"


def _with_run_up(height: float, filters: str) -> str:
    if height == 0:
        return f"[0:a:0]{filters},adelay={PACKET_SAMPLES}S:all=1[all]"  # the same, at less cost
    click = f"{height}*not(n-{PACKET_SAMPLES // 4})"
    source = f"aevalsrc={click}|{click}:s={SAMPLE_RATE}:n={PACKET_SAMPLES}:d={PACKET_SECONDS}:c=stereo"
    start = f"{source},atrim=end_sample={PACKET_SAMPLES},aformat=sample_fmts=flt[before]"
    return f"{start};[0:a:0]{filters}[sound];[before][sound]concat=v=0:a=1[all]"


def _packets(ogg: IO[bytes]) -> tuple[bytes, ...]:
    ogg.seek(0)
    try:
        return read_packets(ogg.read())[1:]  # without the run-up
    except OggError as error:
        raise FFmpegError(f"ffmpeg's Opus cannot be read ({error})") from error


def _measured(said: str) -> Loudness:
    try:
        return read_summary(said)
    except ValueError as error:
        raise FFmpegError(f"ffmpeg did not measure it ({error})") from error


def _fade(direction: str, start: int, samples: int) -> str:
    return f"afade=t={direction}:ss={start}:ns={samples}" if samples else "anull"


def _scratch(folder: Path) -> IO[bytes]:
    """A file without a name, gone with its last user, however that ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError:  # the cache cannot be written; what is encoded can be played all the same
        return tempfile.TemporaryFile()
