"""What is read of other soundboards' collections and of our own export, and that nothing else is."""

import contextlib
import errno
import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.errors import BadDetailsError
from jeffbot.library.archive import ArchiveError, portable
from jeffbot.library.details import clean
from jeffbot.library.layouts import Arrival, Collection, CollectionError, Limits, Writer, opened, own, read, recognise
from jeffbot.library.layouts.arrivals import Known
from jeffbot.models import MAX_GAIN, Details, Retrigger, UserId

type Fill = Callable[..., Path]

ANNA, BEN = UserId(80351110224678912), UserId(1 << 62)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the name of no collection."""
    made = tmp_path / "came"
    made.mkdir()
    return made


@pytest.fixture
def fill(folder: Path) -> Fill:
    """Puts files into the folder; each sound holds its own name."""

    def put(*sounds: str, **others: str | bytes | object) -> Path:
        for name in sounds:
            write(folder / name, name.encode())
        for name, content in others.items():
            whole = content if isinstance(content, str | bytes) else json.dumps(content)
            write(folder / name, whole if isinstance(whole, bytes) else whole.encode())
        return folder

    return put


def write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def known(collection: Collection) -> dict[str, Arrival]:
    """What arrives, by its path."""
    return {arrival.path: arrival for arrival in collection.arrivals}


def only(collection: Collection) -> Arrival:
    (arrival,) = collection.arrivals
    return arrival


# Plain folders


def test_plain_folder(fill: Fill, folder: Path) -> None:
    """Every sound comes as it lies; what is no sound, is hidden, or a link does not."""
    fill("airhorn.mp3", "memes/Bruh.WAV", "notes.txt", ".trash/a.mp3", ".b.mp3")
    (folder / "link.mp3").symlink_to("/etc/passwd")
    write(folder.parent / "elsewhere" / "c.mp3", b"secret")
    (folder / "far").symlink_to(folder.parent / "elsewhere")

    collection = read(folder)

    assert recognise(folder) is None
    assert collection.layout == "a plain folder"
    assert {path: arrival.file.read_bytes() for path, arrival in known(collection).items()} == {
        "airhorn.mp3": b"airhorn.mp3",
        "memes/Bruh.wav": b"memes/Bruh.WAV",
    }
    assert {arrival.details for arrival in collection.arrivals} == {Details()}
    assert collection.troubles == ()


def test_folders_that_say_nothing(fill: Fill) -> None:
    """Folders in which soundboards keep everything are no tags; others are (airhornbot, ``bot/sounds``)."""
    assert [*known(read(fill("bot/sounds/wow/owen.ogg", "bot/sounds/among/kill.ogg")))] == [
        "among/kill.ogg",
        "wow/owen.ogg",
    ]


def test_a_folder_that_says_something(fill: Fill) -> None:
    """A folder stays where everything lies in it, and so does one called sounds where not everything does."""
    assert [*known(read(fill("memes/a.mp3")))] == ["memes/a.mp3"]
    assert [*known(read(fill("sounds/b.mp3")))] == ["memes/a.mp3", "sounds/b.mp3"]


def test_very_deep_folder(fill: Fill, folder: Path) -> None:
    """However deep folders are, they are not taken over so deep."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("a.mp3", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)

    (arrival,) = read(fill()).arrivals

    assert arrival.path == "d/" * 8 + "a.mp3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes on disk")
def test_pipes(fill: Fill, folder: Path) -> None:
    """Pipes are no sounds and say nothing; nobody waits for them."""
    fill("a.mp3")
    os.mkfifo(folder / "b.mp3")
    os.mkfifo(folder / "db.json")

    assert [*known(read(folder))] == ["a.mp3"]


def test_no_folder(tmp_path: Path) -> None:
    """What is not there is said in words."""
    with pytest.raises(CollectionError, match="cannot be read"):
        read(tmp_path / "nope")
    with pytest.raises(CollectionError, match="no such"), opened(tmp_path / "nope", tmp_path):
        pass


# discord-soundbot


SOUNDBOT: dict[str, Any] = {
    "entrances": {str(ANNA): "airhorn"},
    "exits": {str(BEN): "bruh", "someone": "bruh", str(1 << 63): "bruh", "0": "bruh"},
    "ignoreList": [],
    "sounds": [
        {"name": "airhorn", "count": 17, "tags": ["loud", "horn"]},
        {"name": "gone", "count": 1, "tags": []},
    ],
}


