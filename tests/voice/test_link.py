"""How one guild's voice connection is kept: joined, joined anew, given up, and watched."""

import asyncio
from types import SimpleNamespace
from typing import Any

import nextcord
import pytest

from jeffbot.errors import VoiceUnavailableError
from jeffbot.models import ChannelId, EndReason, GuildId, LinkState, Moved, VoicePlace
from jeffbot.voice import link as module
from jeffbot.voice import speaking
from jeffbot.voice.client import LostError
from jeffbot.voice.closing import PUT_OUT, Loss, Remedy, loss_of
from jeffbot.voice.link import GIVE_UP, PLAYING_HELD, RETURN_ONCE, STEADY, UNHEARD_TIMEOUT, VoiceLink

PATIENCE = 10.0
GENERAL = VoicePlace(GuildId(81), ChannelId(810), "General")
ATTIC = VoicePlace(GuildId(81), ChannelId(811), "Attic")
BROKEN = Loss(Remedy.REJOIN, "broken")


class FakeClient:
    """A connection to one channel."""

    mode = "aead_aes256_gcm_rtpsize"
    encrypted = True
    decryptable = packets_leave = True
    epoch = listeners = packets_sent = packets_late = 1
    last_close = loss = None

    def __init__(self, place: VoicePlace) -> None:
        self.place = SimpleNamespace(id=place.channel_id, name=place.channel)
        self.ready = self.heard = True
        self.said: list[bool] = []
        self.left = False

    def speak(self, *, speaking: bool) -> None:
        self.said.append(speaking)

    async def wait_audible(self, _timeout: float) -> bool:
        return True

    async def disconnect(self, *, force: bool) -> None:
        assert force
        self.left = True


class Discord:
    """Lets clients in, or not: the next tries end as ``trouble`` says."""

    def __init__(self) -> None:
        self.clients: list[FakeClient] = []
        self.tries = 0
        self.trouble: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self.turn = asyncio.Event()
        self.turn.set()
        self.lets_in = True
        self.lost: Any = None

    async def join(self, place: VoicePlace, on_lost: Any) -> Any:
        self.tries += 1
        await self.open.wait()
        if self.trouble:
            raise self.trouble.pop(0)
        self.lost = on_lost
        self.clients.append(FakeClient(place))
        return self.clients[-1]

    async def wait_turn(self, guild_id: GuildId) -> None:
        assert guild_id == GENERAL.guild_id
        await self.turn.wait()

    def could_join(self, _place: VoicePlace) -> bool:
        return self.lets_in

    def lose(self, loss: Loss = BROKEN) -> None:
        """Break the latest connection."""
        self.lost(self.clients[-1], loss)


class Room:
    """A link, and what it said of what plays."""

    def __init__(self, moved: Moved = Moved.FOLLOW, play_timeout: float = PATIENCE) -> None:
        self.discord = Discord()
        self.over: list[EndReason] = []
        self.back = 0
        self.told: list[LinkState] = []
        self.link = VoiceLink(
            self.discord,
            self.over.append,
            self.come_back,
            moved=moved,
            play_timeout=play_timeout,
            on_change=lambda: self.told.append(self.link.state),
        )

    async def come_back(self) -> None:
        self.back += 1

    async def until(self, state: LinkState) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.link.state is not state:
                await asyncio.sleep(0)  # nothing tells of it


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(module, "LAST_RETRY", 0.001)


@pytest.fixture
async def room() -> Any:
    room = Room()
    yield room
    await room.link.close()


async def test_many_presses_join_once(room: Room) -> None:
    """Whoever asks for the channel while it is being joined waits for that."""
    room.discord.open.clear()
    presses = [asyncio.create_task(room.link.bring(GENERAL)) for _ in range(3)]
    await asyncio.sleep(0)
    assert room.link.state is LinkState.JOINING
    room.discord.open.set()
    await asyncio.gather(*presses)
    await room.link.bring(GENERAL)

    assert (room.link.state, room.discord.tries, room.over) == (LinkState.READY, 1, [])


async def test_changes_are_told(room: Room) -> None:
    """Each change of what it does is told at once: joining, being there, joining anew, and being put out."""
    await room.link.bring(GENERAL)
    assert room.told == [LinkState.IDLE, LinkState.JOINING, LinkState.READY]
    room.discord.lose()
    assert room.told[3:] == [LinkState.RECOVERING]
    await room.until(LinkState.READY)
    assert room.told[4:] == [LinkState.READY]
    room.discord.lose(PUT_OUT)
    assert room.told[5:] == [LinkState.IDLE]
    await room.link.close()
    assert room.told[6:] == [LinkState.GONE]


