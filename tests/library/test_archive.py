"""What is unpacked of zips of unknown origin, and what is refused without a trace."""

import os
import stat
import struct
import unicodedata
import zipfile
from pathlib import Path
from typing import IO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jeffbot.library import archive
from jeffbot.library.archive import MAX_DEPTH, METADATA, ArchiveError, portable, unpack
from jeffbot.library.ingest import MAX_BYTES, MAX_CHARS
from jeffbot.library.names import EXTENSIONS, fold

LIMITS = {"max_bytes": 1 << 20, "max_files": 100, "max_file_bytes": 1 << 19}

type Content = dict[str, bytes]


def zipped(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of entries, named as they are."""
    with zipfile.ZipFile(path, "w", method) as out:
        for name, content in entries:
            out.writestr(name, content)
    return path


def renamed(path: Path, old: bytes, new: bytes) -> Path:
    """The zip with a name in it that Python would not write."""
    assert len(old) == len(new)
    path.write_bytes(path.read_bytes().replace(old, new))
    return path


def patched(path: Path, local: int, central: int, value: bytes) -> Path:
    """The zip with bytes in all its headers replaced, at places counted from their signatures."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset : at + offset + len(value)] = value
            at = content.find(signature, at + 4)
    path.write_bytes(content)
    return path


def files(folder: Path) -> Content:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refused(source: Path, **limits: int) -> str:
    """Why a zip is refused; nothing of it is left."""
    before = sorted(source.parent.rglob("*"))

    with pytest.raises(ArchiveError) as caught:
        unpack(source, source.parent / "into", **(LIMITS | limits))

    assert sorted(source.parent.rglob("*")) == before
    return str(caught.value)


# What is unpacked


def test_sounds_and_what_says_something_of_them(tmp_path: Path) -> None:
    """Sounds and metadata are unpacked to the byte, in their folders; programs, pictures and hidden files are not."""
    kept = {"memes/airhorn.mp3": b"horn", "Bruh.WAV": b"bruh", "db.json": b"{}"}
    others = {
        "run.exe": b"x",
        "cover.png": b"x",
        "inner.zip": b"PK",
        ".env": b"x",
        "__MACOSX/._a.mp3": b"x",
        ".x/a.mp3": b"",
    }
    source = zipped(tmp_path / "a.zip", *(kept | others).items())

    assert unpack(source, tmp_path / "into", **LIMITS) == []
    assert files(tmp_path / "into") == {"memes/airhorn.mp3": b"horn", "Bruh.wav": b"bruh", "db.json": b"{}"}


def test_nothing_else_is_left(tmp_path: Path) -> None:
    """Beside the zip and the folder there is no file that was needed on the way."""
    source = zipped(tmp_path / "a.zip", ("a.mp3", b"a"))

    unpack(source, tmp_path / "into", **LIMITS)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "into"]


def test_place_is_taken(tmp_path: Path) -> None:
    """What is there already is not touched."""
    source = zipped(tmp_path / "a.zip", ("a.mp3", b"a"))
    (tmp_path / "into").mkdir()

    with pytest.raises(FileExistsError):
        unpack(source, tmp_path / "into", **LIMITS)

    assert files(tmp_path / "into") == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CON.mp3", "_CON.mp3"),
        ("aux.b.mp3", "_aux.b.mp3"),
        ("memes./lol .mp3", "memes/lol.mp3"),
        ("nul/a.mp3", "_nul/a.mp3"),
        ("what?.mp3", "what.mp3"),
        ("Cafe\u0301.mp3", "Café.mp3"),
        ("guild-42/a.mp3", "_guild-42/a.mp3"),
        ("guild-meeting.mp3", "guild-meeting.mp3"),
        ("\u202egnp.mp3", "gnp.mp3"),
    ],
)
def test_names_that_not_every_system_takes(tmp_path: Path, name: str, expected: str) -> None:
    """They are unpacked under names that every system takes, and that lead into no guild's library."""
    unpack(zipped(tmp_path / "a.zip", (name, b"a")), tmp_path / "into", **LIMITS)

    assert list(files(tmp_path / "into")) == [expected]


