"""The commands about sounds and people, as who runs a bot types them: in a folder, beside a bot or without one."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
from typer.testing import CliRunner, Result

from jeffbot.cli import app
from jeffbot.library.layouts import Arrival, Writer
from jeffbot.models import Details, UserId
from jeffbot.store.store import FILE_NAME
from staging import Stage, write_tone

ANNA, CAVE, OTHER_CAVE = 80351110224678912, 81, 82


@pytest.fixture
def used(tmp_path: Path, migrated: Path) -> Path:
    """A folder in which a bot has been run before; commands are given in it."""
    (tmp_path / ".jeffbot").mkdir(mode=0o700)
    shutil.copy(migrated, tmp_path / ".jeffbot")
    return tmp_path


def jeffbot(*words: object, typed: str = "", **environ: str) -> Result:
    """What comes of a command."""
    return CliRunner().invoke(app, [str(word) for word in words], input=typed, env=environ)


def done(*words: object, typed: str = "") -> str:
    """What a command that goes well says."""
    result = jeffbot(*words, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


def info(*words: object) -> dict[str, str]:
    """What is told of a sound."""
    lines = done("sounds", "info", *words).splitlines()
    return {name: rest.strip() for name, _, rest in (line.partition(" ") for line in lines)}


def tone(file: Path, hertz: float = 440) -> Path:
    return write_tone(file, hertz, 0.2)


def export_of(file: Path, *arrivals: Arrival) -> Path:
    with Writer(file) as writer:
        for arrival in arrivals:
            writer.add(arrival)
    return file


# In and out


def test_fresh_folder(tmp_path: Path) -> None:
    """In an empty folder every command works; import, twice: the second time nothing is added."""
    assert done("sounds", "list") == ""
    tone(tmp_path / "came" / "Mèmes" / "schön ☃ [bold].wav")

    first, second = done("import", "came"), done("import", "came")

    assert "a plain folder: 1 added, 0 there already, 0 refused" in first
    assert "a plain folder: 0 added, 1 there already, 0 refused" in second
    assert done("sounds", "list") == "schön ☃ [bold].wav  Mèmes\n"
    assert done("sounds", "list", "SCHÖN") == "schön ☃ [bold].wav  Mèmes\n"
    assert info("schön ☃ [bold]")["file"] == "Mèmes/schön ☃ [bold].wav"


def test_refused(used: Path) -> None:
    """What cannot come in is listed with the reason, on one line each, and the exit code says so; all else comes."""
    tone(used / "came" / "good.wav")
    (used / "came" / "[red]list.mp3").write_text("#EXTM3U\n")
    (used / "came" / "db.json").write_text(json.dumps({"entrances": {}, "sounds": [{"name": "gone", "count": 1}]}))

    result = jeffbot("import", "came")

    assert result.exit_code == 1
    assert "discord-soundbot: 1 added, 0 there already, 2 refused" in result.output
    refused = [line for line in result.output.splitlines() if line.startswith("refused: ")]
    assert refused[0].startswith('refused: "gone" does not come along')
    assert refused[1].startswith("refused: [red]list.mp3: This is no sound file that can be read: send one of aac, ")
    assert refused[1].endswith(", wav")
    assert len(refused) == 2
    assert done("sounds", "list") == "good.wav\n"


class Layout(NamedTuple):
    """A collection of another soundboard with one sound."""

    sound: str
    files: dict[str, object]
    told: dict[str, str]
    """Of what ``sounds info`` says."""


def soundbored(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.executescript(
            f"""
            CREATE TABLE sounds (id INTEGER PRIMARY KEY, filename TEXT, volume REAL, user_id INTEGER);
            CREATE TABLE users (id INTEGER PRIMARY KEY, discord_id TEXT);
            CREATE TABLE plays (id INTEGER PRIMARY KEY, sound_name TEXT);
            INSERT INTO users VALUES (1, '{ANNA}'); INSERT INTO sounds VALUES (1, 'horn.wav', 0.5, 1);
            INSERT INTO plays VALUES (1, 'horn.wav'), (2, 'horn.wav');
            """
        )


LAYOUTS = {
    "discord-soundbot": Layout(
        "sounds/horn.wav",
        {"db.json": {"sounds": [{"name": "horn", "count": 17, "tags": ["loud"]}], "entrances": {str(ANNA): "horn"}}},
        {"plays": "17", "tags": "loud"},
    ),
    "jeff_bot_lite": Layout(
        "data/sounds/horn.wav",
        {"data/users/users.json": [{"user_id": ANNA, "user_name": "anna", "entrance_filename": "horn"}]},
        {"plays": "0"},
    ),
    "Soundux": Layout(
        "horn.wav",
        {"config.json": {"data": {"tabs": [{"name": "Memes", "sounds": [{"name": "Tröt", "path": "/a/horn.wav"}]}]}}},
        {"title": "Tröt", "tags": "Memes"},
    ),
    "Mega Soundboard": Layout(
        "horn.wav",
        {"Soundboards.json": {"soundboards": [{"name": "Mine", "sounds": [{"path": "D:\\horn.wav", "volume": 50}]}]}},
        {"tags": "Mine", "gain": "-12.04"},
    ),
    "EXP Soundboard": Layout("horn.wav", {"b.json": {"soundboardEntries": [{"file": "C:\\x\\horn.wav"}]}}, {}),
    "Soundpad": Layout(
        "horn.wav",
        {"soundlist.spl": '<Soundlist><Sound url="C:\\horn.wav" customTag="Tröt!"/></Soundlist>'},
        {"title": "Tröt!"},
    ),
    "RP Soundboard": Layout(
        "horn.wav",
        {"rp_soundboard.ini": "[files]\n1\\path=C:/horn.wav\n1\\customText=Horn!\n1\\volume=-6\n"},
        {"title": "Horn!", "gain": "-6.0"},
    ),
    "Soundbored": Layout(
        "uploads/horn.wav",
        {"soundboard_prod.db": soundbored},
        {"plays": "2", "gain": "-6.02", "uploader_id": str(ANNA)},
    ),
    "a plain folder": Layout("horn.wav", {}, {"title": "-", "uploader_id": "-"}),
}


@pytest.mark.parametrize(("name", "packed"), [*((name, False) for name in LAYOUTS), ("Soundbored", True)])
def test_layouts(used: Path, name: str, *, packed: bool) -> None:
    """Every soundboard's collection comes in, as a folder or a zip of one, with what it knows of its sounds."""
    layout, folder = LAYOUTS[name], used / "their bot"
    tone(folder / layout.sound)
    for place, content in layout.files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(folder / place)
        else:
            (folder / place).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    source = Path(shutil.make_archive(str(folder), "zip", folder)) if packed else folder

    assert f"{name}: 1 added, 0 there already, 0 refused" in done("import", source, "--guild", CAVE)

    told = info("horn", "--guild", CAVE)
    assert told["file"] == "horn.wav"
    assert told.items() >= layout.told.items()
    greeted = json.loads(done("privacy", "show", ANNA))["entrances"]
    assert len(greeted) == (name in {"discord-soundbot", "jeff_bot_lite"})
    assert [*used.glob(".jeffbot/.jeffbot-*")] == []