def test_soundbot(fill: Fill) -> None:
    """Counts, tags, entrances and exits come along; so do sounds that its database does not know."""
    collection = read(fill("sounds/airhorn.mp3", "sounds/bruh.wav", "sounds/new.ogg", **{"db.json": SOUNDBOT}))
    arrivals = known(collection)

    assert collection.layout == "discord-soundbot"
    assert sorted(arrivals) == ["airhorn.mp3", "bruh.wav", "new.ogg"]
    assert arrivals["airhorn.mp3"].plays == 17
    assert arrivals["airhorn.mp3"].details == Details(tags=("loud", "horn"))
    assert arrivals["airhorn.mp3"].entrance_of == (ANNA,)
    assert arrivals["bruh.wav"].exit_of == (BEN,)
    assert arrivals["new.ogg"].details == Details()
    (trouble,) = collection.troubles
    assert '"gone"' in trouble


# jeff_bot_lite


def test_jeff_bot_lite(fill: Fill) -> None:
    """Entrances come along, birthdays and names of people do not."""
    users = [
        {"user_id": int(ANNA), "user_name": "anna", "entrance_filename": "air.horn", "birthday": "01-01"},
        {"user_id": str(BEN), "user_name": "ben", "entrance_filename": "air.horn", "birthday": None},
        {"user_id": 3, "user_name": "c", "entrance_filename": None, "birthday": None},
    ]
    collection = read(fill("data/sounds/air.horn.mp3", **{"data/users/users.json": users}))

    assert collection.layout == "jeff_bot_lite"
    assert only(collection).path == "air.horn.mp3"
    assert only(collection).entrance_of == (ANNA, BEN)
    assert collection.troubles == ()


# Soundux


def soundux(*sounds: dict[str, Any]) -> dict[str, Any]:
    tab = {"id": 0, "name": "Memes", "path": "/home/a/Memes", "sortMode": 1, "sounds": sounds}
    return {
        "data": {"height": 720, "width": 1280, "soundIdCounter": 2, "tabs": [tab]},
        "settings": {"remoteVolume": 50, "localVolume": 100},
    }


def test_soundux(fill: Fill) -> None:
    """Names, tabs and the volume that others hear, against the usual one, come along."""
    common = {"hotkeys": [], "hotkeySequence": "", "id": 1, "isFavorite": True, "modifiedDate": 1, "localVolume": None}
    config = soundux(
        common | {"name": "Air horn!", "path": "/home/a/Memes/airhorn.mp3", "remoteVolume": 25},
        common | {"name": "bruh", "path": "/home/a/Memes/bruh.mp3", "remoteVolume": None},
    )
    collection = read(fill("airhorn.mp3", "bruh.mp3", **{"config.json": config}))

    assert collection.layout == "Soundux"
    assert known(collection)["airhorn.mp3"].details == Details(title="Air horn!", tags=("Memes",), gain=-6.02)
    assert known(collection)["bruh.mp3"].details == Details(title="bruh", tags=("Memes",))


# Mega Soundboard


def test_mega_soundboard(fill: Fill) -> None:
    """Names, groups as tags, and volumes down the tree, squared as it plays them, come along."""
    sound = {"name": "Boom", "volume": 0.5, "keys": [], "path": "D:\\snd\\boom.mp3"}
    group = {"name": "Loud", "volume": 1, "keys": [], "mode": "random", "playables": [sound]}
    old = {"name": "Old", "volume": 50, "keys": [], "path": "D:\\snd\\old.ogg"}
    board = {"name": "Mine", "volume": 1, "keys": [], "linkedFolder": None, "sounds": [group, old]}
    collection = read(fill("snd/boom.mp3", "old.ogg", **{"Soundboards.json": {"soundboards": [board]}}))

    assert collection.layout == "Mega Soundboard"
    assert known(collection)["snd/boom.mp3"].details == Details(title="Boom", tags=("Mine", "Loud"), gain=-12.04)
    assert known(collection)["old.ogg"].details == Details(title="Old", tags=("Mine",), gain=-12.04)


# EXP Soundboard


@pytest.mark.parametrize(
    "board",
    [
        {"soundboardEntries": [{"file": "C:\\x\\sub\\a b.mp3", "activationKeysNumbers": [1]}, {"file": "C:\\no.mp3"}]},
        {
            "entries": [
                {"file": {"path": "C:\\x\\sub\\a b.mp3"}, "activationKeys": [1]},
                {"file": {"path": "C:\\no.mp3"}},
            ]
        },
    ],
)
def test_exp_soundboard(fill: Fill, board: object) -> None:
    """It knows no more than places; those that are not there are told."""
    collection = read(fill("sub/a b.mp3", "other/a b.mp3", **{"my board.json": board}))

    assert collection.layout == "EXP Soundboard"
    assert sorted(known(collection)) == ["other/a b.mp3", "sub/a b.mp3"]
    (trouble,) = collection.troubles
    assert '"no.mp3"' in trouble


# Soundpad


