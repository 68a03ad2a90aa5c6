"""What guilds remember, and how a press is played by it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jeffbot.community import GuildSettings
from jeffbot.errors import BadDetailsError, NoVoiceChannelError, StoreError
from jeffbot.models import Mode, PlayOptions, Retrigger
from service.home import BOB, CAVE, MANAGER, MEMBER, OPERATOR, TOWER, Home, at_home

CHANGED = GuildSettings(
    mode=Mode.QUEUE,
    retrigger=Retrigger.IGNORE,
    volume=80,
    native=True,
    entrances=False,
    entrance_on_move=True,
    entrance_cooldown=5,
    time_zone="Europe/Berlin",
)
FIELDS = [(name, getattr(CHANGED, name)) for name in GuildSettings.__struct_fields__]


@pytest.mark.parametrize(("field", "value"), FIELDS)
async def test_each_setting(home: Home, field: str, value: Any) -> None:
    """A change comes back, is at hand at once, and is this guild's alone."""
    changed = await home.service.guilds.change(MANAGER, **{field: value})

    assert changed == home.service.guilds.settings(CAVE) == GuildSettings(**{field: value})
    assert home.service.guilds.settings(TOWER) == GuildSettings()


async def test_restart(sounds: Path, data: Path) -> None:
    """Settings stay after a restart."""
    async with at_home(sounds, data) as home:
        for name, value in FIELDS:
            await home.service.guilds.change(MANAGER, **{name: value})
    async with at_home(sounds, data) as home:
        assert home.service.guilds.settings(CAVE) == CHANGED


async def test_back(home: Home) -> None:
    """A setting is taken back with None, where the operator has one."""
    await home.service.guilds.change(MANAGER, mode="queue", volume=10)

    assert await home.service.guilds.change(MANAGER, mode=None, volume=None) == GuildSettings()


async def test_at_the_same_time(home: Home) -> None:
    """Changes of several people are all kept."""
    change = home.service.guilds.change
    await asyncio.gather(change(MANAGER, volume=50), change(OPERATOR, mode="next"), change(MANAGER, entrances=False))

    assert home.service.guilds.settings(CAVE) == GuildSettings(volume=50, mode=Mode.NEXT, entrances=False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"loudness": 1}, "no setting loudness; there are mode"),
        ({"mode": "louder"}, "louder"),
        ({"retrigger": 1}, "Expected `str"),
        ({"volume": 201}, "0 to 200"),
        ({"volume": -1}, "0 to 200"),
        ({"volume": float("nan")}, "0 to 200"),
        ({"volume": "full"}, "Expected `float"),
        ({"native": "yes"}, "Expected `bool"),
        ({"native": None}, "Expected `bool"),
        ({"entrance_cooldown": -1}, "0 to 86400"),
        ({"entrance_cooldown": 90_000}, "0 to 86400"),
        ({"entrance_cooldown": float("nan")}, "0 to 86400"),
        ({"time_zone": "Middle-earth/Shire"}, "Europe/Berlin"),
        ({"time_zone": "../../etc/passwd"}, "Europe/Berlin"),
        ({"time_zone": ""}, "Europe/Berlin"),
        ({"time_zone": "Europe"}, "Europe/Berlin"),
        ({"volume": 50, "mode": "louder"}, "louder"),
    ],
)
async def test_refused(home: Home, changes: dict[str, Any], reason: str) -> None:
    """What is not allowed is refused with what is, and nothing changes."""
    with pytest.raises(BadDetailsError, match=reason):
        await home.service.guilds.change(MANAGER, **changes)
    assert home.service.guilds.settings(CAVE) == GuildSettings()


async def test_what_cannot_be_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that cannot be kept is not made."""

    async def dead(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(home.store, "write", dead)
    with pytest.raises(StoreError):
        await home.service.guilds.change(MANAGER, volume=50)
    assert home.service.guilds.settings(CAVE) == GuildSettings()


async def test_no_guild(home: Home) -> None:
    """Whose guild cannot be told is asked to join a voice channel."""
    with pytest.raises(NoVoiceChannelError):
        await home.service.guilds.change(BOB, volume=50)


async def test_hearing(home: Home) -> None:
    """When Discord's own soundboard is wanted, or no more, voice looks whether to be deaf."""
    for native in (True, True, False):
        await home.service.guilds.change(MANAGER, native=native)

    assert home.voice.session(CAVE).refreshed == 2


# How a sound is played

OPERATORS = PlayOptions()


@pytest.mark.parametrize(
    ("press", "sound", "guild", "expected"),
    [
        ({}, {}, {}, OPERATORS),
        ({}, {}, {"mode": "queue"}, PlayOptions(Mode.QUEUE)),
        ({"mode": "next"}, {}, {"mode": "queue"}, PlayOptions(Mode.NEXT)),
        ({}, {}, {"retrigger": "ignore"}, PlayOptions(retrigger=Retrigger.IGNORE)),
        ({}, {"retrigger": "overlap"}, {"retrigger": "ignore"}, PlayOptions(retrigger=Retrigger.OVERLAP)),
        ({"retrigger": "restart"}, {"retrigger": "overlap"}, {"retrigger": "ignore"}, OPERATORS),
        ({}, {"gain": -6.0}, {}, PlayOptions(gain=-6)),
        ({"gain": 3.0}, {"gain": -6.0}, {}, PlayOptions(gain=3)),
        ({"gain": 0.0}, {"gain": -6.0}, {}, OPERATORS),
        ({"volume": 10.0}, {}, {}, PlayOptions(volume=10)),
        ({"volume": 0.0}, {}, {"mode": "queue"}, PlayOptions(Mode.QUEUE, volume=0)),
    ],
)
async def test_who_decides(
    home: Home, press: dict[str, Any], sound: dict[str, Any], guild: dict[str, Any], expected: PlayOptions
) -> None:
    """A press decides before the sound, that before the guild, that before who runs the bot."""
    await home.drop("horn.wav")
    await home.service.library.edit(OPERATOR, "horn", **sound)
    await home.service.guilds.change(MANAGER, **guild)

    await home.service.play(MEMBER, "horn", **press)

    ((_, options),) = home.voice.session(CAVE).played
    assert options == expected


async def test_options_of_random(home: Home) -> None:
    """What is played by chance is played as the guild has it, too."""
    await home.drop("horn.wav")
    await home.service.guilds.change(MANAGER, mode="queue", volume=70)

    await home.service.random(MEMBER)

    assert home.voice.session(CAVE).played[0][1] == PlayOptions(Mode.QUEUE)
    assert home.voice.session(CAVE).volume == 70
