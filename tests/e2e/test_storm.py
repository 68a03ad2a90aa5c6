"""Everything at once, in an order drawn by chance: whatever happens, the soundboard comes out of it playing."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jeffbot.client import ConnectionEndedError, RemoteClient, RemoteError
from jeffbot.errors import VoiceUnavailableError
from jeffbot.sandbox.ears import Recording
from staging import EXTENSION, PATIENCE, TONES, Stage

LONG = bool(os.environ.get("JEFFBOT_TEST_LONG"))
STEPS = 600 if LONG else 60
SEEDS = range(20) if LONG else range(3)

type Deed = Callable[[], Awaitable[object]]


class Storm:
    """What people, moderators and the host may do, each deed with how often it comes."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage = stage
        self._chance = random.Random(seed)
        self._other = stage.guild.add_voice_channel("Other")
        self._clients: list[RemoteClient] = []
        self._connecting = asyncio.Lock()
        self._deeds: list[tuple[int, Deed]] = [
            (30, self._play),
            (10, self._random),
            (12, self._stop),
            (10, self._status),
            (6, self._move),
            (3, self._leave),
            (4, self._kick),
            (3, self._drag),
            (2, self._vanish),
            (1, self._reload),
        ]

    async def rage(self, steps: int) -> None:
        """Do that many deeds, some of them while others are under way."""
        weights = [weight for weight, _ in self._deeds]
        under_way: set[asyncio.Task[object]] = set()
        for _ in range(steps):
            self._stage.discord.options.join_delay = self._chance.choice([0.0, 0.0, 0.05])
            deed = self._chance.choices([deed for _, deed in self._deeds], weights)[0]
            under_way.add(asyncio.ensure_future(self._do(deed)))
            if self._chance.random() < 0.6:
                await asyncio.wait(under_way, timeout=PATIENCE)
                under_way = {task for task in under_way if not task.done()}
            else:
                await asyncio.sleep(0)
        await asyncio.gather(*under_way)
        self._stage.discord.options.join_delay = 0.0
        for client in self._clients:
            await client.__aexit__(None, None, None)

    async def _do(self, deed: Deed) -> object:
        try:
            return await deed()
        except RemoteError as error:  # refused in words: nobody is in a channel, the press was stopped …
            assert error.code in {"play_error", "random_error", "no_voice_channel"}, error.code  # noqa: PT017
        except (ConnectionEndedError, ConnectionError):  # the server was reloaded, or this client vanished
            pass
        return None

    async def _client(self) -> RemoteClient:
        async with self._connecting:
            if not self._clients or (self._clients[-1].ended and self._clients[-1].ended.done()):
                client = await self._stage.remote()
                self._clients.append(await client.__aenter__())
            return self._clients[-1]

    async def _play(self) -> object:
        return await (await self._client()).play(self._chance.choice(list(TONES)))

    async def _random(self) -> object:
        return await (await self._client()).random()

    async def _stop(self) -> None:
        await (await self._client()).stop()

    async def _status(self) -> object:
        return await (await self._client()).status()

    async def _move(self) -> None:
        await self._stage.alice.join(self._chance.choice([self._stage.general, self._other]))

    async def _leave(self) -> None:
        await self._stage.alice.leave()

    async def _kick(self) -> None:
        await self._stage.app.kick_from_voice(self._stage.guild)

    async def _drag(self) -> None:
        if self._stage.guild.voice_states.get(self._stage.app.id):
            await self._stage.app.move_voice(self._chance.choice([self._stage.general, self._other]))

    async def _vanish(self) -> None:
        await (await self._client()).__aexit__(None, None, None)

    async def _reload(self) -> None:
        self._stage.bot.reload_extension(EXTENSION)
        await self._stage.service.wait_ready()


@pytest.mark.parametrize("seed", SEEDS)
async def test_storm(
    stage: Stage, seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After any mix of presses, moves, kicks, reloads and vanishing clients a press is heard, and no bug was met."""
    monkeypatch.setattr("jeffbot.voice.joiner.JOINS_WINDOW", 0.0)
    await Storm(stage, seed).rage(STEPS)

    await stage.seen(stage.alice.leave()) if stage.alice.channel else None
    await stage.seen(stage.alice.join(stage.general))
    playback: Any = None
    async with asyncio.timeout(PATIENCE):
        while playback is None:  # the bot may still be taking in the last kick
            playback = await _pressed(stage)
    assert playback.place.channel == "General"
    ear = stage.ear
    start = len(ear.packets)
    await stage.discord.until(lambda: len(ear.packets) >= start + 30, timeout=PATIENCE)
    heard = Recording(ear.packets[start:]).without_silence
    assert heard.strongest_frequency_hz == pytest.approx(TONES["high.wav"], abs=10)
    ours = [record for record in caplog.records if record.levelname == "ERROR" and "jeffbot" in record.name]
    assert [record.getMessage() for record in ours] == []


async def _pressed(stage: Stage) -> object:
    try:
        return await stage.service.play(stage.alice.id, "high")
    except VoiceUnavailableError as error:
        assert "connection was lost" in str(error)  # noqa: PT017
        return None
