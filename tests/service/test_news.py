"""What the service tells of changes: each once, in order, and no more than what changed."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.community import Audience, Entrance, GuildSettings, Moment
from jeffbot.errors import ForbiddenError
from jeffbot.events import EventHub
from jeffbot.library.catalog import Catalog
from jeffbot.library.difference import Difference
from jeffbot.library.libraries import Libraries
from jeffbot.models import Details, GuildId, Sound
from jeffbot.news import (
    MAX_NAMED,
    EntrancesChanged,
    FavouritesChanged,
    LibraryChanged,
    News,
    SettingsChanged,
)
from jeffbot.store.records import Records
from jeffbot.store.store import Store
from jeffbot.store.values import SHARED, File, Kept, Key
from service.home import ALICE, BOB, CAVE, MANAGER, MEMBER, OPERATOR, TOWER, Home, at_home, tone


def listen(home: Home) -> list[News]:
    """What is told from now on."""
    told: list[News] = []
    home.service.subscribe(told.append)
    return told


def names(news: Any) -> tuple[list[str], list[str], list[str]]:
    """The names of what was added, changed and removed."""
    assert isinstance(news, LibraryChanged)
    assert not news.many
    added, changed, removed = ([sound.name for sound in some] for some in (news.added, news.changed, news.removed))
    return sorted(added), sorted(changed), sorted(removed)


# The library


async def test_file(home: Home) -> None:
    """A file that comes, changes and goes is told each time, with its library, and nothing else is."""
    await home.drop("other.wav")
    told = listen(home)
    horn = await home.drop("horn.wav")
    tone(horn.file, 500).touch()
    await home.catalog.look([str(horn.file)])
    horn.file.unlink()
    await home.catalog.look([str(horn.file)])

    assert [names(news) for news in told] == [
        (["horn.wav"], [], []),
        ([], ["horn.wav"], []),
        ([], [], ["horn.wav"]),
    ]
    assert {news.guild_id for news in told if isinstance(news, LibraryChanged)} == {None}


async def test_nothing_changed(home: Home) -> None:
    """Looking at what is as it was tells nothing."""
    horn = await home.drop("horn.wav")
    told = listen(home)
    await home.catalog.scan()
    await home.catalog.look([str(horn.file)])

    assert told == []


async def test_namesakes(home: Home) -> None:
    """A sound that is called otherwise because another of its file name came or went has changed."""
    await home.drop("a/horn.wav")
    told = listen(home)
    other = await home.drop("b/horn.wav", 500)
    third = await home.drop("c/horn.wav", 600)
    for sound in (other, third):
        sound.file.unlink()
        await home.catalog.look([str(sound.file)])

    assert [names(news) for news in told] == [
        (["b/horn.wav"], ["a/horn.wav"], []),
        (["c/horn.wav"], [], []),
        ([], [], ["b/horn.wav"]),
        ([], ["horn.wav"], ["c/horn.wav"]),
    ]


async def test_edited(home: Home) -> None:
    """What is said of a sound changes how it looks; what was added by someone is told of their guild."""
    told = listen(home)
    mine = await home.add(MEMBER, "mine")
    await home.service.library.edit(MEMBER, mine.id, title="Mine!")

    library = [news for news in told if isinstance(news, LibraryChanged)]
    assert [names(news) for news in library] == [(["mine.wav"], [], []), ([], ["mine.wav"], [])]
    assert {news.guild_id for news in library} == {CAVE}
    assert library[1].changed[0].title == "Mine!"


async def test_merged(home: Home) -> None:
    """Of sounds that are merged into one, that one has changed and the others are gone."""
    horn, copy = await home.drop("horn.wav"), await home.drop("copy.wav")
    told = listen(home)
    await home.service.library.merge(OPERATOR, horn.id, [copy.id])

    assert [names(news) for news in told if isinstance(news, LibraryChanged)] == [([], ["horn.wav"], ["copy.wav"])]


async def test_many(home: Home) -> None:
    """More than a hundred at once are not told one by one."""
    folder = tone(home.sounds / "0.wav").read_bytes()
    for number in range(MAX_NAMED):
        (home.sounds / f"{number}.wav").write_bytes(folder)
    told = listen(home)
    await home.catalog.scan()
    (home.sounds / "one more.wav").write_bytes(folder)
    for number in range(MAX_NAMED):
        (home.sounds / f"{number}.wav").unlink()
    await home.catalog.scan()

    first, second = told
    assert isinstance(first, LibraryChanged)
    assert len(first.added) == MAX_NAMED
    assert second == LibraryChanged(None, many=True)


async def test_start_tells_nothing(sounds: Path, data: Path) -> None:
    """What there is at a start is no news; what has changed since the last time is."""
    tone(sounds / "horn.wav")
    told: list[LibraryChanged] = []
    async with Store(data) as store, Catalog(sounds, store) as catalog:
        catalog.changes.subscribe(told.append)
        await catalog.open()
    assert told == []
    tone(sounds / "new.wav", 500)
    async with Store(data) as store, Catalog(sounds, store) as catalog:
        catalog.changes.subscribe(told.append)
        await catalog.open()

    assert [names(news) for news in told] == [(["new.wav"], [], [])]


async def test_changed_by_another_process(home: Home) -> None:
    """Where another process has changed the library all of it is to be read anew."""
    horn = await home.drop("horn.wav")
    told = listen(home)
    async with home.watching(), Store(home.data, serving=False) as other:
        await other.write(lambda records: records.sounds.edit(horn.id, Details(title="Horn!")))
        await home.until(lambda: any(sound.title == "Horn!" for sound in home.catalog.sounds()))

    assert LibraryChanged(None, many=True) in told


async def test_library_before_its_news(home: Home) -> None:
    """Who is told of a change finds the library as it is then."""
    seen: list[list[str]] = []
    home.service.subscribe(lambda _: seen.append(home.names))
    await home.drop("horn.wav")

    assert seen == [["horn.wav"]]


PATHS = ["horn.wav", "a/horn.wav", "b/horn.wav", "bell.wav", "a/bell.wav"]
FILES = st.tuples(st.sampled_from([None, CAVE]), st.sampled_from(PATHS))
CHANGES = st.lists(
    st.tuples(st.dictionaries(FILES, st.integers(1, 3), max_size=4), st.sets(FILES, max_size=4)), max_size=8
)


@given(CHANGES, st.booleans())
def test_whoever_follows_the_news_knows_the_library(changes: Any, anew: bool) -> None:  # noqa: FBT001
    """Who applies each change to what they knew knows all sounds, as they look, also where namesakes come and go."""
    libraries = Libraries()
    mirror: dict[tuple[GuildId | None, str], Sound] = {}
    for put, gone in changes:
        outcome: dict[Key, Kept | None] = {(guild_id or SHARED, path): None for guild_id, path in gone}
        files = [File(guild_id, path, size, 1) for (guild_id, path), size in put.items()]
        outcome |= {file.key: Kept.of(file, "/") for file in files}
        difference = Difference(libraries, outcome)
        (libraries.replace if anew else libraries.put)(outcome)
        for news in difference.news():
            for sound in news.removed:
                del mirror[news.guild_id, sound.path]
            for sound in news.added:
                assert mirror.setdefault((news.guild_id, sound.path), sound) is sound
            for sound in news.changed:
                assert mirror[news.guild_id, sound.path] != sound
                mirror[news.guild_id, sound.path] = sound
        assert mirror == {(sound.guild_id, sound.path): sound for sound in libraries.all_sounds}


# People and guilds


async def test_favourites(home: Home) -> None:
    """Whose favourites changed is told, when they are kept."""
    horn = await home.drop("horn.wav")
    told = listen(home)
    await home.service.people.change_favourites(MEMBER, add=[horn.id])
    await home.service.people.erase(MEMBER)

    assert told == [FavouritesChanged(ALICE), FavouritesChanged(ALICE)]


async def test_entrances(home: Home) -> None:
    """Whose entrance sound changed, or that a role's or everyone's did; not what stayed."""
    horn, bell = await home.drop("horn.wav"), await home.drop("bell.wav", 500)
    choose = home.service.entrances.set
    await choose(MEMBER, horn.id, Moment.EXIT)
    told = listen(home)
    await choose(MEMBER, bell.id)
    await choose(MANAGER, bell.id, user_id=BOB)
    await choose(MANAGER, bell.id, everyone=True)
    await choose(MEMBER, None)
    with pytest.raises(ForbiddenError):
        await choose(MEMBER, bell.id, user_id=BOB)
    await home.service.entrances.load()

    assert told == [EntrancesChanged(CAVE, who) for who in (ALICE, BOB, None, ALICE)]


async def test_entrances_of_the_erased(home: Home) -> None:
    """What goes with someone who is erased is told."""
    horn = await home.drop("horn.wav")
    await home.service.entrances.set(MEMBER, horn.id)
    told = listen(home)
    await home.service.people.erase(MEMBER)

    assert EntrancesChanged(CAVE, ALICE) in told


async def test_settings(home: Home) -> None:
    """All settings of a guild are told when one has changed; not where none has."""
    told = listen(home)
    changed = await home.service.guilds.change(MANAGER, volume=50.0)
    await home.service.guilds.change(MANAGER, volume=50.0)
    await home.service.guilds.load()

    assert told == [SettingsChanged(CAVE, changed)]


async def test_set_by_another_process(home: Home) -> None:
    """What another process has set is told when it is read, once."""
    horn = await home.drop("horn.wav")
    await home.service.guilds.keep(TOWER, native=True)
    told = listen(home)
    settings, entrance = GuildSettings(native=True), Entrance(CAVE, Audience.USER, ALICE, Moment.EXIT, horn.id)

    def work(records: Records) -> None:
        records.guilds.set(CAVE, settings)
        records.people.set_entrance(entrance)

    async with Store(home.data, serving=False) as other:
        await other.write(work)
    await home.service.load()
    await home.service.load()

    assert told == [SettingsChanged(CAVE, settings), EntrancesChanged(CAVE, ALICE)]


async def test_set_before_a_start(sounds: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What guilds and people had set before a start is no news."""
    async with at_home(sounds, data) as home:
        horn = await home.drop("horn.wav")
        await home.service.guilds.keep(CAVE, native=True)
        await home.service.entrances.set(MEMBER, horn.id)
    told: list[Any] = []
    publish = EventHub.publish

    def noted(hub: Any, *event: Any) -> None:
        told.extend(event)
        publish(hub, *event)

    monkeypatch.setattr(EventHub, "publish", noted)
    async with at_home(sounds, data) as home:
        assert home.service.guilds.settings(CAVE).native
        assert home.names == ["horn.wav"]

    assert told == []


async def test_failing_listener(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """A listener that fails keeps no change from being made, nor others from hearing of it."""

    def fails(_: News) -> None:
        raise RuntimeError("listener")

    home.service.subscribe(fails)
    told = listen(home)
    await home.service.guilds.change(MANAGER, volume=50.0)

    assert len(told) == 1
    assert "failed" in caplog.text