def test_export(used: Path) -> None:
    """What was exported and taken in elsewhere is known there as it was."""
    known = Details(title="Tröt ☃", aliases=("hupe",), emoji="📯", colour=0xFF8800, tags=("loud",), gain=-3)
    came = Arrival(file=tone(used / "horn.wav"), path="Lärm/horn.wav", details=known, plays=7, uploader_id=UserId(ANNA))
    done("import", export_of(used / "came.zip", came))

    assert "1 sounds in all.zip" in done("export", "all.zip")
    done("import", "all.zip", "--sounds", "other/sounds", "--data-dir", "other/kept")

    there = info("hupe", "--sounds", "other/sounds", "--data-dir", "other/kept")
    assert there == info("hupe")
    assert (there["file"], there["title"], there["plays"]) == ("Lärm/horn.wav", "Tröt ☃", "7")


def test_backup_and_restore(used: Path) -> None:
    """What was done after a backup is gone when it has been restored; the file that changed has been put aside."""
    tone(used / "sounds" / "horn.wav")
    done("sounds", "edit", "horn", "--title", "As it was")
    assert "1 sounds and the database in backup.zip" in done("backup", "backup.zip")
    done("sounds", "edit", "horn", "--title", "Edited since")
    changed = tone(used / "sounds" / "horn.wav", 880).read_bytes()

    assert "1 sounds brought back, and the database" in done("restore", "backup.zip")

    assert info("horn")["title"] == "As it was"
    (aside,) = used.glob(".jeffbot/replaced-*/horn.wav")
    assert aside.read_bytes() == changed


