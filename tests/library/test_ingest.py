"""How files of unknown origin become sounds, and why some do not."""

import errno
import hashlib
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audio.samples import convert
from jeffbot.audio.encoder import Encoder
from jeffbot.audio.ffmpeg import FFmpeg, FFmpegInputError, find_ffmpeg
from jeffbot.audio.formats import FORMATS, sniff
from jeffbot.library.folder import SoundsFolder
from jeffbot.library.ingest import (
    ENDINGS,
    MAX_BYTES,
    MAX_CHARS,
    UNFINISHED,
    Checked,
    Ingest,
    IngestError,
    IngestLimits,
    clean_name,
    free_place,
    remove_unfinished,
)
from jeffbot.library.names import EXTENSIONS, fold
from jeffbot.models import GuildId, duration_of
from staging import write_tone

GUILD = GuildId(42)
PATIENCE = 20.0

type MakeIngest = Callable[..., Ingest]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """An empty sounds folder."""
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A file as it came: a tone, under a name that says nothing."""
    return write_tone(tmp_path / "came" / "upload.tmp", 440, seconds=0.2)


@pytest.fixture
def make_ingest(library: Path) -> MakeIngest:
    """An ingest into the library that believes every file to be a sound of one second, unless told otherwise."""

    def make(check: Callable[[Path], Checked] = lambda _: Checked(1.0, -16.0), max_seconds: float = 30.0) -> Ingest:
        limits = IngestLimits(max_bytes=1 << 20, max_seconds=max_seconds)
        return Ingest(SoundsFolder(library), sniff=sniff, check=check, limits=limits)

    return make


def everything(library: Path) -> list[str]:
    """All files of the library, hidden ones too."""
    return sorted(file.relative_to(library).as_posix() for file in library.rglob("*") if file.is_file())


# From a file to a sound


def test_becomes_a_sound(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """What is committed is what came, to the byte, and as it was described before; what came is left alone."""
    staged = make_ingest().stage(sent, "Airhorn.wav")
    path = staged.commit()

    assert path == staged.path == library / "Airhorn.wav"
    assert path.read_bytes() == sent.read_bytes()
    assert staged.sha256 == hashlib.sha256(sent.read_bytes()).hexdigest()
    assert (staged.size, staged.modified_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert staged.checked == Checked(1.0, -16.0)
    assert everything(library) == ["Airhorn.wav"]


def test_hidden_until_committed(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """Before it is committed it lies in the folder it is for, under a name that no scan takes for a sound."""
    staged = make_ingest().stage(sent, "a.wav")

    assert staged.temp.parent == library
    assert staged.temp.name.startswith(UNFINISHED)
    assert [*SoundsFolder(library).walk()] == []
    staged.discard()
    staged.discard()
    assert everything(library) == []


def test_outlives_a_power_failure(make_ingest: MakeIngest, sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its content is on disk before it has a name, and its name before commit returns."""
    synced: list[bool] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    staged = make_ingest().stage(sent, "a.wav")
    assert synced == [False]
    staged.commit()
    assert synced == [False, True]


def test_real_check(make_ingest: MakeIngest, tmp_path: Path, sent: Path) -> None:
    """With the real decoder, what is a sound goes in and what only begins like one is refused in words."""
    ffmpeg = FFmpeg(find_ffmpeg(None), timeout=PATIENCE, max_seconds=30)
    encoder = Encoder(ffmpeg, tmp_path / "scratch", max_seconds=30, loudness=-16, bitrate=96)

    def check(file: Path) -> Checked:
        try:
            entry = encoder.encode(file)
        except FFmpegInputError as error:
            raise IngestError(f"It cannot be played: {error}") from error
        return Checked(duration_of(entry.packets), None)

    broken = tmp_path / "broken"
    broken.write_bytes(sent.read_bytes()[:44])
    ingest = make_ingest(check)

    assert ingest.stage(sent, "tone.wav").checked.duration == pytest.approx(0.2, abs=0.02)
    with pytest.raises(IngestError, match="cannot be played"):
        ingest.stage(broken, "broken.wav")


