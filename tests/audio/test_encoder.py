"""From files to packets: every format, any length, cut, levelled, and without clicks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio.samples import PATIENCE, RATE, convert, decode, measure, read, synthesise
from jeffbot.audio.encoder import LEAD, Encoder
from jeffbot.audio.ffmpeg import FFmpeg, FFmpegError, FFmpegInputError, find_ffmpeg
from jeffbot.audio.loudness import PEAK_LIMIT, Verdict
from jeffbot.audio.opus import SILENCE
from jeffbot.library.folder import shipped_sounds
from jeffbot.models import PACKET_SECONDS
from staging import write_tone

TARGET = -16.0
"""LUFS."""
CLICK = 0.03
"""A step between neighbouring samples that is heard as a click where there is silence beside it."""
SHIPPED = sorted(file for file in shipped_sounds().iterdir() if file.suffix not in (".py", ".md", ""))

ODD_NAMES = [
    "-version.wav",
    "two words.wav",
    "größe 🎺.wav",
    "%d.wav",
    "%03d.wav",
    "http:host.wav",
    "pipe:0.wav",
    "concat:a|b.wav",
    "line\nbreak.wav",
    "quote'\".wav",
    "back\\slash.wav",
    "*.wav",
    "\x01\x1b[31m.wav",
]

type MakeEncoder = Callable[..., Encoder]


@pytest.fixture
def make_encoder(tmp_path: Path) -> MakeEncoder:
    """Make an encoder with the real ffmpeg; words are its settings."""

    def make(max_seconds: float = 60, loudness: float = TARGET, bitrate: int = 96) -> Encoder:
        ffmpeg = FFmpeg(find_ffmpeg(None), timeout=PATIENCE, max_seconds=max_seconds)
        return Encoder(ffmpeg, tmp_path / "scratch", max_seconds=max_seconds, loudness=loudness, bitrate=bitrate)

    return make


@pytest.fixture
def encoder(make_encoder: MakeEncoder) -> Encoder:
    """The usual one."""
    return make_encoder()


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """Half a second of tone."""
    return write_tone(tmp_path / "sounds" / "tone.wav", 440, seconds=0.5)


# Files


@pytest.mark.parametrize("extension", ["mp3", "wav", "ogg", "flac", "m4a", "opus", "aac", "webm", "aiff", "mka", "mp4"])
def test_formats(encoder: Encoder, tone: Path, extension: str) -> None:
    """Every format becomes packets of its length."""
    file = tone.with_name(f"sound.{extension}")
    convert("-i", tone.name, file.name, folder=tone.parent)

    assert 25 <= len(encoder.encode(file).packets) <= 28


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-ac", "1"], id="mono"),
        pytest.param(["-ac", "6", "-channel_layout", "5.1"], id="5.1"),
        pytest.param(["-ar", "8000"], id="8 kHz"),
        pytest.param(["-ar", "192000"], id="192 kHz"),
        pytest.param(["-c:a", "pcm_f64le"], id="64 bits"),
        pytest.param(["-c:a", "pcm_u8"], id="8 bits"),
    ],
)
def test_odd_audio(encoder: Encoder, tone: Path, options: list[str]) -> None:
    """Any sample rate and number of channels becomes the same loudness and length."""
    convert("-i", tone.name, *options, "odd.wav", folder=tone.parent)
    entry = encoder.encode(tone.with_name("odd.wav"))

    assert len(entry.packets) == 25
    assert measure(decode(entry.packets), tone.parent).loudness == pytest.approx(TARGET, abs=1)


@pytest.mark.parametrize("extension", ["mp3", "flac", "m4a"])
def test_cover_art(encoder: Encoder, tone: Path, extension: str) -> None:
    """A picture in the file is not looked at."""
    convert("-f", "lavfi", "-i", "color=red:s=3000x3000:d=0.04", "cover.png", folder=tone.parent)
    arguments = [
        "-i",
        tone.name,
        "-i",
        "cover.png",
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
    ]
    convert(*arguments, f"covered.{extension}", folder=tone.parent)

    assert 25 <= len(encoder.encode(tone.with_name(f"covered.{extension}")).packets) <= 28


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(encoder: Encoder, tone: Path, name: str) -> None:
    """A file's name is only ever a name: no option, pattern or protocol."""
    assert encoder.encode(tone.rename(tone.with_name(name)))