@pytest.mark.parametrize("name", ["big.mp3", "db.json"])
def test_one_file_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is left out with a sentence, and the others come."""
    monkeypatch.setattr(archive, "MAX_METADATA_BYTES", 1000)
    source = zipped(tmp_path / "a.zip", (name, os.urandom(1001)), ("a.mp3", b"a"))

    (sentence,) = unpack(source, tmp_path / "into", **(LIMITS | {"max_file_bytes": 1000}))

    assert name in sentence
    assert "larger than" in sentence
    assert files(tmp_path / "into") == {"a.mp3": b"a"}


# What is refused


@pytest.mark.parametrize(
    "name",
    [
        "/etc/a.mp3",
        "../a.mp3",
        "a/../../b.mp3",
        "C:/a.mp3",
        "c:a.mp3",
        "./a.mp3",
        "a//b.mp3",
        "d/" * MAX_DEPTH + "a.mp3",
    ],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    """Absolute names, drives, ways up and very deep ones are refused."""
    assert "not safe" in refused(zipped(tmp_path / "a.zip", (name, b"a")))


@pytest.mark.parametrize("name", ["..\\..\\a.mp3", "a.mp3\0.exe", "\\\\h\\s\\a.mp3"])
def test_names_that_python_does_not_write(tmp_path: Path, name: str) -> None:
    """Backslashes are refused, and a NUL that hides the end of a name."""
    source = zipped(tmp_path / "a.zip", ("x" * len(name), b"a"))

    assert "not safe" in refused(renamed(source, b"x" * len(name), name.encode()))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(tmp_path: Path, kind: int) -> None:
    """Entries that are no plain files are refused."""
    entry = zipfile.ZipInfo("a.mp3")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16

    assert "without links" in refused(zipped(tmp_path / "a.zip", (entry, b"/etc/passwd")))


def test_encrypted(tmp_path: Path) -> None:
    """A password is not asked for."""
    source = patched(zipped(tmp_path / "a.zip", ("a.mp3", b"a")), 6, 8, b"\x01\x00")

    assert "password" in refused(source)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods(tmp_path: Path, method: int) -> None:
    """Methods whose memory the zip decides on are refused."""
    assert "ordinary" in refused(zipped(tmp_path / "a.zip", ("a.mp3", b"a"), method=method))


@pytest.mark.parametrize(
    "names",
    [
        ("a.mp3", "A.MP3"),
        ("Caf\u00e9.mp3", "cafe\u0301.mp3"),
        ("stra\u00dfe.mp3", "STRASSE.mp3"),
        ("a?.mp3", "a*.mp3"),
        ("a.mp3", "a.mp3/b.mp3"),
        ("A.mp3/b.mp3", "a.mp3"),
    ],
)
def test_names_that_collide(tmp_path: Path, names: tuple[str, str]) -> None:
    """Files that some system would take for the same are refused."""
    assert "two files" in refused(zipped(tmp_path / "a.zip", *((name, b"a") for name in names)))


def test_the_same_folder_twice(tmp_path: Path) -> None:
    """Files in one folder do not collide, whatever the case of its name."""
    source = zipped(tmp_path / "a.zip", ("m/a.mp3", b"a"), ("m/b.mp3", b"b"), ("M/c.mp3", b"c"))

    unpack(source, tmp_path / "into", **LIMITS)

    assert sorted(files(tmp_path / "into").values()) == [b"a", b"b", b"c"]


def test_overlapping_entries(tmp_path: Path) -> None:
    """Entries that share their bytes are refused, as those of the smallest bombs do."""
    alone = zipped(tmp_path / "a.zip", ("b.mp3", b"b" * 100), method=zipfile.ZIP_STORED).read_bytes()
    inner = alone[: alone.index(b"PK\x01\x02")]
    source = zipped(tmp_path / "a.zip", ("a.mp3", inner), ("b.mp3", b"b" * 100), method=zipfile.ZIP_STORED)
    content = bytearray(source.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 42
    content[at : at + 4] = struct.pack("<L", content.index(inner))
    source.write_bytes(content)

    assert "damaged" in refused(tmp_path / "a.zip")


def test_too_many_files(tmp_path: Path) -> None:
    """More files than are taken are refused; what would not be unpacked does not count."""
    others = [(f"{number}.png", b"") for number in range(5)]
    source = zipped(tmp_path / "a.zip", *((f"{number}.mp3", b"") for number in range(3)), *others)

    assert "more than 2 files" in refused(source, max_files=2)
    assert unpack(source, tmp_path / "into", **(LIMITS | {"max_files": 3})) == []


def test_more_than_is_taken(tmp_path: Path) -> None:
    """Sounds that are too much together are refused."""
    source = zipped(tmp_path / "a.zip", *((f"{number}.mp3", os.urandom(1000)) for number in range(3)))

    assert "unpacks to more" in refused(source, max_bytes=2999)
    assert unpack(source, tmp_path / "into", **(LIMITS | {"max_bytes": 3000})) == []


def test_headers_that_lie(tmp_path: Path) -> None:
    """What counts is what is written: sizes in the headers do not open the bounds."""
    source = zipped(tmp_path / "a.zip", ("a.mp3", bytes(1 << 20)))
    patched(source, 22, 24, struct.pack("<L", 10))

    assert "damaged" in refused(source)


def test_bomb_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip that grows a thousand times is stopped by what it is, long before the bounds."""
    monkeypatch.setattr(archive, "_FREE_BYTES", 1 << 20)
    source = zipped(tmp_path / "a.zip", *((f"{number}.mp3", bytes(1 << 20)) for number in range(8)))
    begun: list[str] = []
    begin = zipfile.ZipFile.open

    def counted(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> IO[bytes]:
        begun.append(entry.filename)
        return begin(opened, entry)

    monkeypatch.setattr(zipfile.ZipFile, "open", counted)

    assert "unpacks to more" in refused(source, max_bytes=1 << 40, max_file_bytes=1 << 40)
    assert begun == ["0.mp3", "1.mp3"]


def test_left_out_bytes_count(tmp_path: Path) -> None:
    """What is unpacked only to be left out counts, too."""
    source = zipped(tmp_path / "a.zip", *((f"{number}.mp3", os.urandom(2000)) for number in range(3)))

    assert "unpacks to more" in refused(source, max_file_bytes=1000, max_bytes=1500)


def test_huge_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that would fill the memory is not read."""
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", 100_000)
    source = zipped(tmp_path / "a.zip", *((f"{number}.txt", b"") for number in range(3000)))

    assert "too many files" in refused(source)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all", b"PK\x05\x06" + b"\xff" * 18, bytes(100_000)])
def test_no_zip(tmp_path: Path, content: bytes) -> None:
    """What is no zip is refused."""
    (tmp_path / "a.zip").write_bytes(content)

    assert "damaged" in refused(tmp_path / "a.zip")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes on disk")
def test_pipe(tmp_path: Path) -> None:
    """A pipe that nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "a.zip")

    assert "no regular file" in refused(tmp_path / "a.zip")


