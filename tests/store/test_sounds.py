"""What is known and said of sounds goes with their files, wherever these go."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import select, update

from jeffbot.community import Audience, Entrance, Moment
from jeffbot.models import Details, GuildId, Retrigger, UserId
from jeffbot.store.database import Database
from jeffbot.store.records import Records
from jeffbot.store.schema import sounds
from jeffbot.store.sounds import CHUNK
from jeffbot.store.values import SHARED, File, Kept, Measured, Played
from store.keeping import GUILD, NOW, add_sounds, loaded, place, take_in

HORN = File(None, "horn.mp3", 100, 1)
SAID = Details(title="Horn", aliases=("tröt",), gain=-3.0)


def measured(sound_id: int, file: File, content_hash: str) -> Measured:
    """What becomes known of a file's content."""
    return Measured(sound_id, file.size, file.modified_ns, content_hash, 1.5, -20.0)


def add(records: Records, file: File, content_hash: str | None = None, details: Details = SAID) -> int:
    """Take in one file, with something said of it and perhaps its content known; its number."""
    sound_id = take_in(records, [file])[file.path].sound.id
    records.sounds.edit(sound_id, details)
    if content_hash:
        records.sounds.measure([measured(sound_id, file, content_hash)])
    return sound_id


# Files that come, change and go


def test_new_file(database: Database) -> None:
    """A new file is a sound of which nothing is said, first seen now."""
    with database.writing() as records:
        kept = take_in(records, [HORN._replace(path="ü/horn.mp3")])["ü/horn.mp3"]
        assert [*records.sounds.load(place)] == [kept]

    assert (kept.sound.name, kept.sound.tags, kept.sound.details) == ("horn.mp3", ("ü",), Details())
    assert (kept.sound.created_at, kept.content_hash, kept.merged_into) == (NOW, None, None)
    assert kept.sound.id > 0


def test_unchanged_file(database: Database) -> None:
    """A file that is as it was keeps all that is known."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")
        before = records.sounds.get([sound_id], place)

        assert [*take_in(records, [HORN]).values()] == before


def test_file_changed_in_place(database: Database) -> None:
    """A file that changes keeps what is said of it; its content is to be measured anew."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")

        kept = take_in(records, [HORN._replace(size=200, modified_ns=2)])[HORN.path]

    assert (kept.sound.id, kept.sound.details, kept.sound.size, kept.sound.modified_ns) == (sound_id, SAID, 200, 2)
    assert (kept.content_hash, kept.length, kept.loudness) == (None, None, None)


def test_gone_file(database: Database) -> None:
    """A file that goes is loaded no more; its row stays."""
    with database.writing() as records:
        sound_id = add(records, HORN)

        assert take_in(records, gone=[HORN.key]) == {}
        assert loaded(records) == {}
        assert [item.sound.details for item in records.sounds.get([sound_id], place)] == [SAID]


@pytest.mark.parametrize("version", [HORN, HORN._replace(size=200, modified_ns=2)], ids=["the same", "another"])
def test_back_at_the_same_place(database: Database, version: File) -> None:
    """A file that comes back where it was has its story again; of a content that is another nothing is known."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")
        take_in(records, gone=[HORN.key])

        kept = take_in(records, [version])[HORN.path]

    assert (kept.sound.id, kept.sound.details) == (sound_id, SAID)
    assert kept.content_hash == ("aa" if version == HORN else None)


@pytest.mark.parametrize("guild_id", [None, GUILD])
def test_renamed_file(database: Database, guild_id: GuildId | None) -> None:
    """A file that goes and comes under another name, with another time, is found by its content."""
    with database.writing() as records:
        horn = HORN._replace(guild_id=guild_id)
        sound_id = add(records, horn, "aa")
        there = horn._replace(path="loud/tröt.mp3", modified_ns=9)

        kept = take_in(records, [there], [horn.key], hash_of={there: "aa"}.get)[there.path]

    assert (kept.sound.id, kept.sound.details, kept.content_hash) == (sound_id, SAID, "aa")
    assert (kept.sound.name, kept.sound.modified_ns) == ("tröt.mp3", 9)


@pytest.mark.parametrize("content_hash", ["bb", None], ids=["another content", "unreadable"])
def test_same_size_is_not_the_same_content(database: Database, content_hash: str | None) -> None:
    """A new file of the size of one that went is another sound, unless its content says otherwise."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")
        other = HORN._replace(path="other.mp3")

        kept = take_in(records, [other], [HORN.key], hash_of={other: content_hash}.get)[other.path]

    assert (kept.sound.id != sound_id, kept.sound.details) == (True, Details())