SPL = r"""<?xml version="1.0" encoding="UTF-8"?>
<Soundlist rel="C:\Sounds">
  <Sound hash="1" url="C:\Users\a\bruh.wav" artist="" title="Bruh" duration="0:01" addedOn="2024-01-01" key="49"/>
  <Sound hash="2" url="sub\vine &amp; boom.wav" artist="Vine" title="Boom" customTag="BOOM!" keyModifiers="5"/>
  <Sound hash="3" url="gone.mp3" title="Gone"/>
  <Categories>
    <Category type="1" icon="stock_icon_cat_list" name="All" hidden="true"><Sound id="0"/></Category>
    <Category name="Memes"><Sound id="0"/><Sound id="9"/>
      <Category name="Loud"><Sound id="1"/><Sound id="0"/></Category>
    </Category>
  </Categories>
</Soundlist>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_soundpad(fill: Fill, encoding: str) -> None:
    """Titles and categories come along, with files found by their names."""
    collection = read(fill("bruh.wav", "sub/vine & boom.wav", **{"list.spl": SPL.encode(encoding)}))

    assert collection.layout == "Soundpad"
    assert known(collection)["bruh.wav"].details == Details(title="Bruh", tags=("Memes", "Loud"))
    assert known(collection)["sub/vine & boom.wav"].details == Details(title="BOOM!", tags=("Memes", "Loud"))
    (trouble,) = collection.troubles
    assert '"Gone"' in trouble


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE Soundlist [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><Soundlist><Sound url="a.mp3" title="&i;"/></Soundlist>'
)
OUTSIDE = (
    '<!DOCTYPE Soundlist [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<Soundlist><Sound url="a.mp3" title="&x;"/></Soundlist>'
)


@pytest.mark.parametrize("xml", [BOMB, OUTSIDE])
def test_entities(fill: Fill, xml: str) -> None:
    """Lists with a document type are not read, bombs and foreign files among them; the sounds come all the same."""
    collection = read(fill("a.mp3", **{"list.spl": xml}))

    assert only(collection).details == Details()
    (trouble,) = collection.troubles
    assert "list.spl has a document type" in trouble


def test_very_deep_list(fill: Fill) -> None:
    """Categories may nest as they like."""
    depth = 50_000
    categories = '<Category name="x">' * depth + '<Sound id="0"/>' + "</Category>" * depth
    xml = f'<Soundlist><Sound url="a.mp3"/><Categories>{categories}</Categories></Soundlist>'

    assert only(read(fill("a.mp3", **{"list.spl": xml}))).details == Details(tags=("x",))


# RP Soundboard


RP = r"""[General]
config_build=1500
num_rows=2

[files]
1\path=C:/snd/boom.mp3
1\customText="Boom, \"loud\" \x263a"
1\customColor=ff00ff7f
1\volume=-70
1\cropEnabled=true
1\cropStartValue=500
1\cropStartUnit=0
1\cropStopAfterAt=0
1\cropStopValue=2
1\cropStopUnit=1
2\path=C:\\snd\\b\xfcro.wav
2\customColor=ffffff
2\volume=0
2\cropEnabled=true
2\cropStartValue=1
2\cropStartUnit=1
2\cropStopAfterAt=1
2\cropStopValue=3
2\cropStopUnit=1
3\path=
3\volume=0
size=3

[files2]
1\path=C:/snd/gone.mp3
size=1
"""


def test_rp_soundboard(fill: Fill) -> None:
    """Names, colours, gain and both ways to trim come along."""
    collection = read(fill("boom.mp3", "büro.wav", **{"rp_soundboard.ini": RP}))

    assert collection.layout == "RP Soundboard"
    assert known(collection)["boom.mp3"].details == Details(
        title='Boom, "loud" ☺', colour=0x00FF7F, gain=-24.0, trim_start=0.5, trim_end=2.5
    )
    assert known(collection)["büro.wav"].details == Details(trim_start=1.0, trim_end=3.0)
    assert len(collection.troubles) == 1


# Soundbored


SCHEMA = """
CREATE TABLE "users" ("id" INTEGER PRIMARY KEY, "discord_id" TEXT NOT NULL, "username" TEXT, "avatar" TEXT);
CREATE TABLE "sounds" ("id" INTEGER PRIMARY KEY, "filename" TEXT NOT NULL, "tags" TEXT, "description" TEXT,
  "inserted_at" TEXT NOT NULL, "updated_at" TEXT NOT NULL, "user_id" INTEGER, "url" TEXT,
  "source_type" TEXT DEFAULT 'local' NOT NULL, "volume" NUMERIC DEFAULT 1.0 NOT NULL, "storage_key" TEXT NOT NULL);
