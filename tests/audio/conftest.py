"""Banks for tests, and what they stand on."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from audio.banks import PATIENCE, Counter, Hang, Live, MakeBank, make_ffmpeg, make_tone
from jeffbot.audio.bank import SoundBank
from jeffbot.models import Sound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the sounds are."""
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where the banks keep what they encoded."""
    return tmp_path / "cache"


@pytest.fixture
def tone(folder: Path) -> Sound:
    """A fifth of a second of tone."""
    return make_tone(folder / "tone.wav")


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """An ffmpeg that counts its runs."""
    return Counter(tmp_path)


@pytest.fixture
def hang(tmp_path: Path) -> Iterator[Hang]:
    """An ffmpeg that hangs."""
    hang = Hang(tmp_path)
    yield hang
    hang.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """An ffmpeg that streams as slowly as the sound is heard."""
    live = Live(tmp_path)
    yield live
    live.close()


@pytest.fixture
def make_bank(counter: Counter, cache: Path) -> MakeBank:
    """Make a bank on the shared cache folder; words are its settings."""

    def make(
        program: Path = counter.program,
        folder: Path = cache,
        memory_bytes: int = 1 << 24,
        max_seconds: float = 60,
        timeout: float = PATIENCE,
        **settings: int,
    ) -> SoundBank:
        ffmpeg = make_ffmpeg(program, timeout, max_seconds)
        return SoundBank(ffmpeg, folder, encoders=2, memory_bytes=memory_bytes, max_seconds=max_seconds, **settings)

    return make


@pytest.fixture
async def bank(make_bank: MakeBank) -> AsyncIterator[SoundBank]:
    """The usual bank."""
    async with make_bank() as bank:
        yield bank
