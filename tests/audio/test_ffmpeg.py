"""ffmpeg: found, told what to do, and kept within bounds. The ffmpeg is real wherever it has to answer."""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jeffbot.audio.ffmpeg import FFmpeg, FFmpegError, find_ffmpeg
from jeffbot.audio.opus import read_packets
from jeffbot.errors import FFmpegMissingError
from staging import write_tone

PATIENCE = 20.0

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

type MakeProgram = Callable[..., Path]


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """Half a second of tone."""
    return write_tone(tmp_path / "sounds" / "tone.wav", 440, seconds=0.5)


@pytest.fixture
def ffmpeg() -> FFmpeg:
    """The real one."""
    return FFmpeg(find_ffmpeg(None), timeout=PATIENCE, max_seconds=60)


@pytest.fixture
def make_program(tmp_path: Path) -> MakeProgram:
    """Make a shell script that stands for ffmpeg."""

    def make(script: str, name: str = "fake ffmpeg") -> Path:
        program = tmp_path / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return make


class Signal:
    """A named pipe by which a script tells a test its process id."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self) -> int:
        """The id, once the script runs."""
        assert select.select([self.fd], [], [], PATIENCE)[0], "the script did not start"
        return int(os.read(self.fd, 100))


@pytest.fixture
def signal(tmp_path: Path) -> Iterator[Signal]:
    """The pipe ``running`` in the test's folder."""
    signal = Signal(tmp_path / "running")
    yield signal
    os.close(signal.fd)


HANG = "echo $$ > running; exec sleep 600"
"""A script that signals that it runs, and then does not end."""


def ended(process_id: int) -> bool:
    """Whether a process is gone, and not merely dead."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


# Encoding


def convert(*arguments: str, folder: Path) -> None:
    """Run the real ffmpeg as anyone would."""
    command = [str(find_ffmpeg(None)), "-v", "error", "-nostdin", "-y", *arguments]
    subprocess.run(command, cwd=folder, check=True, timeout=PATIENCE)


@pytest.mark.parametrize("extension", ["mp3", "wav", "ogg", "flac", "m4a", "opus", "aac", "webm", "aiff", "mka", "mp4"])
def test_formats(ffmpeg: FFmpeg, tone: Path, extension: str) -> None:
    """Every format becomes packets of its length."""
    file = tone.with_name(f"sound.{extension}")
    convert("-i", tone.name, file.name, folder=tone.parent)

    assert 25 <= len(read_packets(ffmpeg.encode(file))) <= 28


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(ffmpeg: FFmpeg, tone: Path, name: str) -> None:
    """A file's name is only ever a name: no option, pattern or protocol."""
    assert read_packets(ffmpeg.encode(tone.rename(tone.with_name(name))))