# Sounds


def test_edit(used: Path) -> None:
    """Everything that is said of a sound can be said here, and taken back."""
    tone(used / "sounds" / "horn.wav")
    edit = "sounds", "edit", "horn"
    said = {
        "--title": "Tröt",
        "--alias": "hupe",
        "--tag": "loud",
        "--emoji": "📯",
        "--colour": "#FF8800",
        "--gain": "-3.5",
        "--start": "0.05",
        "--end": "0.15",
        "--retrigger": "overlap",
    }
    printed = done(*edit, *(word for pair in said.items() for word in pair), "--alias", "tröt 2")
    assert printed == "Tröt  horn.wav  loud\n"
    told = info("tröt 2")
    wanted = {
        "title": "Tröt",
        "aliases": "hupe, tröt 2",
        "emoji": "📯",
        "colour": "FF8800",
        "tags": "loud",
        "gain": "-3.5",
        "trim_start": "0.05",
        "trim_end": "0.15",
        "retrigger": "overlap",
    }
    assert told.items() >= wanted.items()

    emptied = ("--title", "", "--alias", "", "--tag", "", "--emoji", "", "--colour", "", "--end", "0", "--gain", "0")
    assert done(*edit, *emptied) == "horn.wav\n"
    bare = info("horn")
    assert {bare[name] for name in ("title", "aliases", "emoji", "colour", "tags", "trim_end")} == {"-"}


def test_delete(used: Path) -> None:
    """What somebody brought goes to the bin and comes back as it was; what lies in the folder is taken out there."""
    tone(used / "sounds" / "put there.wav", 880)
    brought = Arrival(file=tone(used / "horn.wav"), path="horn.wav", plays=7, uploader_id=UserId(ANNA))
    done("import", export_of(used / "came.zip", brought))
    before = info("horn")

    assert "jeffbot sounds bin" in done("sounds", "delete", "horn")
    assert done("sounds", "list") == "put there.wav\n"
    number, path, *_ = done("sounds", "bin").split()
    assert path == "horn.wav"
    assert done("sounds", "undelete", number) == "horn.wav\n"
    assert info("horn") == before
    assert done("sounds", "bin") == ""

    refused = jeffbot("sounds", "delete", "put there")
    assert refused.exit_code == 1
    assert '"put there.wav" was put into the sounds folder' in refused.output


def test_duplicates(used: Path) -> None:
    """Files of one content are found, though nothing has been encoded yet; merged, one stands for both."""
    for name, hertz in {"horn.wav": 440, "hupe.wav": 440, "other.wav": 660}.items():
        tone(used / "sounds" / name, hertz)

    assert done("sounds", "duplicates") in {"horn.wav = hupe.wav\n", "hupe.wav = horn.wav\n"}
    done("sounds", "duplicates", "--merge")

    assert done("sounds", "duplicates") == ""
    assert info("horn")["number"] == info("hupe")["number"]
    assert len(done("sounds", "list").splitlines()) == 2