def test_content_of_a_file_that_is_there(database: Database) -> None:
    """A copy is a sound of its own as long as the first is there; and it is not even read."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")

        kept = take_in(records, [HORN._replace(path="copy.mp3")], hash_of=_must_not_be_read)["copy.mp3"]

    assert kept.sound.id != sound_id


def test_two_candidates(database: Database) -> None:
    """Of two sounds of one content that went, the one that went last is the file that comes; each comes back once."""
    first, second = HORN, HORN._replace(path="second.mp3")
    with database.writing() as records:
        ids = [add(records, file, "aa") for file in (first, second)]
        take_in(records, gone=[first.key], now=NOW)
        take_in(records, gone=[second.key], now=NOW + 1)
        again = [HORN._replace(path=f"again{number}.mp3") for number in range(3)]

        found = [take_in(records, [file], hash_of=lambda _: "aa")[file.path].sound.id for file in again]

    assert found[:2] == [ids[1], ids[0]]
    assert found[2] not in ids


def test_two_candidates_at_once(database: Database) -> None:
    """Two files that were renamed together are read once each, and get one story each."""
    files = [HORN, HORN._replace(path="second.mp3")]
    there = [file._replace(path=f"new/{file.path}") for file in files]
    read: list[File] = []

    def hash_of(file: File) -> str:
        read.append(file)
        return "aa" if file == there[0] else "bb"

    with database.writing() as records:
        ids = [add(records, file, content) for file, content in zip(files, ("aa", "bb"), strict=True)]
        kept = take_in(records, there[::-1], [file.key for file in files], hash_of=hash_of)

    assert [kept[file.path].sound.id for file in there] == ids
    assert sorted(read) == sorted(there)


def test_two_files_of_one_story(database: Database) -> None:
    """Of two copies that come in the place of one file one gets its story; the other is a sound of its own."""
    there = [HORN._replace(path=path) for path in ("one.mp3", "two.mp3")]
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")
        kept = take_in(records, there, [HORN.key], hash_of=lambda _: "aa")

        assert {*loaded(records)} == {(None, "one.mp3"), (None, "two.mp3")}
    assert sorted(item.sound.details == SAID for item in kept.values()) == [False, True]
    assert sound_id in {item.sound.id for item in kept.values()}


def test_never_across_libraries(database: Database) -> None:
    """A file that comes in one library gets no story of another, whether its place is the same or its content."""
    with database.writing() as records:
        ids = {add(records, HORN, "aa")}
        for guild_id, path in ((GUILD, HORN.path), (GUILD, "moved.mp3"), (GuildId(71), HORN.path)):
            file = HORN._replace(guild_id=guild_id, path=path)
            ids.add(take_in(records, [file], [HORN.key], hash_of=_must_not_be_read)[path].sound.id)

        assert len(ids) == 4
        assert {*loaded(records)} == {(GUILD, HORN.path), (GUILD, "moved.mp3"), (GuildId(71), HORN.path)}


@pytest.mark.parametrize(("modified_ns", "is_found"), [(1, True), (2, False)])
def test_gone_before_it_was_hashed(database: Database, modified_ns: int, is_found: bool) -> None:  # noqa: FBT001
    """One that went before its content was known is found by its size and time."""
    with database.writing() as records:
        sound_id = add(records, HORN)
        there = HORN._replace(path="moved.mp3", modified_ns=modified_ns)

        kept = take_in(records, [there], [HORN.key])[there.path]

    assert (kept.sound.id == sound_id) is is_found


def test_many_files_at_once(database: Database) -> None:
    """More files than a query lists come, go and come back."""
    files = [HORN._replace(path=f"{number}.mp3") for number in range(CHUNK + 1)]
    with database.writing() as records:
        first = take_in(records, files)
        take_in(records, gone=[file.key for file in files])
        assert loaded(records) == {}

        assert take_in(records, files) == first


def _must_not_be_read(file: File) -> str:
    raise AssertionError(file)


# What is about to come


def test_expected_file(database: Database) -> None:
    """A file that someone is adding has what they say of it, and their name, as soon as it is there."""
    with database.writing() as records:
        sound_id = records.sounds.expect(
            HORN, uploader_id=UserId(5), details=SAID, now=NOW, content_hash="aa", length=2.0, native_id=8
        )
        assert loaded(records) == {}

        kept = take_in(records, [HORN])[HORN.path]

    assert (kept.sound.id, kept.sound.details, kept.sound.uploader_id) == (sound_id, SAID, UserId(5))
    assert (kept.content_hash, kept.length, kept.sound.native_id) == ("aa", 2.0, 8)


def test_expected_file_that_does_not_come(database: Database) -> None:
    """A place where an earlier file was expected is the later one's."""
    with database.writing() as records:
        for uploader_id in (5, 6):
            records.sounds.expect(HORN, uploader_id=UserId(uploader_id), details=SAID, now=NOW + uploader_id)

        assert take_in(records, [HORN])[HORN.path].sound.uploader_id == UserId(6)