def test_relative_path(ffmpeg: FFmpeg, tone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may be relative, and begin with a dash."""
    monkeypatch.chdir(tone.parent)
    tone.rename("-i.wav")

    assert read_packets(ffmpeg.encode(Path("-i.wav")))


def test_long_sound_is_cut_past_the_limit(tone: Path) -> None:
    """What is longer than the limit is encoded for one second more, not to its end."""
    write_tone(tone, 440, seconds=5)
    stream = FFmpeg(find_ffmpeg(None), timeout=PATIENCE, max_seconds=1).encode(tone)

    assert 100 <= len(read_packets(stream)) <= 102


def test_censor_beep(ffmpeg: FFmpeg, tone: Path) -> None:
    """A WAV file whose samples happen to look like another format to ffmpeg is a WAV file all the same."""
    assert read_packets(ffmpeg.encode(write_tone(tone, 1000)))


SCRIPTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile {target}\n",
    "concat": "file {target}\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
}


TARGETS = ["private.mp3", "{folder}/private.mp3", "file:{folder}/private.mp3"]


def write_playlist(tone: Path, name: str, script: str, target: str) -> Path:
    """A playlist that points at ``private.mp3`` beside it."""
    convert("-i", tone.name, "private.mp3", folder=tone.parent)
    playlist = tone.with_name(name)
    playlist.write_text(SCRIPTS[script].format(target=target.format(folder=tone.parent)))
    return playlist


@pytest.mark.parametrize(("script", "name"), [("ffconcat", "list.mp3"), ("HLS", "list.m3u8")])
def test_playlists_work_elsewhere(tone: Path, script: str, name: str) -> None:
    """Without our restrictions ffmpeg follows such playlists, or the next test would show nothing."""
    playlist = write_playlist(tone, name, script, "private.mp3")
    convert("-i", playlist.name, "followed.wav", folder=tone.parent)

    assert tone.with_name("followed.wav").stat().st_size > 10_000


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["list.mp3", "list.wav", "list.m3u8"])
def test_playlists_are_refused(ffmpeg: FFmpeg, tone: Path, script: str, target: str, name: str) -> None:
    """A playlist under a sound's name brings nothing of the file it points at, not even that file's name."""
    with pytest.raises(FFmpegError) as caught:
        ffmpeg.encode(write_playlist(tone, name, script, target))

    assert "private" not in str(caught.value)


@pytest.mark.parametrize("name", ["plain.mp3", *ODD_NAMES])
@pytest.mark.parametrize("content", [b"", b"no audio " * 100, None], ids=["empty", "garbage", "gone"])
def test_reasons_name_no_path(ffmpeg: FFmpeg, tmp_path: Path, name: str, content: bytes | None) -> None:
    """What ffmpeg says of a file it cannot read is passed on without the file's place."""
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(FFmpegError, match="ffmpeg cannot read it") as caught:
        ffmpeg.encode(tmp_path / name)
    assert tmp_path.name not in str(caught.value)
    assert str(caught.value).isprintable()


# Bounds


def test_timeout_ends_the_process(make_program: MakeProgram, signal: Signal, tone: Path) -> None:
    """A run that takes too long is killed, and the reason says so."""
    hanging = FFmpeg(make_program(HANG), timeout=1, max_seconds=60)
    with pytest.raises(FFmpegError, match="not done within 1 s"):
        hanging.encode(tone)

    assert ended(signal.wait())


def test_close_ends_what_runs(make_program: MakeProgram, signal: Signal, tone: Path) -> None:
    """Closing kills what runs, at once, and lets nothing more start."""
    hanging = FFmpeg(make_program(HANG), timeout=600, max_seconds=60)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(hanging.encode, tone)
        process_id = signal.wait()
        hanging.close()
        with pytest.raises(FFmpegError):
            run.result(PATIENCE)

    assert ended(process_id)
    with pytest.raises(FFmpegError, match="shutting down"):
        hanging.encode(tone)


def test_timeout_of_a_wrapper(make_program: MakeProgram, tone: Path, tmp_path: Path) -> None:
    """The time limit holds as well where ffmpeg is a wrapper that starts the real one as its child."""
    wrapper = make_program("(sleep 2; touch child-ended) & wait")
    with pytest.raises(FFmpegError, match="not done"):
        FFmpeg(wrapper, timeout=0.5, max_seconds=60).encode(tone)

    assert not (tmp_path / "child-ended").exists()


# Finding


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program on PATH, and no ``jeffbot[bundled]``."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)


@pytest.mark.usefixtures("bare_machine")
def test_no_ffmpeg() -> None:
    """A machine without ffmpeg is told what to install."""
    with pytest.raises(FFmpegMissingError, match=r"apt install ffmpeg.*jeffbot\[bundled\].*JEFFBOT_FFMPEG"):
        find_ffmpeg(None)


@pytest.mark.usefixtures("bare_machine")
def test_ffmpeg_on_path(make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one on PATH is taken; a configured one is taken before it."""
    on_path, other = make_program("true", "bin/ffmpeg"), make_program("true")
    monkeypatch.setenv("PATH", str(on_path.parent))

    assert find_ffmpeg(None) == on_path
    assert find_ffmpeg(other) == other


def test_configured_ffmpeg_is_missing(tmp_path: Path) -> None:
    """A configured ffmpeg that is not there is an error, whatever else there is."""
    with pytest.raises(FFmpegMissingError, match=r"JEFFBOT_FFMPEG is .*no-ffmpeg"):
        find_ffmpeg(tmp_path / "no-ffmpeg")


def test_configured_ffmpeg_is_no_program(tmp_path: Path) -> None:
    """Nor is a file that cannot be run taken."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FFmpegMissingError):
        find_ffmpeg(tmp_path / "notes.txt")


# Checking


def test_check(ffmpeg: FFmpeg) -> None:
    """A good ffmpeg tells its version."""
    assert ffmpeg.check().startswith("ffmpeg version")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'ffmpeg version 0'; echo ' A....D aac  AAC'", "without libopus"),
        ("echo broken >&2; exit 1", "does not run"),
        ("kill -9 $$", "does not run"),
    ],
)
def test_unusable_ffmpeg(make_program: MakeProgram, script: str, reason: str) -> None:
    """An ffmpeg without libopus, or one that does not run, is told as such, with what to install."""
    with pytest.raises(FFmpegMissingError, match=rf"(?s){reason}.*Install ffmpeg"):
        FFmpeg(make_program(script), timeout=PATIENCE, max_seconds=60).check()


def test_ffmpeg_of_another_machine(tmp_path: Path) -> None:
    """So is a file that this machine cannot run."""
    program = tmp_path / "ffmpeg"
    shutil.copyfile(Path(__file__), program)
    program.chmod(0o755)

    with pytest.raises(FFmpegMissingError, match="does not run"):
        FFmpeg(program, timeout=PATIENCE, max_seconds=60).check()


def test_ffmpeg_goes_while_we_run(tone: Path, tmp_path: Path) -> None:
    """An ffmpeg that is gone by the time it is needed is an FFmpegError, as any failure."""
    with pytest.raises(FFmpegError):
        FFmpeg(tmp_path / "gone", timeout=PATIENCE, max_seconds=60).encode(tone)