@pytest.mark.parametrize("container", ENDINGS)
def test_extension_of_the_content(make_ingest: MakeIngest, sent: Path, container: str) -> None:
    """Each kind of file, made by ffmpeg, gets the extension that its bytes call for, whatever it was called."""
    usual = ENDINGS[container][0]
    made = f"made{usual}"
    convert("-i", sent.name, made, folder=sent.parent)

    assert make_ingest().stage(sent.with_name(made), "horn.exe").commit().name == f"horn.exe{usual}"


def test_guild_folder(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """A guild's first sound makes the folder of its library."""
    assert make_ingest().stage(sent, "a.wav", GUILD).commit() == library / "guild-42" / "a.wav"


def test_subfolder(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """A sound can be put into a folder of its library, and no further up, nor into another library."""
    staged = make_ingest().stage(sent, "a.wav", below="../horns\\guild-7/.loud./con")

    assert staged.commit() == library / "horns" / "loud" / "_con" / "a.wav"


def test_place_for_what_comes_back(library: Path) -> None:
    """A file that comes back gets its old name, or the next free one."""
    assert free_place(library / "gone" / "a.wav") == library / "gone" / "a.wav"
    assert free_place(library / "a.wav") == library / "a.wav"
    (library / "A.wav").touch()
    assert free_place(library / "a.wav") == library / "a (2).wav"


# Refusals


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<html>", "no sound file .* send one of aac, aiff, flac, mka, m4a, mp3, ogg, wav"),
        (b"#EXTM3U\nhttp://127.0.0.1/\n", "no sound file"),
        (b"RIFF....WAVE" + bytes(1 << 20), "larger than 1 MiB"),
    ],
)
def test_refused(make_ingest: MakeIngest, library: Path, sent: Path, content: bytes, words: str) -> None:
    """What is no sound, or too large, is refused in words, and nothing is left of it."""
    sent.write_bytes(content)

    with pytest.raises(IngestError, match=words):
        make_ingest().stage(sent, "a.wav")
    assert everything(library) == []