CREATE TABLE "tags" ("id" INTEGER PRIMARY KEY AUTOINCREMENT, "name" TEXT NOT NULL);
CREATE TABLE "sound_tags" ("id" INTEGER PRIMARY KEY AUTOINCREMENT, "sound_id" INTEGER, "tag_id" INTEGER);
CREATE TABLE "plays" ("id" INTEGER PRIMARY KEY, "played_filename" TEXT NOT NULL, "user_id" INTEGER, "sound_id" INTEGER);
CREATE TABLE "favorites" ("id" INTEGER PRIMARY KEY, "user_id" INTEGER, "sound_id" INTEGER);
CREATE TABLE "user_sound_settings" ("id" INTEGER PRIMARY KEY, "user_id" INTEGER, "sound_id" INTEGER,
  "is_join_sound" INTEGER, "is_leave_sound" INTEGER);
"""
ROWS = f"""
INSERT INTO users VALUES (1, '{ANNA}', 'anna', NULL), (2, '{BEN}', 'ben', NULL);
INSERT INTO sounds VALUES
  (5, 'airhorn.mp3', NULL, 'x', '2025-01-02T03:04:05', '2025-01-02T03:04:05', 1, NULL, 'local', 0.5, '6f1c.mp3'),
  (6, 'linked.mp3', NULL, NULL, '2025-01-02T03:04:05', '', 1, 'https://example.com/a.mp3', 'url', 1.0, '77aa.mp3');