# What is known and said


def test_measured_version(database: Database) -> None:
    """What became known of a file's content is not taken for that of the file it is now."""
    with database.writing() as records:
        sound_id = add(records, HORN)
        for other in (HORN._replace(size=101), HORN._replace(modified_ns=2)):
            records.sounds.measure([measured(sound_id, other, "bb")])
        assert records.sounds.story(sound_id).content_hash is None

        records.sounds.measure([measured(sound_id, HORN, "aa")])
        assert records.sounds.story(sound_id) == (0, None, None, "aa", 1.5, -20.0)


names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=3).map(tuple)
anything = st.builds(
    Details,
    title=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    aliases=names,
    emoji=st.sampled_from(["", "🔊", "<:name:1>"]),
    colour=st.none() | st.integers(0, 0xFFFFFF),
    tags=names,
    gain=st.floats(-24, 24),
    trim_start=st.floats(0, 100),
    trim_end=st.none() | st.floats(0, 100),
    retrigger=st.none() | st.sampled_from(Retrigger),
)


def test_details_round_trip(database: Database) -> None:
    """What people say of a sound is kept to the letter: Unicode, quotes, NUL and all."""
    with database.writing() as records:
        sound_id = take_in(records, [HORN])[HORN.path].sound.id

        @settings(max_examples=60, deadline=None)
        @given(details=anything)
        def check(details: Details) -> None:
            records.sounds.edit(sound_id, details)
            assert [item.sound.details for item in records.sounds.load(place)] == [details]

        check()


def test_most_played(database: Database) -> None:
    """The sounds that were played, the most often played first; of equals the older."""
    ids = add_sounds(database, "a", "b", "c", "d")
    with database.writing() as records:
        records.plays.add([Played(ids[i], GUILD, None, NOW) for i in (1, 2, 0, 2)])

        assert records.sounds.most_played() == [ids[2], ids[0], ids[1]]


# Duplicates


def test_duplicates(database: Database) -> None:
    """Sounds of one library and one content, the oldest first; none that went, was deleted or was merged."""
    contents = {"old": "aa", "new": "aa", "alone": "bb", "gone": "aa", "deleted": "aa", "merged": "aa"}
    with database.writing() as records:
        ids = {name: add(records, File(None, name, 5, 1), content) for name, content in contents.items()}
        ours = add(records, File(GUILD, "ours", 5, 1), "aa")
        add(records, File(None, "unknown", 5, 1))
        records.connection.execute(update(sounds).where(sounds.c.id == ids["old"]).values(created_at=NOW - 1))
        take_in(records, gone=[(SHARED, "gone")])
        records.sounds.delete(ids["deleted"], NOW)
        records.sounds.merge(ids["merged"], ids["old"])

        assert records.sounds.duplicates(None) == [[ids["old"], ids["new"]]]
        assert records.sounds.duplicates(GUILD) == []
        assert records.sounds.same_content("aa", GUILD) == [ids["old"], ids["new"], ids["merged"], ours]
        assert ours not in records.sounds.same_content("aa", GuildId(71))