async def test_joined_anew(room: Room) -> None:
    """A connection that breaks is joined anew however often that fails, and what plays is not told to end."""
    await room.link.bring(GENERAL)
    room.discord.trouble = [TimeoutError(), VoiceUnavailableError("not yet"), nextcord.ClientException("no")]
    room.discord.lose()
    assert (room.link.state, room.link.ready) == (LinkState.RECOVERING, False)
    await room.until(LinkState.READY)

    first, second = room.discord.clients
    assert (first.left, second.left, room.link.ready) == (True, False, True)
    assert (room.discord.tries, room.over) == (5, [])


async def test_press_during_recovery(room: Room) -> None:
    """A press meanwhile waits for it."""
    await room.link.bring(GENERAL)
    room.discord.open.clear()
    room.discord.lose()
    press = asyncio.create_task(room.link.bring(GENERAL))
    await asyncio.sleep(0)
    room.discord.open.set()
    await press

    assert (room.link.state, len(room.discord.clients)) == (LinkState.READY, 2)


async def test_press_elsewhere_during_recovery(room: Room) -> None:
    """A press from another channel goes there at once; what stood still ends."""
    await room.link.bring(GENERAL)
    room.discord.trouble = [VoiceUnavailableError("full")] * 1000
    room.discord.lose()
    await asyncio.sleep(0.01)  # some tries
    room.discord.trouble = []
    await room.link.bring(ATTIC)

    assert room.link.report().channel == "Attic"
    assert room.over == [EndReason.LEFT]


@pytest.mark.parametrize("loss", [PUT_OUT, loss_of(4017), loss_of(4021)])
async def test_stays_away(room: Room, loss: Loss) -> None:
    """After being put out, or what trying again does not mend, it stays away until the next press, and says why."""
    await room.link.bring(GENERAL)
    room.discord.lose(loss)
    assert (room.link.state, room.over) == (LinkState.IDLE, [EndReason.LEFT])
    assert room.link.report().last_close == loss.words
    await room.link.bring(GENERAL)

    assert room.link.state is LinkState.READY