def test_guilds(used: Path) -> None:
    """A guild's sounds are its own; one that nobody knows has those that all share."""
    tone(used / "sounds" / "shared.wav")
    tone(used / "came" / "own.wav", 880)
    done("import", "came", "--guild", CAVE)

    assert done("sounds", "list") == "shared.wav\n"
    assert done("sounds", "list", "--guild", CAVE) == "own.wav\nshared.wav\n"
    assert done("sounds", "list", "--guild", 4711) == "shared.wav\n"
    assert "0 sounds in" in done("export", "all.zip", "--guild", 4711)
    assert "Played: nothing yet" in done("stats", 4711)


# Numbers and people


def test_stats(used: Path) -> None:
    """The numbers come as text, as files that others read, and as a picture."""
    assert "nothing yet" in done("stats", CAVE, "--days", 7)
    assert json.loads(done("stats", CAVE, "--format", "json"))["plays"] == 0
    assert done("stats", CAVE, "--format", "csv").startswith("kind,id,name,plays,last_played\n")
    done("stats", CAVE, "--format", "png", "--output", "numbers.png")
    assert (used / "numbers.png").read_bytes().startswith(b"\x89PNG")


def test_privacy(used: Path) -> None:
    """What is kept about someone is shown, and erased once that is confirmed; their sounds stay."""
    fan = Arrival(
        file=tone(used / "horn.wav"),
        path="horn.wav",
        uploader_id=UserId(ANNA),
        favourite_of=(UserId(ANNA),),
        entrance_of=(UserId(ANNA),),
    )
    done("import", export_of(used / "came.zip", fan), "--guild", CAVE)
    about = json.loads(done("privacy", "show", ANNA))
    assert (len(about["favourites"]), len(about["entrances"]), len(about["uploads"])) == (1, 1, 1)

    refused = jeffbot("privacy", "erase", ANNA, typed="n\n")
    assert refused.exit_code == 1
    assert json.loads(done("privacy", "show", ANNA)) == about

    assert "entries erased" in done("privacy", "erase", ANNA, typed="y\n")
    about = json.loads(done("privacy", "show", ANNA))
    assert (about["favourites"], about["entrances"], about["uploads"]) == ([], [], [])
    assert info("horn", "--guild", CAVE)["uploader_id"] == "-"
    assert "0 entries erased" in done("privacy", "erase", 4711, "--yes")


# What goes wrong


WRONG: dict[str, tuple[str, ...]] = {
    'Sound "nope" not found': ("sounds", "info", "nope"),
    'Sound "nope.wav" not found': ("sounds", "edit", "nope.wav", "--title", "x"),
    'Sound "77" not found': ("sounds", "undelete", "77"),
    "-24 to 24 dB": ("sounds", "edit", "horn", "--gain", "99"),
    "no emoji": ("sounds", "edit", "horn", "--emoji", "x"),
    "at least 0.02 s after": ("sounds", "edit", "horn", "--start", "5", "--end", "2"),
    "000000 to FFFFFF": ("sounds", "edit", "horn", "--colour", "1234567"),
    "This zip is damaged or is none": ("import", "text.zip"),
    "This is no backup of jeffbot's": ("restore", "text.zip"),
    "no backup of jeffbot's, or": ("restore", "other.zip"),
    "The backup's folder is gone": ("backup", "nope/backup.zip"),
    "The export's folder is gone": ("export", "nope/all.zip"),
    "(JEFFBOT_DATA_DIR) cannot be made": ("sounds", "list", "--data-dir", "text.zip/kept"),
    "(JEFFBOT_SOUNDS_DIR) cannot be made": ("sounds", "list", "--sounds", "text.zip/sounds"),
    "nope/numbers.csv cannot be written": ("stats", "81", "--format", "csv", "--output", "nope/numbers.csv"),
}