INSERT INTO tags VALUES (1, 'meme'), (2, 'loud');
INSERT INTO sound_tags VALUES (1, 5, 2), (2, 5, 1);
INSERT INTO plays VALUES (1, 'airhorn.mp3', 1, 5), (2, 'old name.mp3', 2, 5), (3, 'airhorn.mp3', 1, NULL);
INSERT INTO favorites VALUES (1, 2, 5);
INSERT INTO user_sound_settings VALUES (1, 1, 5, 1, 0), (2, 2, 5, 0, 1);
"""


def database(script: str, file: Path) -> bytes:
    """The bytes of a database."""
    connection = sqlite3.connect(file)
    connection.executescript(script)
    connection.close()
    return file.read_bytes()


def test_soundbored(fill: Fill, tmp_path: Path) -> None:
    """Names, tags, volume, numbers and people come along; sounds that are links are told."""
    content = database(SCHEMA + ROWS, tmp_path / "a.db")
    collection = read(fill("uploads/6f1c.mp3", **{"db/soundboard_prod.db": content}))

    assert collection.layout == "Soundbored"
    assert only(collection) == Arrival(
        file=only(collection).file,
        path="airhorn.mp3",
        details=Details(tags=("loud", "meme"), gain=-6.02),
        plays=3,
        uploader_id=ANNA,
        created_at=1735787045.0,
        favourite_of=(BEN,),
        entrance_of=(ANNA,),
        exit_of=(BEN,),
    )
    assert only(collection).file.name == "6f1c.mp3"
    (trouble,) = collection.troubles
    assert '"linked.mp3" is no file' in trouble


def test_soundbored_of_long_ago(fill: Fill, tmp_path: Path) -> None:
    """Its first databases, without most columns, are read, too."""
    script = """
    CREATE TABLE "sounds" ("id" INTEGER PRIMARY KEY, "filename" TEXT NOT NULL, "tags" TEXT, "inserted_at" TEXT);
    CREATE TABLE "plays" ("id" INTEGER PRIMARY KEY, "sound_name" TEXT NOT NULL, "user_id" INTEGER);
    INSERT INTO sounds VALUES (1, 'a.mp3', NULL, 'never'); INSERT INTO plays VALUES (1, 'a.mp3', 1);
    """
    collection = read(fill("a.mp3", **{"s.db": database(script, tmp_path / "a.db")}))

    assert collection.layout == "Soundbored"
    assert only(collection).plays == 1
    assert only(collection).created_at is None


def test_database_is_left_alone(fill: Fill, tmp_path: Path) -> None:
    """Reading a database writes nothing, neither into it nor beside it."""
    content = database("PRAGMA journal_mode=WAL;" + SCHEMA + ROWS, tmp_path / "a.db")
    folder = fill("6f1c.mp3", **{"a.db": content})

    assert read(folder).layout == "Soundbored"
    assert (folder / "a.db").read_bytes() == content
    assert sorted(path.name for path in folder.iterdir()) == ["6f1c.mp3", "a.db"]


def test_database_of_a_running_bot(fill: Fill, tmp_path: Path) -> None:
    """A database whose newest part lies in a file beside it is not half read."""
    content = database(SCHEMA + ROWS, tmp_path / "a.db")
    collection = read(fill("6f1c.mp3", **{"a.db": content, "a.db-wal": b"newer"}))

    assert only(collection).path == "6f1c.mp3"
    (trouble,) = collection.troubles
    assert "stop that" in trouble


ENDLESS = "WITH n(x) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT 1, x FROM n"


@pytest.mark.parametrize(
    "script",
    [
        f"CREATE VIEW sounds(id, filename) AS {ENDLESS}",
        "CREATE VIRTUAL TABLE sounds USING fts5(filename); INSERT INTO sounds VALUES ('a.mp3')",
        "CREATE TABLE sounds (id INTEGER, filename TEXT); INSERT INTO sounds VALUES (1, hex(zeroblob(100000)))",
        "CREATE TABLE things (id INTEGER, filename TEXT); INSERT INTO things VALUES (1, 'a.mp3')",
    ],
)
def test_database_of_something_else(fill: Fill, tmp_path: Path, script: str) -> None:
    """Views, which may have no end, tables that run code, and values of any size are not read."""
    collection = read(fill("a.mp3", **{"a.db": database(script, tmp_path / "a.db")}))

    assert collection.layout == "a plain folder"
    assert only(collection).details == Details()


@pytest.mark.parametrize(
    "values", ["x'00ff', x'00ff', x'00ff', x'00ff'", "'a', 7, 'loud', 1.5", "NULL, NULL, NULL, NULL"]
)
def test_values_of_other_kinds(fill: Fill, tmp_path: Path, values: str) -> None:
    """Values that are not what they should be say nothing."""
    script = f"CREATE TABLE sounds (id, filename, volume, user_id); INSERT INTO sounds VALUES ({values})"
    collection = read(fill("a.mp3", **{"a.db": database(script, tmp_path / "a.db")}))

    assert collection.layout == "Soundbored"
    assert only(collection) == Arrival(file=only(collection).file, path="a.mp3")


# Whatever is in them


@pytest.mark.parametrize("name", ["db.json", "config.json", "jeffbot.json", "list.spl", "a.db"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{", b"[" * 100_000, b"<a", b"9" * 5000, b'"\\ud800"'])
def test_unreadable(fill: Fill, name: str, content: bytes) -> None:
    """A file that cannot be read is told, and the sounds come without it."""
    collection = read(fill("a.mp3", **{name: content}))

    assert collection.layout == "a plain folder"
    assert only(collection) == Arrival(file=only(collection).file, path="a.mp3")
    assert len(collection.troubles) <= 1
    if content[:1] in {b"", b"{"} and name != "a.db":
        assert collection.troubles[0].startswith(name)


def test_too_large(fill: Fill) -> None:
    """A file that says too much is told, and not read."""
    collection = read(fill("a.mp3", **{"db.json": b" " * (8 << 20) + b"{}"}))

    assert collection.troubles == ("db.json is too large: the sounds come without what it says",)


@pytest.mark.parametrize(
    "place", ["/etc/hostname", "../outside.mp3", "..\\outside.mp3", "file:///etc/b.mp3", "", "..", "/"]
)
def test_places_elsewhere(fill: Fill, folder: Path, place: str) -> None:
    """No place leads out of the folder; what is said of files that are not in it is told."""
    write(folder.parent / "outside.mp3", b"secret")
    collection = read(fill("a.mp3", **{"board.json": {"soundboardEntries": [{"file": place}]}}))

    assert [arrival.file for arrival in collection.arrivals] == [folder / "a.mp3"]
    assert len(collection.troubles) == 1


def test_two_of_one_name(fill: Fill) -> None:
    """Of files of one name the one in the like-named folder is meant; where that does not tell, none is."""
    tab = soundux({"name": "Right", "path": "/x/b/a.mp3"}, {"name": "Which", "path": "/x/c/a.mp3"})
    collection = read(fill("m/a/a.mp3", "m/b/a.mp3", **{"config.json": tab}))

    assert known(collection)["m/b/a.mp3"].details.title == "Right"
    assert known(collection)["m/a/a.mp3"].details.title == ""
    (trouble,) = collection.troubles
    assert '"Which"' in trouble


def test_named_twice(fill: Fill) -> None:
    """What is said of a sound in two places adds up; the first title counts, and the other is a name, too."""
    config = soundux({"name": "One", "path": "a.mp3", "remoteVolume": 25}, {"name": "Two", "path": "/y/a.mp3"})
    config["data"]["tabs"].append({"name": "Best", "sounds": [{"name": "One", "path": "a.mp3"}]})

    assert only(read(fill("a.mp3", **{"config.json": config}))).details == Details(
        title="One", aliases=("Two",), tags=("Memes", "Best"), gain=-6.02
    )


@pytest.mark.parametrize("title", ["x" * 10_000_000, "\u0958" * 1_000_000, "a\u0301" * 1_000_000])
def test_endless_titles(fill: Fill, title: str) -> None:
    """What is too long is cut."""
    made = soundux({"name": title, "path": "a.mp3"})
    (shown,) = {arrival.details.title for arrival in read(fill("a.mp3", **{"config.json": made})).arrivals} or {""}

    assert len(shown) <= 100


def test_many_troubles(fill: Fill) -> None:
    """There are no more sentences than somebody reads."""
    entries = [{"file": f"{number}.mp3"} for number in range(300)]
    troubles = read(fill("a.mp3", **{"b.json": {"soundboardEntries": entries}})).troubles

    assert len(troubles) == 101
    assert troubles[-1] == "And 200 more like these."


def test_many_entries(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that says more than any board, the beginning is read."""
    monkeypatch.setattr("jeffbot.library.layouts.collection.MAX_CLAIMS", 10)
    config = soundux(*({"name": f"{number}", "path": "a.mp3"} for number in range(11)))
    collection = read(fill("a.mp3", **{"config.json": config}))

    assert only(collection).details.aliases == tuple(f"{number}" for number in range(1, 10))
    assert "Only the first 10" in collection.troubles[0]