def test_merge(database: Database) -> None:
    """The sound that is kept has the plays, favourites and entrances of the other, which points at it from now on."""
    kept, other, merged_before = add_sounds(database, "kept", "other", "merged before")
    both, fan = UserId(1), UserId(2)
    entrance = Entrance(GUILD, Audience.USER, fan, Moment.ENTRANCE, other)
    with database.writing() as records:
        records.people.add_favourites(both, [kept, other], NOW)
        records.people.add_favourites(fan, [other], NOW)
        records.people.set_entrance(entrance)
        records.plays.add([Played(kept, GUILD, None, NOW + 5), Played(other, GUILD, fan, NOW + 9)])
        records.plays.add([Played(other, GUILD, fan, NOW + 1)])
        records.sounds.merge(merged_before, other)

        records.sounds.merge(other, kept)

        assert records.people.favourites(both) == (kept,)
        assert records.people.favourites(fan) == (kept,)
        assert records.people.entrances(GUILD) == (entrance._replace(sound_id=kept),)
        assert [heard.sound_id for heard in records.plays.recent(GUILD)] == [kept]
        assert records.sounds.story(kept)[:3] == (3, NOW + 5, NOW + 9)
        assert records.sounds.story(other)[:3] == (0, None, None)
        hidden = {item.sound.path: item.merged_into for item in records.sounds.load(place)}
    assert hidden == {"kept": None, "other": kept, "merged before": kept}


def test_deleting_what_others_were_merged_into(database: Database) -> None:
    """They are shown again: their files are still there."""
    kept, other = add_sounds(database, "kept", "other")
    with database.writing() as records:
        records.sounds.merge(other, kept)
        records.sounds.delete(kept, NOW)

        assert [(item.sound.id, item.merged_into) for item in records.sounds.load(place)] == [(other, None)]


# Deleting


