"""Files that would do harm: none reads another file, hangs, or takes more of the machine than its share."""

import asyncio
import os
import random
import struct
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from audio.samples import convert
from jeffbot.audio.bank import SoundBank
from jeffbot.audio.encoder import Encoder
from jeffbot.audio.ffmpeg import FFmpeg, FFmpegError, find_ffmpeg
from jeffbot.errors import UnplayableSoundError
from jeffbot.models import Sound
from staging import write_tone

PATIENCE = 20.0
MAX_SECONDS = 30.0


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    """The usual one, with the real ffmpeg."""
    ffmpeg = FFmpeg(find_ffmpeg(None), timeout=PATIENCE, max_seconds=MAX_SECONDS)
    return Encoder(ffmpeg, tmp_path / "scratch", max_seconds=MAX_SECONDS, loudness=-16, bitrate=96)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files are, with a sound in it that no other file may reach."""
    write_tone(tmp_path / "library" / "private.wav", 440, seconds=2)
    convert("-i", "private.wav", "private.mp3", folder=tmp_path / "library")
    return tmp_path / "library"


# Files that point at others

SCRIPTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
    "HLS map": '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI="{target}"\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n',
    "ffconcat": "ffconcat version 1.0\nfile {target}\n",
    "concat": "file {target}\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "SVG": '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    '<image xlink:href="{target}" width="10" height="10"/></svg>',
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "m3u": "{target}\n",
}
TARGETS = ["private.mp3", "{folder}/private.mp3", "file:{folder}/private.mp3"]
DISGUISES = {
    "none": b"",
    "ID3": b"ID3\x04\0\0\0\0\0\0",
    "UTF-8 mark": b"\xef\xbb\xbf",
    "UTF-16 mark": b"\xff\xfe",
    "MP3 frame": b"\xff\xfb\x90\0",
}
"""What a playlist may begin with, to be taken for a sound."""


def write_playlist(folder: Path, name: str, script: str, target: str) -> Path:
    """A playlist that points at ``private.mp3`` beside it."""
    playlist = folder / name
    playlist.write_text(SCRIPTS[script].format(target=target.format(folder=folder)))
    return playlist


@pytest.mark.parametrize(("script", "name"), [("ffconcat", "list.mp3"), ("HLS", "list.m3u8")])
def test_playlists_work_elsewhere(folder: Path, script: str, name: str) -> None:
    """Without our restrictions ffmpeg follows such playlists, or the next tests would show nothing."""
    playlist = write_playlist(folder, name, script, "private.mp3")
    convert("-i", playlist.name, "followed.wav", folder=folder)

    assert (folder / "followed.wav").stat().st_size > 10_000


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["list.mp3", "list.wav", "list.m3u8"])
def test_playlists_are_refused(encoder: Encoder, folder: Path, script: str, target: str, name: str) -> None:
    """A playlist under a sound's name brings nothing of the file it points at, not even that file's name."""
    with pytest.raises(FFmpegError) as caught:
        encoder.encode(write_playlist(folder, name, script, target))

    assert "private" not in str(caught.value)
    assert str(folder) not in str(caught.value)


@pytest.mark.parametrize("script", ["HLS", "ffconcat"])
@pytest.mark.parametrize("disguise", DISGUISES)
def test_disguised_playlists(encoder: Encoder, folder: Path, script: str, disguise: str) -> None:
    """Nor does one that begins like a sound; a stream of it brings nothing either."""
    playlist = write_playlist(folder, "list.mp3", script, TARGETS[1])
    playlist.write_bytes(DISGUISES[disguise] + playlist.read_bytes())
    packets: list[bytes] = []

    with pytest.raises(FFmpegError):
        encoder.encode(playlist)
    with pytest.raises(FFmpegError):
        encoder.stream(playlist, packets.append)
    assert packets == []


def test_movie_that_refers_to_another_file(encoder: Encoder, folder: Path) -> None:
    """A QuickTime file whose samples are said to lie in another file does not open that."""
    convert("-i", "private.wav", "-c:a", "pcm_s16le", "own.mov", folder=folder)
    movie = (folder / "own.mov").read_bytes()
    own = movie.index(b"url \0\0\0\1") - 4  # the data reference: "here", 12 bytes
    size = len(str(folder)) + 200
    elsewhere = (b"\0\0\0\0alis\0\0\0\0" + f"{folder}/private.wav".encode()).ljust(size, b"\0")
    (folder / "own.mov").write_bytes(movie[:own] + struct.pack(">I", size) + elsewhere[4:] + movie[own + 12 :])

    with pytest.raises(FFmpegError) as caught:
        encoder.encode(folder / "own.mov")
    assert "private" not in str(caught.value)


# Files that claim or hold too much


def write_wav(file: Path, data: bytes, declared: int) -> Path:
    """A WAV file of 16 bits, mono, that declares another length than it has."""
    form = struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16)
    head = b"RIFF" + struct.pack("<I", min(declared + 36, 0xFFFFFFFF)) + b"WAVEfmt " + struct.pack("<I", 16) + form
    file.write_bytes(head + b"data" + struct.pack("<I", min(declared, 0xFFFFFFFF)) + data)
    return file


def write_rf64(file: Path, data: bytes, declared: int) -> Path:
    """The same as RF64 (EBU Tech 3306), whose lengths have 64 bits."""
    form = struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16)
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, declared + 72, declared, declared // 2, 0)
    head = b"RF64\xff\xff\xff\xffWAVE" + ds64 + b"fmt " + struct.pack("<I", 16) + form + b"data\xff\xff\xff\xff"
    file.write_bytes(head + data)
    return file


def samples_of(file: Path) -> bytes:
    with wave.open(str(file)) as opened:
        return bytes(opened.readframes(opened.getnframes()))


@pytest.mark.parametrize("write", [write_wav, write_rf64])
@pytest.mark.parametrize("declared", [10**10, 2**32 - 1, 10**6, 5, 0])
def test_wrong_length(encoder: Encoder, folder: Path, write: Callable[[Path, bytes, int], Path], declared: int) -> None:
    """A file that declares 10 GB, or next to nothing, gives no more than it has, and at once."""
    file = write(folder / "odd.wav", samples_of(folder / "private.wav"), declared)
    began = time.monotonic()
    try:
        packets = encoder.encode(file).packets
    except FFmpegError:
        packets = ()

    assert len(packets) in ((0, 1, 100) if declared < 10**6 else (100,))
    assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("extension", ["mp3", "wav", "ogg", "flac", "m4a", "opus", "aac", "webm", "aiff"])
@pytest.mark.parametrize("kind", ["cut", "head", "zero-filled", "zeros", "noise"])
def test_damaged_file(encoder: Encoder, folder: Path, extension: str, kind: str) -> None:
    """A truncated, zero-filled or garbled file gives what is left of it or a reason, and takes no longer."""
    file = folder / f"damaged.{extension}"
    convert("-i", "private.wav", file.name, folder=folder)
    whole = file.read_bytes()
    half = len(whole) // 2
    damaged = {
        "cut": whole[:half],
        "head": whole[:50],
        "zero-filled": whole[:half] + bytes(half),
        "zeros": bytes(len(whole)),
        "noise": whole[:100] + random.Random(1).randbytes(2000) + whole[2100:],
    }[kind]
    file.write_bytes(damaged)
    reason = ""
    try:
        packets = encoder.encode(file).packets
    except FFmpegError as error:
        packets, reason = (), str(error)

    assert len(packets) <= 110
    assert str(folder) not in reason
    assert packets == () or kind in ("cut", "zero-filled", "noise")


def test_too_long_to_decode(encoder: Encoder, folder: Path) -> None:
    """A small file of hours is not decoded to its end."""
    convert("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=7200", "-c:a", "flac", "hours.flac", folder=folder)
    (folder / "hours.flac").rename(folder / "hours.mp3")
    began = time.monotonic()

    with pytest.raises(FFmpegError, match="it is silent"):
        encoder.encode(folder / "hours.mp3")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("extension", ["mka", "mp4", "ogg"])
def test_thousand_streams(encoder: Encoder, folder: Path, extension: str) -> None:
    """A file with a thousand streams is refused before time is spent on them, pressed or prepared."""
    codec = "flac" if extension == "ogg" else "aac"
    convert("-i", "private.wav", "-t", "0.1", "-c:a", codec, "one.mka", folder=folder)
    many = folder / f"many.{extension}"
    convert("-i", "one.mka", *["-map", "0:a"] * 1000, "-c", "copy", many.name, folder=folder)
    assert many.stat().st_size > 100_000

    for work in (encoder.encode, lambda file: encoder.stream(file, len)):
        began = time.monotonic()
        with pytest.raises(FFmpegError, match="too many streams"):
            work(many)
        assert time.monotonic() - began < 2


def test_some_streams(encoder: Encoder, folder: Path) -> None:
    """Of a file with several streams the first is played."""
    arguments = ["-i", "private.wav", "-f", "lavfi", "-i", "anullsrc=d=3", "-map", "0", *["-map", "1"] * 9]
    convert(*arguments, "some.mka", folder=folder)

    assert len(encoder.encode(folder / "some.mka").packets) == pytest.approx(100, abs=2)


@pytest.mark.parametrize("mebibytes", [20, 200])
def test_huge_cover(encoder: Encoder, folder: Path, mebibytes: int) -> None:
    """A sound with a huge picture in its tag plays, or is refused; the machine's memory is not filled."""
    picture = b"\0image/png\0\3\0" + bytes(mebibytes << 20)
    frame = b"APIC" + synchsafe(len(picture)) + b"\0\0" + picture
    sound = (folder / "private.mp3").read_bytes()
    (folder / "covered.mp3").write_bytes(b"ID3\4\0\0" + synchsafe(len(frame)) + frame + sound)
    try:
        assert len(encoder.encode(folder / "covered.mp3").packets) in range(100, 106)
    except FFmpegError as error:
        assert mebibytes > 100, error  # noqa: PT017 - either may happen


def synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no prlimit")
def test_memory_is_limited(encoder: Encoder, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file takes more memory than there may be used, it is refused and nothing else suffers."""
    monkeypatch.setattr("jeffbot.audio.process.MEMORY_BYTES", 1 << 20)

    with pytest.raises(FFmpegError):
        encoder.encode(folder / "private.wav")


# Files that never end


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
async def test_endless_files(tmp_path: Path, folder: Path, kind: str) -> None:
    """What gives bytes for ever, or never, is refused at once, pressed or prepared."""
    file = folder / "endless.wav"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    sound = Sound(file.name, file.name, str(file.parent), 1000, 0)
    ffmpeg = FFmpeg(find_ffmpeg(None), timeout=PATIENCE, max_seconds=MAX_SECONDS)
    bank = SoundBank(ffmpeg, tmp_path / "cache", encoders=1, memory_bytes=1 << 20, max_seconds=MAX_SECONDS)
    async with bank, asyncio.timeout(5):
        assert len((await bank.prepare([sound])).refused) == 1
        with pytest.raises(UnplayableSoundError, match="no regular file"):
            await bank.clip(sound)


def test_pipe_that_comes_late(encoder: Encoder, folder: Path) -> None:
    """A pipe put in a sound's place just before it is encoded is not waited for either."""
    os.mkfifo(folder / "late.wav")

    with pytest.raises(FFmpegError, match="no regular file"):
        encoder.encode(folder / "late.wav")
    with pytest.raises(FFmpegError, match="no regular file"):
        encoder.stream(folder / "late.wav", len)