@pytest.mark.parametrize("words", WRONG)
def test_errors(used: Path, words: str) -> None:
    """What cannot be done is told in one line, with exit code 1."""
    tone(used / "sounds" / "horn.wav")
    (used / "text.zip").write_text("hello")
    with zipfile.ZipFile(used / "other.zip", "w") as archive:
        archive.writestr("report.txt", "of something else")

    result = jeffbot(*WRONG[words])

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    said = result.output.strip().splitlines()[-1]
    assert said.startswith("error: ")
    assert words in said
    assert "error" not in "".join(result.output.strip().splitlines()[:-1])
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("JEFFBOT_VOLUME", "loud", "must be a number"), ("JEFFBOT_FFMPEG", "/nope", "Install ffmpeg")],
)
def test_wrong_settings(used: Path, name: str, value: str, words: str) -> None:
    """A setting that is not allowed is named, with what is."""
    result = jeffbot("sounds", "list", **{name: value})

    assert (result.exit_code, used.is_dir()) == (1, True)
    assert result.output.startswith(f"error: {name}")
    assert words in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("import", "nope"),
        ("restore", "nope.zip"),
        ("export", "."),
        ("stats", str(CAVE), "--format", "xml"),
        ("stats", str(CAVE), "--format", "png"),
        ("stats", str(1 << 63)),
        ("privacy", "show", str(1 << 63)),
        ("privacy", "show", "anna"),
        ("sounds", "undelete", str(1 << 63)),
        ("sounds", "list", "--guild", str(1 << 63)),
        ("sounds", "list", "--guild", "0"),
        ("sounds", "edit", "horn", "--colour", "red"),
        ("sounds", "edit", "horn", "--retrigger", "sometimes"),
        ("sounds", "edit"),
        ("sounds", "rename"),
    ],
)
def test_wrong_words(used: Path, words: tuple[str, ...]) -> None:
    """What is mistyped has exit code 2, and nothing has been made or changed."""
    result = jeffbot(*words)

    assert result.exit_code == 2
    assert "Usage: " in result.output
    assert not (used / "sounds").exists()


def test_a_data_folder_that_is_damaged(used: Path) -> None:
    """Where the database is damaged every command says so, and what to do."""
    (used / ".jeffbot" / FILE_NAME).write_bytes(b"no database" * 1000)

    result = jeffbot("sounds", "list")

    assert result.exit_code == 1
    assert result.output.startswith("error: What is kept cannot be used now: jeffbot.db in the data folder is damaged")
    assert "jeffbot restore" in result.output


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for verb, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {verb}")


@pytest.mark.parametrize("verb", ["import", "export", "backup", "restore", "stats", "sounds", "privacy"])
def test_help(verb: str) -> None:
    """Every command, and every word it takes, says what it is."""
    whole: Any = typer.main.get_command(app)
    for name, command in commands(whole.commands[verb], verb):
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", ""), f"{name} {parameter.name}"


# Beside a running bot