def test_delete_and_undelete(database: Database) -> None:
    """A deleted sound is not loaded; brought back, at whatever place, it has its story as soon as its file is there."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")
        records.sounds.delete(sound_id, NOW + 1)
        take_in(records, gone=[HORN.key])  # its file went to the bin
        assert loaded(records) == {}
        assert records.sounds.deleted() == [(sound_id, None, "horn.mp3", 100, 1, NOW + 1)]

        beside = HORN._replace(path="horn (2).mp3")
        records.sounds.undelete(sound_id, beside, NOW + 2)
        assert records.sounds.deleted() == []
        assert loaded(records) == {}

        kept = take_in(records, [beside])[beside.path]
    assert (kept.sound.id, kept.sound.details, kept.content_hash) == (sound_id, SAID, "aa")


def test_deleted_sound_is_no_candidate(database: Database) -> None:
    """A file that comes where a deleted one was, or with its content, is another sound."""
    with database.writing() as records:
        sound_id = add(records, HORN, "aa")
        records.sounds.delete(sound_id, NOW)
        files = [HORN, HORN._replace(path="again.mp3")]

        kept = take_in(records, files, hash_of=_must_not_be_read)

    assert sound_id not in {item.sound.id for item in kept.values()}


def test_bury(database: Database) -> None:
    """A deleted sound whose file is gone for good cannot be restored, and no file that comes is taken for it."""
    first, second = add_sounds(database, "first", "second")
    with database.writing() as records:
        for number, sound_id in enumerate((first, second)):
            records.sounds.delete(sound_id, NOW + number)
        assert [item.sound_id for item in records.sounds.deleted()] == [second, first]

        records.sounds.bury([first], NOW + 9)

        assert [item.sound_id for item in records.sounds.deleted()] == [second]
        assert take_in(records, [File(None, "first", 1000, 1)])["first"].sound.id != first


# Anything in any order

PATHS = [(guild_id, f"{folder}{name}") for guild_id in (None, GUILD) for folder in ("", "x/") for name in "ab"]
SIZES = {"one": 1, "two": 2, "also two": 2}
places = st.sampled_from(PATHS)
contents = st.sampled_from([*SIZES])


@pytest.fixture(scope="module")
def template(migrated: Path) -> Any:
    Machine.template = migrated
    return migrated


class Machine(RuleBasedStateMachine):
    """A folder and its table, one always told of the other's changes, one by one or several at once."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._clock = 1
        self.files: dict[tuple[GuildId | None, str], File] = {}
        self.contents: dict[File, str] = {}
        self.noted: dict[tuple[GuildId | None, str], File] = {}
        self.said: dict[int, str] = {}

    @initialize()
    def begin(self) -> None:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(self.template, folder / "x.db")
        database = Database(folder / "x.db")
        self._stack.callback(database.close)
        self.records = self._stack.enter_context(database.writing())

    def teardown(self) -> None:
        self._stack.close()

    def now(self) -> int:
        self._clock += 1
        return self._clock

    def look(self) -> None:
        """Take in what has become of the folder, as the catalog does."""
        gone = [file.key for at, file in self.noted.items() if at not in self.files]
        news = [file for at, file in self.files.items() if self.noted.get(at) != file]
        kept = take_in(self.records, news, gone, hash_of=self.contents.get, now=NOW + self.now())
        assert {*kept} == {file.path for file in news}
        self.noted = dict(self.files)

    # What becomes of files

    @rule(at=places, content=contents)
    def write(self, at: tuple[GuildId | None, str], content: str) -> None:
        file = File(*at, SIZES[content], self.now())
        self.files[at] = file
        self.contents[file] = content

    @rule(at=places, to=places)
    def move(self, at: tuple[GuildId | None, str], to: tuple[GuildId | None, str]) -> None:
        if at in self.files and at != to:
            old = self.files.pop(at)
            self.files[to] = File(*to, old.size, old.modified_ns)
            self.contents[self.files[to]] = self.contents[old]

    @rule(data=st.data(), to=places)
    @precondition(lambda self: self.files)
    def move_one(self, data: st.DataObject, to: tuple[GuildId | None, str]) -> None:
        """A sound goes with its file, but not into another library, or a place which has a story of its own."""
        sound = data.draw(st.sampled_from(self.known())).sound
        at = sound.guild_id, sound.path
        was_here = sounds.c.guild_id == (to[0] or SHARED), sounds.c.path == to[1], sounds.c.deleted_at.is_(None)
        stories = self.records.connection.execute(select(sounds.c.id).where(*was_here)).scalars().all()
        self.move(at, to)
        self.look()

        found = loaded(self.records)[to].sound.id
        if at == to or (at[0] == to[0] and not stories):
            assert found == sound.id
        elif at[0] != to[0]:
            assert found != sound.id

    @rule(at=places)
    def remove(self, at: tuple[GuildId | None, str]) -> None:
        self.files.pop(at, None)

    # What becomes of sounds

    def known(self) -> Sequence[Kept]:
        self.look()
        return [*loaded(self.records).values()]

    @rule(data=st.data())
    @precondition(lambda self: self.files)
    def edit(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.known()))
        title = f"title {self.now()}"
        self.records.sounds.edit(item.sound.id, Details(title=title))
        self.said[item.sound.id] = title

    @rule(data=st.data())
    @precondition(lambda self: self.files)
    def measure(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.known()))
        file = self.files[item.sound.guild_id, item.sound.path]
        self.records.sounds.measure([measured(item.sound.id, file, self.contents[file])])

    @rule(data=st.data())
    @precondition(lambda self: self.files)
    def delete(self, data: st.DataObject) -> None:
        sound = data.draw(st.sampled_from(self.known())).sound
        self.records.sounds.delete(sound.id, NOW + self.now())
        del self.files[sound.guild_id, sound.path]

    @rule(data=st.data())
    def undelete(self, data: st.DataObject) -> None:
        self.look()
        free = [at for at in PATHS if at not in self.files]
        deleted = [item for item in self.records.sounds.deleted() if any(at[0] == item.guild_id for at in free)]
        if not deleted:
            return
        item = data.draw(st.sampled_from(deleted))
        to = next(at for at in free if at[0] == item.guild_id)
        file = File(*to, item.size, item.modified_ns)
        self.records.sounds.undelete(item.sound_id, file, NOW + self.now())
        self.files[to] = file
        self.contents[file] = next(
            content for old, content in self.contents.items() if old[2:] == (item.size, item.modified_ns)
        )
        self.look()
        assert loaded(self.records)[to].sound.id == item.sound_id

    # What always holds

    @rule()
    def check(self) -> None:
        """Each file has one row that is there, and the other way round; content and story are the right ones."""
        self.look()
        there = loaded(self.records)

        assert {at: (item.sound.size, item.sound.modified_ns) for at, item in there.items()} == {
            at: (file.size, file.modified_ns) for at, file in self.files.items()
        }
        for at, item in there.items():
            assert item.content_hash in {None, self.contents[self.files[at]]}
            assert item.sound.details.title == self.said.get(item.sound.id, "")


@pytest.mark.usefixtures("template")
class TestAnythingInAnyOrder(Machine.TestCase):  # type: ignore[misc, valid-type]  # made by Hypothesis
    """Whatever happens to files and sounds, table and folder agree, and stories follow content."""

    settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
