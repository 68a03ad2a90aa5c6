"""What was played, in numbers."""

import struct
import time

import pytest

from jeffbot.errors import NoVoiceChannelError
from jeffbot.models import PlayOptions, Sound
from jeffbot.playback import Playback, SoundEnded, SoundStarted
from service.home import ALICE, BOB, CAVE, GENERAL, LOFT, MANAGER, MEMBER, OTHER, Home


@pytest.fixture
async def three(home: Home) -> list[Sound]:
    return [await home.drop(name, 300 + i) for i, name in enumerate(("a.wav", "b.wav", "c.wav"))]


async def test_numbers(home: Home, three: list[Sound]) -> None:
    """Presses are counted by sound and by who pressed, the most first, by hour, and in their guild alone."""
    a, b, _ = three
    for user_id, sound in ((ALICE, a), (BOB, a), (ALICE, b), (ALICE, a)):
        await home.play(user_id, sound)
    await home.play(ALICE, b, LOFT)

    numbers = await home.service.numbers.numbers(OTHER)

    assert numbers.plays == 4
    assert [(count.title, count.plays) for count in numbers.sounds] == [("a.wav", 3), ("b.wav", 1)]
    assert [(person.user_id, person.plays) for person in numbers.people] == [(ALICE, 3), (BOB, 1)]
    assert sum(map(sum, numbers.hours)) == 4
    assert {count.sound_id for count in numbers.first} == {a.id, b.id}
    assert numbers.sounds[0].last_played == pytest.approx(time.time(), abs=60)


async def test_through_a_press(home: Home, three: list[Sound]) -> None:
    """A press is counted when it begins to be heard, at once for who asks."""
    await home.service.play(MEMBER, "a")

    assert (await home.service.numbers.numbers(MEMBER)).plays == 1
    assert (await home.service.library.story(MEMBER, three[0].id)).plays == 1


async def test_what_is_not_counted(home: Home, three: list[Sound]) -> None:
    """Entrances, and what ended without having been heard, are not counted."""
    await home.play(ALICE, three[0], counted=False)
    home.events.publish(SoundEnded(Playback(three[1], ALICE, GENERAL)))
    await home.voice.session(CAVE).play(three[2], ALICE, GENERAL, None, PlayOptions(counted=False))

    assert (await home.service.numbers.numbers(MEMBER)).plays == 0


async def test_of_a_sound_that_is_not_known(home: Home) -> None:
    """What the store does not know yet is played without being counted, and without harm."""
    unknown = Sound("x.wav", "x.wav", "/nowhere", 1, 1)
    playback = Playback(unknown, ALICE, GENERAL)
    playback.begin()
    home.events.publish(SoundStarted(playback))

    assert (await home.service.numbers.numbers(MEMBER)).plays == 0


async def test_since(home: Home, three: list[Sound]) -> None:
    """Older plays are left out where someone asks for the time since then."""
    await home.play(ALICE, three[0])

    assert (await home.service.numbers.numbers(MEMBER, since=time.time() + 60)).plays == 0
    assert (await home.service.numbers.numbers(MEMBER, since=time.time() - 60)).plays == 1


async def test_top(home: Home, three: list[Sound]) -> None:
    """At most so many of each are told; all are counted."""
    for sound in three:
        await home.play(ALICE, sound)

    numbers = await home.service.numbers.numbers(MEMBER, top=2)

    assert (len(numbers.sounds), len(numbers.first), numbers.plays) == (2, 2, 3)


async def test_title(home: Home, three: list[Sound]) -> None:
    """Sounds are told by their title, also when they are gone."""
    await home.service.library.edit(9, "a", title="Air Horn")
    await home.play(ALICE, three[0])
    three[0].file.unlink()
    await home.catalog.scan()

    assert [count.title for count in (await home.service.numbers.numbers(MEMBER)).sounds] == ["Air Horn"]


async def test_time_zone(home: Home, three: list[Sound]) -> None:
    """Hours are those of the guild's time zone."""
    playback = Playback(three[0], ALICE, GENERAL)
    playback.started_at = 1_800_000_000.0  # a Friday, 08:00 UTC
    home.events.publish(SoundStarted(playback))

    assert (await home.service.numbers.numbers(MEMBER)).hours[4][8] == 1
    await home.service.guilds.change(MANAGER, time_zone="Asia/Tokyo")
    assert (await home.service.numbers.numbers(MEMBER)).hours[4][17] == 1


async def test_no_guild(home: Home) -> None:
    """Whose guild cannot be told is asked to join a voice channel."""
    with pytest.raises(NoVoiceChannelError):
        await home.service.numbers.numbers(BOB)


@pytest.mark.parametrize("plays", [0, 3])
async def test_picture(home: Home, three: list[Sound], plays: int) -> None:
    """The numbers are drawn as a PNG (PNG specification, sections 5.2 and 11.2.2), also where nothing was played."""
    for _ in range(plays):
        await home.play(ALICE, three[0])
    numbers = await home.service.numbers.numbers(MEMBER)

    picture = await home.service.numbers.picture(numbers, {ALICE: "Alice"}, "Cave")

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert min(width, height) > 100