async def test_gives_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some time of trying what plays ends as failed; the next press tries again."""
    assert GIVE_UP > PLAYING_HELD
    monkeypatch.setattr(module, "GIVE_UP", 0.05)
    await room.link.bring(GENERAL)
    room.discord.trouble = [VoiceUnavailableError("full")] * 10_000
    room.discord.lose()
    with pytest.raises(VoiceUnavailableError, match="full"):
        await room.link.bring(GENERAL)
    assert (room.link.state, room.over) == (LinkState.IDLE, [EndReason.FAILED])
    room.discord.trouble = []
    await room.link.bring(GENERAL)

    assert room.link.state is LinkState.READY


async def test_fatal_code_ends_the_recovery(room: Room) -> None:
    """A close code that trying again does not mend ends the tries, not the guild."""
    await room.link.bring(GENERAL)
    socket: Any = SimpleNamespace(close_code=4017)
    room.discord.trouble = [nextcord.ConnectionClosed(socket, shard_id=None)] * 2
    room.discord.lose()
    await room.until(LinkState.IDLE)
    assert (room.discord.tries, room.over) == (2, [EndReason.FAILED])
    with pytest.raises(VoiceUnavailableError, match=r"end-to-end encryption \(code 4017\)"):
        await room.link.bring(GENERAL)
    await room.link.bring(GENERAL)

    assert room.link.state is LinkState.READY


async def test_old_connection_is_past(room: Room) -> None:
    """News of a connection that was left is no news."""
    await room.link.bring(GENERAL)
    old = room.discord.clients[0]
    await room.link.bring(ATTIC)
    room.discord.lost(old, BROKEN)

    assert (room.link.state, len(room.discord.clients)) == (LinkState.READY, 2)


@pytest.mark.parametrize("recovering", [False, True])
async def test_closed_meanwhile(room: Room, *, recovering: bool) -> None:
    """Closing while it joins, or recovers, leaves no task behind, and frees who waits."""
    if recovering:
        await room.link.bring(GENERAL)
    room.discord.open.clear()
    if recovering:
        room.discord.lose()
    before = asyncio.all_tasks()
    press = asyncio.create_task(room.link.bring(GENERAL))
    await asyncio.sleep(0)
    await room.link.close()
    await asyncio.wait([press], timeout=PATIENCE)

    assert press.cancelled()
    assert room.link.state is LinkState.GONE
    assert asyncio.all_tasks() <= before


async def test_first_join_is_tried_again(room: Room) -> None:
    """What breaks while a press waits for the channel is tried again; what is refused is refused at once."""
    room.discord.trouble = [OSError("unreachable"), TimeoutError()]
    await room.link.bring(GENERAL)
    assert room.discord.tries == 3
    room.discord.trouble = [VoiceUnavailableError("The bot lacks the permission to connect")]
    with pytest.raises(VoiceUnavailableError, match="permission to connect"):
        await room.link.bring(ATTIC)

    assert (room.discord.tries, room.link.state) == (4, LinkState.IDLE)


async def test_first_join_within_its_time() -> None:
    """A press is told why its channel could not be joined in time."""
    room = Room(play_timeout=0.05)
    room.discord.trouble = [OSError("unreachable")] * 1000
    with pytest.raises(VoiceUnavailableError, match=r"could not be reached \(unreachable\)"):
        await room.link.bring(GENERAL)


async def test_logged_in_anew_while_joining(room: Room) -> None:
    """A join whose answers will not come, for the bot has another session with Discord now, is begun anew."""
    room.discord.open.clear()
    press = asyncio.create_task(room.link.bring(GENERAL))
    await asyncio.sleep(0)
    room.link.renew()
    async with asyncio.timeout(PATIENCE):
        while room.discord.tries < 2:
            await asyncio.sleep(0)  # nothing tells of it
    room.discord.open.set()
    await press

    assert (room.discord.tries, room.link.state) == (2, LinkState.READY)


@pytest.mark.parametrize("anew", [False, True])
async def test_put_out_while_joining(room: Room, *, anew: bool) -> None:
    """Who is put out while joining, for the first time or anew, does not come back by itself."""
    if anew:
        await room.link.bring(GENERAL)
    room.discord.trouble = [LostError(PUT_OUT)]
    if anew:
        room.discord.lose()
        await room.until(LinkState.IDLE)
    else:
        with pytest.raises(VoiceUnavailableError, match="could not stay in General: put out of the channel"):
            await room.link.bring(GENERAL)

    assert (room.link.state, room.link.goal is None or not anew) == (LinkState.IDLE, True)
    assert room.discord.tries == 1 + anew


async def test_lost_as_soon_as_joined(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was over when it came is not taken into use."""
    monkeypatch.setattr(FakeClient, "loss", PUT_OUT)
    with pytest.raises(VoiceUnavailableError, match="put out of the channel"):
        await room.link.bring(GENERAL)

    assert room.link.state is LinkState.IDLE


async def test_waits_its_turn(room: Room) -> None:
    """What is joined anew waits for the main gateway and for presses, however long that takes."""
    await room.link.bring(GENERAL)
    room.discord.turn.clear()
    room.discord.lose()
    await asyncio.sleep(0.01)  # long enough for a try
    assert room.discord.tries == 1
    room.discord.turn.set()
    await room.until(LinkState.READY)

    assert (room.discord.tries, room.back) == (2, 1)


async def test_breaks_again_and_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks soon after it was joined is joined anew ever more slowly; what lasted, at once."""
    monkeypatch.setattr(module, "LAST_RETRY", 60.0)
    await room.link.bring(GENERAL)
    for _ in range(4):
        room.discord.lose()
        await room.until(LinkState.READY)
    assert room.link._wait == pytest.approx(module.FIRST_RETRY * 16)
    room.link._joined_at -= STEADY
    room.discord.lose()
    await room.until(LinkState.READY)

    assert room.link._wait == pytest.approx(module.FIRST_RETRY * 2)


async def test_fault_of_ours(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong with joining anew, what plays ends with a reason, and the log tells."""
    await room.link.bring(GENERAL)
    room.discord.trouble = [KeyError("a bug")]
    room.discord.lose()
    await room.until(LinkState.IDLE)

    assert room.over == [EndReason.FAILED]
    assert "a bug" in caplog.text