async def process(*words: str, data: Path, sounds: Path) -> tuple[int | None, str]:
    """The exit code and the output of the command as a program of its own."""
    program = [sys.executable, "-c", "from jeffbot.cli import main; main()"]
    running = await asyncio.create_subprocess_exec(
        *(*program, *words, "--data-dir", str(data), "--sounds", str(sounds)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await running.communicate()
    return running.returncode, output.decode()


async def shown(stage: Stage, condition: Callable[[set[str]], bool]) -> None:
    """Wait until the bot shows these titles."""
    changed = asyncio.Event()
    stage.cog.soundboard._catalog.subscribe(changed.set)
    async with asyncio.timeout(10):
        while not condition({sound.title for sound in stage.service.sounds(caller=stage.alice.id)}):
            await changed.wait()
            changed.clear()


@pytest.mark.play
async def test_beside_a_bot(stage: Stage, sounds_dir: Path, data_dir: Path, tmp_path: Path) -> None:
    """While a bot runs on the folders all works as without one, and the bot shows it at once."""
    tone(tmp_path / "came" / "horn.wav", 660)

    async def command(*words: str) -> str:
        code, output = await process(*words, data=data_dir, sounds=sounds_dir)
        assert code == 0, output
        return output

    assert "1 added" in await command("import", str(tmp_path / "came"))
    await shown(stage, lambda titles: "horn.wav" in titles)
    await command("sounds", "edit", "horn", "--title", "As it was")
    await shown(stage, lambda titles: "As it was" in titles)
    await command("backup", str(tmp_path / "backup.zip"))
    await stage.service.library.edit(stage.alice.id, "horn", title="Edited since")
    assert "database" in await command("restore", str(tmp_path / "backup.zip"))
    await shown(stage, lambda titles: "As it was" in titles)


async def test_as_a_program(tmp_path: Path) -> None:
    """As a program of its own it says in one line what is wrong, and its exit code tells."""
    (tmp_path / "nöpe").touch()

    code, output = await process("sounds", "list", data=tmp_path / "nöpe" / "kept", sounds=tmp_path / "sounds")

    assert code == 1
    (said,) = output.splitlines()
    assert said.startswith("error: What is kept cannot be used now: the data folder (JEFFBOT_DATA_DIR) cannot be made")


# Servers


@pytest.mark.usefixtures("used")
def test_settings() -> None:
    """What a server remembers is shown, changed, refused where it cannot be, and stays."""
    assert "mode                as the bot has it" in done("settings", CAVE)

    done("settings", CAVE, "--mode", "overlap", "--volume", "80", "--native", "--time-zone", "Europe/Berlin")
    told = done("settings", CAVE)
    for line in ("mode                overlap", "volume              80.0", "native              True"):
        assert line in told
    assert "mode                as the bot has it" in done("settings", OTHER_CAVE)

    refused = jeffbot("settings", CAVE, "--time-zone", "Moon/Base")
    assert (refused.exit_code, "time zone" in refused.output) == (1, True)
    assert jeffbot("settings", CAVE, "--volume", "201").exit_code == 2


def test_entrances(used: Path) -> None:
    """Whom which sound greets is chosen, shown and taken back."""
    tone(used / "sounds" / "horn.wav")
    tone(used / "sounds" / "quack.wav", 550)
    done("entrance", CAVE, "horn", "--user", ANNA)
    done("entrance", CAVE, "quack", "--exit")

    told = done("entrance", CAVE).splitlines()
    assert sorted(told) == [f"entrance  user {ANNA}  horn.wav", "exit  everyone  quack.wav"]
    assert f"user:{ANNA} entrance horn  ok" in done("audit")
    assert done("entrance", CAVE, "--clear", "--exit").splitlines() == [f"entrance  user {ANNA}  horn.wav"]
    assert jeffbot("entrance", CAVE, "trumpet").exit_code == 1

    done("privacy", "erase", ANNA, typed="y\n")
    assert str(ANNA) not in done("entrance", CAVE) + done("audit")


def test_add(used: Path) -> None:
    """One file is taken in, once, and who did it is in the audit; links are switched off until they are switched on."""
    file = tone(used / "new.wav")
    assert done("sounds", "add", file, "--name", "honk", "--guild", CAVE).strip() == "honk.wav"
    assert (used / "sounds" / f"guild-{CAVE}" / "honk.wav").read_bytes() == file.read_bytes()

    again = jeffbot("sounds", "add", file, "--guild", CAVE)
    assert (again.exit_code, "here already" in again.output) == (1, True)
    assert jeffbot("sounds", "add", used / "nothing.wav").exit_code == 2
    link = jeffbot("sounds", "add", "https://example.org/a.mp3")
    assert (link.exit_code, "JEFFBOT_DOWNLOADS" in link.output) == (1, True)
    inside = jeffbot("sounds", "add", "http://127.0.0.1/a.mp3", JEFFBOT_DOWNLOADS="yes")
    assert (inside.exit_code, "Traceback" in inside.output) == (1, False)

    *_, refused, first = done("audit").splitlines()
    assert "the command line  add" in first
    assert "honk.wav" in first
    assert first.endswith("ok")
    assert refused.endswith("already_exists")