def test_many_of_one_name(fill: Fill) -> None:
    """Files that share a name are not compared with each other without end."""
    entries = [{"file": f"/x/{number}/a.mp3"} for number in range(20_000)]

    assert len(read(fill(*(f"{n}/b/a.mp3" for n in range(300)), **{"b.json": {"entries": entries}})).arrivals) == 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SAMPLES: dict[str, Any] = {
    "db.json": SOUNDBOT,
    "config.json": soundux({"name": "A", "path": "/x/a.mp3", "remoteVolume": 5}),
    "Soundboards.json": {"soundboards": [{"name": "m", "volume": 1, "sounds": [{"name": "A", "path": "a.mp3"}]}]},
    "board.json": {"soundboardEntries": [{"file": "C:\\a.mp3"}]},
    "users.json": [{"user_id": 5, "user_name": "a", "entrance_filename": "a"}],
    "jeffbot.json": {"jeffbot": 1, "sounds": [{"path": "a.mp3", "details": {"title": "A", "gain": 3.0}, "plays": 4}]},
}


@given(st.data(), st.sampled_from(sorted(SAMPLES)))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mangled(fill: Fill, folder: Path, data: st.DataObject, name: str) -> None:
    """Whatever value stands in the place of another, the sounds come, with what may be said of sounds."""
    document = json.loads(json.dumps(SAMPLES[name]))
    holder, key = data.draw(st.sampled_from([*places({"": document})][1:]))
    holder[key] = data.draw(JSON)
    for file in folder.iterdir():
        file.unlink()

    try:
        collection = read(fill("a.mp3", **{name: document}))
    except CollectionError:
        assert name == "jeffbot.json"
        assert document["jeffbot"] != 1
        return

    arrival = only(collection)
    assert arrival.file == folder / "a.mp3"
    assert portable(arrival.path) == arrival.path
    assert clean(arrival.details) == arrival.details
    assert abs(arrival.details.gain) <= MAX_GAIN
    assert 0 <= arrival.plays <= 1_000_000_000
    assert all(0 < who < 1 << 63 for who in (*arrival.entrance_of, *arrival.favourite_of, *arrival.exit_of))


def places(value: Any) -> Any:
    """Where values stand in a document."""
    for key, inner in [*(value.items() if isinstance(value, dict) else enumerate(value))]:
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@given(st.text() | st.text('[]\\="x0123456789abfilespathcustomTexvolume\n', max_size=200), st.binary(max_size=50))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_settings_file(fill: Fill, text: str, rest: bytes) -> None:
    """Any text may be in the place of settings."""
    content = b"[files]\n1\\path=a.mp3\n" + text.encode("utf-8", "replace") + rest

    assert only(read(fill("a.mp3", **{"rp_soundboard.ini": content}))).path == "a.mp3"


@given(st.text(max_size=60), st.text("./\\:a", max_size=20))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_place(fill: Fill, folder: Path, one: str, two: str) -> None:
    """Whatever is said of where a file is, none outside of the folder is meant."""
    entries = [{"file": one}, {"file": two}, {"file": two + one + ".mp3"}]

    assert only(read(fill("a.mp3", **{"board.json": {"soundboardEntries": entries}}))).file == folder / "a.mp3"


# Zips