async def test_cancelled_while_calling_off(room: Room) -> None:
    """What stood still has ended, also when the press that called the recovery off is itself taken back."""
    await room.link.bring(GENERAL)
    room.discord.open.clear()
    room.discord.lose()
    await asyncio.sleep(0.01)  # it is trying
    press = asyncio.create_task(room.link.bring(ATTIC))
    await asyncio.sleep(0)
    press.cancel()
    await asyncio.wait([press])

    assert room.over == [EndReason.LEFT]


# Watched


async def test_what_plays_is_not_held_for_ever(room: Room) -> None:
    """What plays stands still while the connection is joined anew, but not for long."""
    await room.link.bring(GENERAL)
    room.discord.open.clear()
    room.discord.lose()
    lost = room.link._lost_at
    assert lost is not None
    room.link.tick(lost + PLAYING_HELD - 0.1)
    assert room.over == []
    room.link.tick(lost + PLAYING_HELD + 0.1)

    assert (room.over, room.link.state) == ([EndReason.FAILED], LinkState.RECOVERING)


async def test_unheard(room: Room) -> None:
    """A connection by which nobody hears anything is joined anew, each time after twice as long."""
    await room.link.bring(GENERAL)
    now = 1000.0
    for patience in (UNHEARD_TIMEOUT, 2 * UNHEARD_TIMEOUT, 4 * UNHEARD_TIMEOUT):
        tries = room.discord.tries
        room.discord.clients[-1].heard = False
        room.link.tick(now)
        room.link.tick(now + patience - 0.1)
        assert room.discord.tries == tries
        room.link.tick(now + patience + 0.1)
        await room.until(LinkState.READY)
        assert room.discord.tries == tries + 1
        now += patience + 1
    room.link.tick(now)
    room.discord.clients[-1].heard = False
    room.link.tick(now)
    room.link.tick(now + UNHEARD_TIMEOUT + 0.1)

    assert room.link.state is LinkState.RECOVERING


async def test_moved(room: Room) -> None:
    """Moved by a moderator it stays there; a press from the old channel brings it back."""
    await room.link.bring(GENERAL)
    room.discord.clients[0].place = SimpleNamespace(id=ATTIC.channel_id, name="Attic")
    room.link.tick(1.0)
    assert (room.link.state, room.discord.tries) == (LinkState.READY, 1)
    room.discord.lose()
    await room.until(LinkState.READY)

    assert room.link.report().channel == "Attic"


async def test_moved_and_lost_at_once(room: Room) -> None:
    """A connection that breaks right after a move is joined anew where it was moved to."""
    await room.link.bring(GENERAL)
    room.discord.clients[0].place = SimpleNamespace(id=ATTIC.channel_id, name="Attic")
    room.discord.lose()
    await room.until(LinkState.READY)

    assert room.link.report().channel == "Attic"


async def test_way_back_is_shut() -> None:
    """Told to return, it stays where it was moved to while it would not be let back in."""
    room = Room(Moved.RETURN)
    await room.link.bring(GENERAL)
    room.discord.lets_in = False
    room.discord.clients[-1].place = SimpleNamespace(id=ATTIC.channel_id, name="Attic")
    room.link.tick(1.0)

    assert (room.link.state, room.discord.tries) == (LinkState.READY, 1)
    await room.link.close()


async def test_returns() -> None:
    """Told to return, it does so once; a moderator who insists has his way."""
    room = Room(Moved.RETURN)
    await room.link.bring(GENERAL)
    for now, tries in ((1.0, 2), (RETURN_ONCE / 2, 2), (RETURN_ONCE + 2, 2)):
        room.discord.clients[-1].place = SimpleNamespace(id=ATTIC.channel_id, name="Attic")
        room.link.tick(now)
        await room.until(LinkState.READY)
        assert room.discord.tries == tries

    assert room.over == []
    await room.link.close()


# Speaking


async def test_speaks_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speaking is said before the first packet, held while sounds follow one another, and said to each connection."""
    monkeypatch.setattr(speaking, "SPEAKING_HELD", 0.05)
    await room.link.bring(GENERAL)
    said = room.discord.clients[0].said
    room.link.speak()
    assert said == [True]
    room.link.rest()
    room.link.speak()
    await asyncio.sleep(0.1)  # longer than it is held
    assert said == [True]
    room.discord.lose()
    await room.until(LinkState.READY)
    said = room.discord.clients[1].said
    assert said == [True]
    room.link.rest()
    async with asyncio.timeout(PATIENCE):
        while said != [True, False]:
            await asyncio.sleep(0.01)  # nothing tells of it
    room.link.speak()

    assert said == [True, False, True]