def test_damaged(tmp_path: Path) -> None:
    """A file whose checksum is wrong is not taken, nor are those before it."""
    source = zipped(tmp_path / "a.zip", ("a.mp3", b"right"), ("b.mp3", b"wrong"), method=zipfile.ZIP_STORED)
    source.write_bytes(source.read_bytes().replace(b"wrong", b"other"))

    assert "damaged" in refused(source)


@given(st.data())
@settings(max_examples=150)
def test_mangled(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever bytes are changed, a zip is unpacked or refused, and nothing is written outside."""
    folder = tmp_path_factory.mktemp("mangled")
    content = bytearray(zipped(folder / "a.zip", ("a/b.mp3", b"b" * 50), ("c.json", b"{}")).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "a.zip").write_bytes(content)

    try:
        unpack(folder / "a.zip", folder / "into", **LIMITS)
    except ArchiveError:
        assert [path.name for path in folder.iterdir()] == ["a.zip"]
    else:
        assert sorted(path.name for path in folder.iterdir()) == ["a.zip", "into"]


# Names


@given(
    st.text(max_size=300) | st.text("./\\ ~conaux:\u0301é\u202e\ud800", max_size=40),
    st.sampled_from(["", ".mp3", ".WAV", ".json"]),
)
@example("..", ".mp3")
@example("", "")
@example("CON", ".mp3")
@settings(max_examples=300)
def test_portable(text: str, extension: str) -> None:
    """Any text becomes a path below, of parts that every system takes, and stays so."""
    path = portable(text + extension)

    assert portable(path) == path
    assert unicodedata.is_normalized("NFC", path)
    assert not path.startswith("/")
    for part in path.split("/"):
        assert part
        assert part == part.strip(" .")
        assert not set(part) & set('\\:*?"<>|\0')
        assert len(part) <= MAX_CHARS + 8
        assert len(part.encode()) <= MAX_BYTES + 8
    assert all(not fold(folder).startswith("guild-") for folder in path.split("/")[:-1])


@pytest.mark.parametrize("extension", sorted(EXTENSIONS | METADATA))
def test_portable_keeps_extensions(extension: str) -> None:
    """Files stay what they are."""
    assert portable(f"a/b{extension.upper()}") == f"a/b{extension}"
