"""``jeffbot encode``: a library encoded ahead, with a word on each sound that cannot be."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jeffbot.audio.bank import SoundBank
from jeffbot.cli import app
from jeffbot.models import Sound
from jeffbot.settings import Settings
from staging import write_tone


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Two tones, one of them too short to have a loudness."""
    write_tone(tmp_path / "library" / "low.wav", 330, seconds=1)
    write_tone(tmp_path / "library" / "high.wav", 880, seconds=0.2)
    return tmp_path / "library"


def encode(library: Path, **environ: str) -> Result:
    arguments = ["encode", "--sounds", str(library), "--data-dir", str(library.parent / "data"), "--encoders", "2"]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **environ})


def test_library(library: Path) -> None:
    """Every sound is encoded once; the summary says how many, and how they were levelled."""
    first, second = encode(library), encode(library)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "2 sounds: 2 encoded, 0 in the cache, 0 refused" in first.output
    assert "1 levelled, 1 too short to have a loudness" in first.output
    assert "2 sounds: 0 encoded, 2 in the cache, 0 refused" in second.output


def test_refused_sounds(library: Path) -> None:
    """What cannot be encoded is named with the reason, and the exit code says so."""
    (library / "[bold]list.mp3").write_text("#EXTM3U\nlow.wav\n")
    result = encode(library)

    assert result.exit_code == 1
    assert 'refused: Cannot play "[bold]list.mp3": ffmpeg cannot read it' in result.output
    assert "3 sounds: 2 encoded, 0 in the cache, 1 refused" in result.output


def test_no_ffmpeg(library: Path) -> None:
    """Without ffmpeg it says what to install."""
    result = encode(library, JEFFBOT_FFMPEG=str(library / "none"))

    assert result.exit_code == 1
    assert "Install ffmpeg" in result.output


async def test_bot_finds_it(library: Path) -> None:
    """What was encoded so is there for a bot with the same settings."""
    assert (await asyncio.to_thread(encode, library)).exit_code == 0
    file = library / "low.wav"
    sound = Sound(file.name, file.name, str(file.parent), file.stat().st_size, file.stat().st_mtime_ns)
    async with SoundBank.of(Settings.load({"data_dir": library.parent / "data"}, {})) as bank:
        assert (await bank.clip(sound)).complete