def zip_of(folder: Path, file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as out:
        for inside in sorted(folder.rglob("*")):
            if inside.is_file():
                out.write(inside, inside.relative_to(folder.parent))
    return file


def test_zip_of_a_collection(fill: Fill, folder: Path, tmp_path: Path) -> None:
    """A zip is read as the folder in it is; what was unpacked is gone afterwards."""
    fill("sounds/airhorn.mp3", "sounds/what?.mp3", **{"db.json": SOUNDBOT})
    source = zip_of(folder, tmp_path / "came.zip")
    before = sorted(tmp_path.iterdir())

    with opened(source, tmp_path) as collection:
        assert collection.layout == "discord-soundbot"
        assert known(collection)["airhorn.mp3"].plays == 17
        assert {arrival.file.read_bytes() for arrival in collection.arrivals} == {
            b"sounds/airhorn.mp3",
            b"sounds/what?.mp3",
        }
    assert sorted(tmp_path.iterdir()) == before


def test_zip_of_a_folder(fill: Fill, folder: Path, tmp_path: Path) -> None:
    """The folder that a zip is called after is no tag."""
    source = zip_of(fill("memes/a.mp3"), tmp_path / f"{folder.name}.zip")

    with opened(source, tmp_path) as collection:
        assert only(collection).path == "memes/a.mp3"


def test_names_that_were_cleaned(fill: Fill, tmp_path: Path) -> None:
    """A sound that could not keep its name in unpacking is still the one that is meant."""
    source = zip_of(
        fill("aux.mp3", **{"config.json": soundux({"name": "Aux", "path": "/x/aux.mp3"})}), tmp_path / "a.zip"
    )

    with opened(source, tmp_path) as collection:
        assert only(collection).details.title == "Aux"
        assert only(collection).file.name == "_aux.mp3"


def test_zip_that_is_too_large(fill: Fill, tmp_path: Path) -> None:
    """A zip that is refused leaves nothing; a sound that is too large is told."""
    source = zip_of(fill("a.mp3", "bbbb.mp3"), tmp_path / "a.zip")
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ArchiveError), opened(source, tmp_path, Limits(max_files=1)):
        pass
    with opened(source, tmp_path, Limits(max_file_bytes=5)) as collection:
        assert only(collection).path == "came/a.mp3"
        assert "larger than" in collection.troubles[0]
    assert sorted(tmp_path.iterdir()) == before


# Our own export


FULL = Known(
    details=Details(
        title="Air horn",
        aliases=("horn", "tröte"),
        emoji="📯",
        colour=0xFF8800,
        tags=("loud",),
        gain=-3.5,
        trim_start=0.25,
        trim_end=1.5,
        retrigger=Retrigger.OVERLAP,
    ),
    plays=123,
    uploader_id=BEN,
    created_at=1735787045.25,
    favourite_of=(ANNA, BEN),
    entrance_of=(ANNA,),
    exit_of=(BEN,),
)


def arrival_of(file: Path, path: str, what: Known = FULL) -> Arrival:
    return Arrival(file=file, path=path, **{field.name: getattr(what, field.name) for field in fields(Known)})


def test_round_trip(fill: Fill, folder: Path, tmp_path: Path) -> None:
    """What is exported arrives as it was, to the byte; the zip is one that any program opens."""
    fill("x.bin", "y.bin")
    sent = [
        arrival_of(folder / "x.bin", "sounds/guild-meeting.mp3"),
        arrival_of(folder / "y.bin", "sounds/Tröte (2).ogg", Known()),
    ]
    with Writer(tmp_path / "export.zip") as writer:
        for arrival in sent:
            writer.add(arrival)

    with opened(tmp_path / "export.zip", tmp_path) as collection:
        assert collection.layout == "jeffbot"
        assert collection.troubles == ()
        assert [
            replace(came, file=went.file) for came, went in zip(collection.arrivals, sent[::-1], strict=True)
        ] == sent[::-1]
        assert [came.file.read_bytes() for came in collection.arrivals] == [b"y.bin", b"x.bin"]
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        assert archive.testzip() is None
        assert [entry.filename for entry in archive.infolist()] == [sent[0].path, sent[1].path, "jeffbot.json"]
        assert [entry.compress_type for entry in archive.infolist()][:2] == [zipfile.ZIP_STORED] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["came", "export.zip"]