def test_relative_path(encoder: Encoder, tone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may be relative, and begin with a dash."""
    monkeypatch.chdir(tone.parent)
    tone.rename("-i.wav")

    assert encoder.encode(Path("-i.wav"))


def test_censor_beep(encoder: Encoder, tone: Path) -> None:
    """A WAV file whose samples happen to look like another format to ffmpeg is a WAV file all the same."""
    assert encoder.encode(write_tone(tone, 1000))


@pytest.mark.parametrize("name", ["plain.mp3", *ODD_NAMES])
@pytest.mark.parametrize("content", [b"", b"no audio " * 100, None], ids=["empty", "garbage", "gone"])
def test_reasons_name_no_path(encoder: Encoder, tmp_path: Path, name: str, content: bytes | None) -> None:
    """What ffmpeg says of a file it cannot read is passed on without the file's place."""
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(FFmpegInputError, match="ffmpeg cannot read it") as caught:
        encoder.encode(tmp_path / name)
    assert tmp_path.name not in str(caught.value)
    assert str(caught.value).isprintable()


def test_long_sound(encoder: Encoder, make_encoder: MakeEncoder, tone: Path) -> None:
    """A long file is encoded to its end, and refused where that is too long."""
    arguments = ["-f", "lavfi", "-i", "sine=440:d=90", "-b:a", "32k", "-ac", "1", "-ar", "16000", "long.mp3"]
    convert(*arguments, folder=tone.parent)

    with pytest.raises(FFmpegInputError, match="it is longer than 60 s"):
        encoder.encode(tone.with_name("long.mp3"))
    assert len(make_encoder(max_seconds=91).encode(tone.with_name("long.mp3")).packets) == pytest.approx(4500, abs=5)


# Length


@pytest.mark.parametrize("samples", [1, 2, 3, 100, 119, 120, 121, 839, 840, 841, 959, 960, 961, 1080, 1081, 4800])
def test_length(encoder: Encoder, tone: Path, samples: int) -> None:
    """A sound of any length, down to a single sample, gives the packets nearest to it: 17.5 ms more, 2.5 ms less."""
    synthesise(tone, "0.5*cos(1000*t)", samples / RATE)
    packets = encoder.encode(tone).packets

    assert len(read(tone)) == samples
    assert -122 <= len(packets) * 960 - samples <= 959
    assert np.abs(decode(packets)).max() > 0.01


@pytest.mark.parametrize("milliseconds", [0, 5, 10, 15, 300, 1500])
def test_leading_silence(encoder: Encoder, tone: Path, milliseconds: int) -> None:
    """Of silence before a sound 10 ms stay, whether digital or noise below -50 dB; silence after it stays."""
    lead = milliseconds / 1000
    synthesise(tone, f"if(lt(t,{lead}),0.001*random(0),0.5*sin(3000*t)*lt(t,{lead + 0.5}))", lead + 1)
    heard = decode(encoder.encode(tone).packets)
    start = np.flatnonzero(np.abs(heard).max(axis=1) > 0.03)[0] / RATE

    assert start == pytest.approx(min(lead, LEAD), abs=0.004)
    assert len(heard) / RATE == pytest.approx(1 + min(lead, LEAD), abs=PACKET_SECONDS)


# Level


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_sounds(encoder: Encoder, tmp_path: Path, file: Path) -> None:
    """Every shipped sound becomes as loud as the others, no more than its peaks allow, and as long as it was."""
    copy = tmp_path / file.name
    copy.write_bytes(file.read_bytes())
    entry = encoder.encode(copy)
    heard = decode(entry.packets)
    loudness, peak = measure(heard, tmp_path)
    source = read(copy)
    audible = np.flatnonzero(np.abs(source).max(axis=1) > 10 ** (-50 / 20))[0]
    cut = max(0, audible / RATE - LEAD)

    assert peak <= PEAK_LIMIT
    assert loudness == pytest.approx(TARGET, abs=1) or (entry.level.verdict is Verdict.PEAK and peak > PEAK_LIMIT - 1)
    assert len(heard) / RATE == pytest.approx(len(source) / RATE - cut, abs=PACKET_SECONDS)


@pytest.mark.parametrize("loudness", [-30, -20, -12])
def test_loudness_is_a_setting(make_encoder: MakeEncoder, tone: Path, loudness: float) -> None:
    """Sounds become as loud as they are asked to be."""
    write_tone(tone, 440, seconds=2)
    entry = make_encoder(loudness=loudness).encode(tone)

    assert entry.level.verdict is Verdict.LEVELLED
    assert measure(decode(entry.packets), tone.parent).loudness == pytest.approx(loudness, abs=0.3)


LOUD_AND_SHORT = "0.2*sin(3000*t)*exp(-50*mod(t,1))+0.2*random(0)*exp(-400*mod(t,1))"
"""Hits with much silence between them: peaks far above their loudness."""


@pytest.mark.parametrize("expression", [LOUD_AND_SHORT, "0.5*random(0)*exp(-30*mod(t,0.5))"], ids=["hits", "snare"])
def test_peak_limit(encoder: Encoder, tone: Path, expression: str) -> None:
    """A sound whose peaks do not allow more stays quieter; decoded, its true peak is just below the limit."""
    entry = encoder.encode(synthesise(tone, expression, 3))
    loudness, peak = measure(decode(entry.packets), tone.parent)

    assert entry.level.verdict is Verdict.PEAK
    assert loudness < TARGET - 1
    assert PEAK_LIMIT - 1 < peak <= PEAK_LIMIT


RAISED = ["rimshot.mp3", "boing.mp3", "drum_roll.mp3"]
"""Sounds that Opus gives higher peaks."""


@pytest.mark.parametrize("name", RAISED)
def test_peaks_that_opus_raises(make_encoder: MakeEncoder, tmp_path: Path, name: str) -> None:
    """Where Opus would bring peaks above the limit, the sound becomes quieter by as much and little more."""
    entry = make_encoder(loudness=-10).encode(shipped_sounds() / name)

    assert entry.level.verdict is Verdict.PEAK
    assert entry.level.peak + entry.level.gain < PEAK_LIMIT - 0.5
    assert PEAK_LIMIT - 1 < measure(decode(entry.packets), tmp_path).peak <= PEAK_LIMIT


@pytest.mark.parametrize("name", RAISED)
def test_peaks_that_opus_raises_again(
    make_encoder: MakeEncoder, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where lowering it does not lower its peaks as far, it is lowered once more, far enough."""
    monkeypatch.setattr("jeffbot.audio.encoder.MARGIN", -0.2)
    entry = make_encoder(loudness=-10).encode(shipped_sounds() / name)

    assert measure(decode(entry.packets), tmp_path).peak <= PEAK_LIMIT


def test_peaks_before_the_first_packet(encoder: Encoder, tone: Path) -> None:
    """What is encoded before a sound and left out again counts for nothing: clicks are as loud as their peaks allow."""
    entry = encoder.encode(synthesise(tone, "lt(mod(t,0.1),0.0001)", 2))

    assert entry.level.verdict is Verdict.PEAK
    assert PEAK_LIMIT - 1 < measure(decode(entry.packets), tone.parent).peak <= PEAK_LIMIT


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2, 0.39])
def test_short_sound(encoder: Encoder, tone: Path, seconds: float) -> None:
    """A sound too short to have a loudness is as loud as one that silence makes long enough, and it is said so."""
    entry = encoder.encode(synthesise(tone, "0.1*sin(3000*t)", seconds))
    padded = np.concatenate([decode(entry.packets), np.zeros((RATE // 2, 2))])[: int(0.4 * RATE) + 960]
    loudness, peak = measure(padded, tone.parent)

    assert entry.level.verdict is Verdict.SHORT
    assert loudness == pytest.approx(TARGET, abs=1.2)
    assert peak <= PEAK_LIMIT


@pytest.mark.parametrize("amplitude", [0.004, 0.9])
def test_quiet_and_loud(encoder: Encoder, tone: Path, amplitude: float) -> None:
    """A sound near the floor and one at full scale come out alike."""
    entry = encoder.encode(synthesise(tone, f"{amplitude}*sin(3000*t)", 1))

    assert measure(decode(entry.packets), tone.parent).loudness == pytest.approx(TARGET, abs=0.5)


@pytest.mark.parametrize("expression", ["0", "0.002*sin(3000*t)"], ids=["digital", "below -50 dB"])
def test_silence(encoder: Encoder, tone: Path, expression: str) -> None:
    """What is silent throughout is refused, and says why."""
    with pytest.raises(FFmpegInputError, match="it is silent: nothing in it is louder than -50 dB"):
        encoder.encode(synthesise(tone, expression, 1))


# Clicks


@pytest.mark.parametrize("seconds", [0.5, 0.501, 0.5125, 0.519])
@pytest.mark.parametrize("hertz", [50, 440])
def test_no_click_at_start_and_end(encoder: Encoder, tone: Path, hertz: float, seconds: float) -> None:
    """A tone cut out of the middle begins and ends softly, wherever in a packet it ends."""
    packets = encoder.encode(synthesise(tone, f"0.5*cos({hertz}*2*PI*t)", seconds)).packets
    pcm = decode([*packets, SILENCE])
    steps = np.abs(np.diff(pcm, axis=0, prepend=0)).max(axis=1)

    assert steps[:200].max() < CLICK
    assert steps[-1200:].max() < CLICK
    assert np.abs(pcm[-840:]).max() < 0.005  # the last 2.5 ms of the delay are over


BEGINNINGS = {
    "soft": "0.006*sin(2764*t)",
    "hiss": "0.01*random(0)",
    "loud": "sin(2764*t)",
    "noise": "0.5*random(0)",
    "fading in": "0.3*sin(2764*t)*min(1,10*t)",
}


@pytest.mark.parametrize("before", ["silence", "another sound"])
@pytest.mark.parametrize("beginning", [*BEGINNINGS, "airhorn.mp3", "crickets.ogg", "rimshot.mp3", "drum_roll.mp3"])
def test_whatever_was_heard_before(encoder: Encoder, tone: Path, beginning: str, before: str) -> None:
    """A sound begins as loud for a decoder that has heard silence, or another sound, as for a fresh one."""
    if beginning in BEGINNINGS:
        packets = encoder.encode(synthesise(tone, BEGINNINGS[beginning], 0.5)).packets
    else:
        packets = encoder.encode(shipped_sounds() / beginning).packets
    other = encoder.encode(shipped_sounds() / "airhorn.mp3").packets[20:40]
    earlier = [SILENCE] * 5 if before == "silence" else list(other)
    fresh, later = decode(packets), decode([*earlier, *packets])[len(earlier) * 960 :]

    for start in range(480, 4800, 960):  # past what is left of the packet before
        loud, as_loud = (np.sqrt((heard[start : start + 480] ** 2).mean()) for heard in (later, fresh))
        assert 20 * np.log10((loud + 0.003) / (as_loud + 0.003)) == pytest.approx(0, abs=1)


# Streamed


def test_stream(encoder: Encoder, tone: Path) -> None:
    """A stream has the same sound, cut but not levelled, with one packet more at most."""
    synthesise(tone, "if(lt(t,0.7),0,0.02*sin(3000*t))", 2)
    packets: list[bytes] = []
    encoder.stream(tone, packets.append)

    assert 0 <= len(packets) - len(encoder.encode(tone).packets) <= 1
    assert np.abs(decode(packets)).max() == pytest.approx(0.02, abs=0.005)


def test_stream_is_handed_on_as_it_comes(make_encoder: MakeEncoder, tone: Path) -> None:
    """The first packet is there while ffmpeg still runs."""
    write_tone(tone, 440, seconds=30)

    def stop(_: bytes) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        make_encoder().stream(tone, stop)


def test_stream_of_a_long_sound(make_encoder: MakeEncoder, tone: Path) -> None:
    """A stream ends at the limit, and says why."""
    packets: list[bytes] = []
    with pytest.raises(FFmpegInputError, match="it is longer than 1 s"):
        make_encoder(max_seconds=1).stream(write_tone(tone, 440, seconds=5), packets.append)

    assert len(packets) == pytest.approx(50, abs=1)


@pytest.mark.parametrize("content", [b"no audio", b"OggS but no more", bytes(5000)], ids=["text", "half", "zeros"])
def test_stream_of_no_sound(encoder: Encoder, tone: Path, content: bytes) -> None:
    """A stream of what is no sound gives no packet but a reason."""
    tone.write_bytes(content)
    packets: list[bytes] = []
    with pytest.raises(FFmpegError, match="ffmpeg cannot read it"):
        encoder.stream(tone, packets.append)

    assert packets == []