def test_too_long(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """What lasts longer than a sound may is refused."""
    with pytest.raises(IngestError, match=r"longer than 0\.5 s"):
        make_ingest(max_seconds=0.5).stage(sent, "a.wav")
    assert everything(library) == []


@pytest.mark.parametrize("error", [IngestError("It is silent"), RuntimeError("a fault of ours")])
def test_check_fails(make_ingest: MakeIngest, library: Path, sent: Path, error: Exception) -> None:
    """What the check says comes through as it is, and nothing is left."""

    def check(file: Path) -> Checked:
        assert file.read_bytes() == sent.read_bytes()
        raise error

    with pytest.raises(type(error), match=str(error)):
        make_ingest(check).stage(sent, "a.wav")
    assert everything(library) == []


def test_source_is_gone(make_ingest: MakeIngest, sent: Path) -> None:
    """A file that is not there any more, or is no file, is asked for again."""
    ingest = make_ingest()
    for file in (sent.with_name("gone"), sent.parent):
        with pytest.raises(IngestError, match="send it again"):
            ingest.stage(file, "a.wav")


@pytest.mark.parametrize("guild_id", [None, GUILD])
def test_folder_is_gone(make_ingest: MakeIngest, library: Path, sent: Path, guild_id: GuildId | None) -> None:
    """A sounds folder that is gone is not made anew behind the operator's back."""
    library.rmdir()

    with pytest.raises(IngestError, match="sounds folder is gone"):
        make_ingest().stage(sent, "a.wav", guild_id)
    assert not library.exists()


def test_folder_goes_before_commit(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """The same where it goes between the two steps."""
    staged = make_ingest().stage(sent, "a.wav", GUILD)
    staged.temp.unlink()
    staged.temp.parent.rmdir()

    with pytest.raises(IngestError, match="sounds folder is gone"):
        staged.commit()
    assert everything(library) == []


TROUBLE = """
import os, resource, sys
from pathlib import Path
from jeffbot.library.folder import SoundsFolder
from jeffbot.library.ingest import Checked, Ingest, IngestError, IngestLimits

source, library = map(Path, sys.argv[1:])
def check(file):
    return Checked(1.0, None)
limits = IngestLimits(max_bytes=1 << 20, max_seconds=1)
ingest = Ingest(SoundsFolder(library), sniff=lambda file: "wav", check=check, limits=limits)
{trouble}
try:
    ingest.stage(source, "a.wav")
except IngestError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="its limits and its rights are others")
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))", "The disk of the sounds folder is full"),
        ("os.geteuid() or os.setuid(65534)", "The bot may not write into the sounds folder"),
    ],
)
def test_disk_refuses(trouble: str, words: str) -> None:
    """A full disk and a folder that is not ours to write are told as such, with nothing left behind."""
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users
        library, source = Path(place) / "library", write_tone(Path(place) / "a.wav", 440, seconds=0.2)
        library.mkdir(mode=0o555 if "setuid" in trouble else 0o755)
        Path(place).chmod(0o755)
        ran = subprocess.run(
            [sys.executable, "-c", TROUBLE.format(trouble=trouble), source, library],
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

        assert (ran.stdout[: len(words)], ran.stderr) == (words, "")
        assert place not in ran.stdout
        assert everything(library) == []


# Names that are taken


def test_next_free_name(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """A name that is taken, in whatever case and Unicode form, is not taken again."""
    (library / "AIRHORN.WAV").touch()
    (library / unicodedata.normalize("NFD", "Bär.wav")).touch()
    ingest = make_ingest()

    names = [ingest.stage(sent, name).commit().name for name in ("airhorn.wav", "Airhorn.wav", "bär.wav")]
    assert names == ["airhorn (2).wav", "Airhorn (3).wav", "bär (2).wav"]


def test_taken_before_commit(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """A name that was free when the file was staged, and is taken when it is committed, is left to who took it."""
    staged = make_ingest().stage(sent, "a.wav")
    (library / "a.wav").write_text("theirs")

    assert staged.commit() == library / "a (2).wav"
    assert (library / "a.wav").read_text() == "theirs"


def test_freed_before_commit(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """It goes where it was said that it would go, also where a better name has become free meanwhile."""
    (library / "a.wav").touch()
    staged = make_ingest().stage(sent, "a.wav")
    (library / "a.wav").unlink()

    assert staged.commit() == staged.path == library / "a (2).wav"


def test_taken_at_the_last_moment(
    make_ingest: MakeIngest, library: Path, sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system decides: who puts a file there after we looked keeps it."""
    staged = make_ingest().stage(sent, "a.wav")
    link = os.link

    def late(source: Path, target: Path) -> None:
        if target.name == "a.wav":
            target.write_text("theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert staged.commit() == library / "a (2).wav"
    assert (library / "a.wav").read_text() == "theirs"


def test_race(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """Of many who want one name at once, in several cases, each gets one, and none overwrites another's."""
    ingest, count = make_ingest(), 8
    start = threading.Barrier(count)
    files = [sent.with_name(f"{number}") for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(sent.read_bytes() + bytes([number]))

    def put(file: Path) -> Path:
        staged = ingest.stage(file, "Horn.wav" if int(file.name) % 2 else "horn.wav")
        start.wait(PATIENCE)
        return staged.commit()

    with ThreadPoolExecutor(count) as pool:
        paths = [*pool.map(put, files)]

    assert [path.read_bytes() for path in paths] == [file.read_bytes() for file in files]
    assert len({fold(path.name) for path in paths}) == count
    assert everything(library) == sorted(path.name for path in paths)


@pytest.fixture(params=["links", "no links"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system with hard links, and one without."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no hard links here", source, None, target)

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)
    return str(request.param)


@pytest.mark.usefixtures("file_system")
def test_without_hard_links(make_ingest: MakeIngest, library: Path, sent: Path) -> None:
    """Without hard links files are put there likewise, and none is overwritten."""
    ingest = make_ingest()
    first, second = ingest.stage(sent, "a.wav"), ingest.stage(sent, "a.wav")

    assert [first.commit().name, second.commit().name] == ["a.wav", "a (2).wav"]
    assert everything(library) == ["a (2).wav", "a.wav"]


@pytest.mark.usefixtures("file_system")
def test_disk_fails_at_the_end(
    make_ingest: MakeIngest, library: Path, sent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that cannot be made to last is taken back."""
    staged = make_ingest().stage(sent, "a.wav")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(IngestError, match="Input/output error"):
        staged.commit()
    assert everything(library) == []


def test_leftovers(library: Path, sent: Path, make_ingest: MakeIngest) -> None:
    """What was left behind long ago is removed; what is under way, sounds and other hidden files are not."""
    old = time.time() - 4000
    for name in (f"{UNFINISHED}old", ".hidden", "sound.wav"):
        (library / name).touch()
        os.utime(library / name, (old, old))
    (library / f"{UNFINISHED}link").symlink_to(sent)
    os.utime(library / f"{UNFINISHED}link", (old, old), follow_symlinks=False)
    staged = make_ingest().stage(sent, "a.wav")

    remove_unfinished(library)
    remove_unfinished(library / "gone")

    assert everything(library) == sorted([".hidden", f"{UNFINISHED}link", "sound.wav", staged.temp.name])


# Names


def test_every_extension_has_its_container() -> None:
    """The table covers the containers that are let in and the extensions that are sounds."""
    assert ",".join(sorted(ENDINGS)) == FORMATS
    assert {ending for endings in ENDINGS.values() for ending in endings} == EXTENSIONS


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("airhorn.mp3", "airhorn.mp3"),
        ("Airhorn.MP3", "Airhorn.mp3"),
        ("airhorn.wav", "airhorn.mp3"),
        ("airhorn", "airhorn.mp3"),
        ("v1.2 final", "v1.2 final.mp3"),
        ("", "sound.mp3"),
        (".mp3", "sound.mp3"),
        ("...", "sound.mp3"),
        (".hidden.mp3", "hidden.mp3"),
        ("../../etc/passwd", "passwd.mp3"),
        ("C:\\temp\\horn.mp3", "horn.mp3"),
        ("horns/", "horns.mp3"),
        ("a:b*c?.mp3", "a b c.mp3"),
        ("tab\tand\nline.mp3", "tab and line.mp3"),
        ("nul\0l.mp3", "null.mp3"),
        ("exe\u202e3pm.mp3", "exe3pm.mp3"),
        ("zero\u200bwidth.mp\u200b3", "zerowidth.mp3"),
        ("con.mp3", "_con.mp3"),
        ("LPT¹ .x.mp3", "_LPT¹ .x.mp3"),
        ("console.mp3", "console.mp3"),
        ("a. .mp3", "a.mp3"),
        ("Ba\u0308r.mp3", "Bär.mp3"),
        ("\ud800lone.mp3", "lone.mp3"),
        ("x" * 300 + ".mp3", "x" * 96 + ".mp3"),
        ("x" * 95 + " y.mp3", "x" * 95 + ".mp3"),
        ("🎺" * 100 + ".mp3", "🎺" * 59 + ".mp3"),
    ],
)
def test_clean_names(name: str, clean: str) -> None:
    """What becomes of a name that somebody gives an MP3 file."""
    assert clean_name(name, "mp3") == clean


@settings(deadline=None)
@given(
    name=st.text(st.characters(codec=None), max_size=150) | st.text(" ./\\:cConN\u0301\u202e(2)mp3wav", max_size=150),
    container=st.sampled_from(sorted(ENDINGS)),
)
@example("\u0344" * 2000, "ogg")
@example("\ufb2c" * 200 + ".opus", "ogg")
def test_any_name(name: str, container: str) -> None:
    """Whatever is given, the name can be a file's on every system, and cleaning it again changes nothing."""
    clean = clean_name(name, container)

    stem, dot, extension = clean.rpartition(".")
    assert stem
    assert dot + extension in ENDINGS[container]
    assert len(clean) <= MAX_CHARS
    assert len(clean.encode()) <= MAX_BYTES
    assert unicodedata.is_normalized("NFC", clean)
    assert not set(clean) & set('/\\<>:"|?*')
    assert not [char for char in clean if unicodedata.category(char)[0] == "C"]
    assert clean[0] not in " ."
    assert stem[-1] not in " ."
    assert clean_name(clean, container) == clean