@given(
    title=st.text(max_size=100),
    tags=st.lists(st.text(min_size=1, max_size=32), max_size=20),
    gain=st.floats(-MAX_GAIN, MAX_GAIN),
    plays=st.integers(0, 1_000_000_000),
    name=st.text(max_size=40),
    people=st.lists(st.integers(1, (1 << 63) - 1), unique=True, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_any_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    title: str,
    tags: list[str],
    gain: float,
    plays: int,
    name: str,
    people: list[int],
) -> None:
    """Whatever details a sound may have, they come back the same."""
    folder = tmp_path_factory.mktemp("round")
    try:
        details = clean(Details(title=title, tags=tuple(tags), gain=gain))
    except BadDetailsError:
        details = Details(gain=gain)
    (folder / "a").write_bytes(b"sound")
    whom = tuple(map(UserId, people))
    sent = Arrival(
        file=folder / "a", path=portable(f"{name}/{name}s.mp3"), details=details, plays=plays, favourite_of=whom
    )
    with Writer(folder / "e.zip") as writer:
        writer.add(sent)

    with opened(folder / "e.zip", folder) as collection:
        assert replace(only(collection), file=sent.file) == sent


@pytest.mark.parametrize("version", [2, 0, "1", None, [1]])
def test_another_version(fill: Fill, version: object) -> None:
    """An export of another version is refused in words, rather than read half."""
    folder = fill("a.mp3", **{"jeffbot.json": {"jeffbot": version, "sounds": []}})

    for door in (read, recognise):
        with pytest.raises(CollectionError, match="update jeffbot"):
            door(folder)


def test_as_it_is_recognised(fill: Fill) -> None:
    """What a layout says arrives is what is read."""
    folder = fill("sounds/airhorn.mp3", "sounds/bruh.wav", **{"db.json": SOUNDBOT})
    layout = recognise(folder)

    assert layout is not None
    assert layout.name == "discord-soundbot"
    assert tuple(layout.arrivals(folder)) == read(folder).arrivals


def test_given_up(folder: Path, fill: Fill) -> None:
    """An export that fails leaves nothing, and what was there before."""
    fill("a.mp3", **{"export.zip": b"before"})

    with pytest.raises(CollectionError), Writer(folder / "export.zip") as writer:
        writer.add(arrival_of(folder / "gone.mp3", "a.mp3"))

    assert sorted(path.name for path in folder.iterdir()) == ["a.mp3", "export.zip"]
    assert (folder / "export.zip").read_bytes() == b"before"


def test_file_is_gone(folder: Path, tmp_path: Path) -> None:
    """A sound whose file cannot be read is refused in words; the others can be exported all the same."""
    write(folder / "a.mp3", b"a")
    with Writer(tmp_path / "e.zip") as writer:
        with pytest.raises(CollectionError):
            writer.add(arrival_of(folder / "gone.mp3", "gone.mp3"))
        writer.add(arrival_of(folder / "a.mp3", "a.mp3"))

    with opened(tmp_path / "e.zip", tmp_path) as collection:
        assert only(collection).path == "a.mp3"
        assert collection.troubles == ()


@pytest.mark.parametrize(
    "path", ["../a.mp3", "/a.mp3", "a.exe", "A.MP3", "a\\b.mp3", "jeffbot.json", "CON.mp3", "x.mp3", ""]
)
def test_paths_of_an_export(folder: Path, fill: Fill, tmp_path: Path, path: str) -> None:
    """Only paths that can be unpacked everywhere are exported, each once."""
    fill("x.mp3")
    with Writer(tmp_path / "e.zip") as writer:
        writer.add(arrival_of(folder / "x.mp3", "X.mp3"))
        with pytest.raises(CollectionError, match="no path"):
            writer.add(arrival_of(folder / "x.mp3", path))


def test_export_too_large_to_come_back(
    folder: Path, fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that could not be read again is not written."""
    monkeypatch.setattr(own, "MAX_METADATA_BYTES", 300)
    fill("a.mp3")

    with pytest.raises(CollectionError, match="make several"), Writer(tmp_path / "e.zip") as writer:
        writer.add(arrival_of(folder / "a.mp3", "a.mp3"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["came"]


def test_disk_fails_half_way(folder: Path, fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound of which only a part could be copied is in no export, even where its error is passed over."""
    fill("a.mp3")
    monkeypatch.setattr(own, "open_regular", lambda file: Broken(io.FileIO(file)))
    writer = Writer(tmp_path / "e.zip")

    with pytest.raises(CollectionError, match="part is missing"), writer, contextlib.suppress(CollectionError):
        writer.add(arrival_of(folder / "a.mp3", "a.mp3"))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["came"]


class Broken(io.BufferedReader):
    """A file that can be read only once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


def test_nowhere_to_write(tmp_path: Path) -> None:
    """A folder that cannot be written to is told."""
    with pytest.raises(CollectionError, match="gone"), Writer(tmp_path / "no" / "e.zip"):
        pass


def test_ids_are_text(folder: Path, fill: Fill, tmp_path: Path) -> None:
    """Ids in the export are text, as JSON's numbers are not safe for them everywhere."""
    fill("a.mp3")
    with Writer(tmp_path / "e.zip") as writer:
        writer.add(arrival_of(folder / "a.mp3", "a.mp3"))

    with zipfile.ZipFile(tmp_path / "e.zip") as archive:
        (record,) = msgspec.json.decode(archive.read("jeffbot.json"))["sounds"]
    assert record["uploader_id"] == str(BEN)
    assert record["favourite_of"] == [str(ANNA), str(BEN)]
