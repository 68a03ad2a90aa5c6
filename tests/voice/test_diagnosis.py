"""Why a member hears nothing: each cause, and that nothing is named where all is well."""

from typing import Any

import nextcord
import pytest

from jeffbot.models import LinkState, UserId, VoiceReport
from jeffbot.voice.diagnosis import diagnose

GUILD, BOT, ALICE, OWNER = 81, 1, 2, 3
GENERAL, ATTIC, STAGE = 810, 811, 812
ALLOWED = nextcord.Permissions(view_channel=True, connect=True, speak=True)
WELL = VoiceReport(state=LinkState.PLAYING, channel="General", encrypted=True, listeners=1, packets_sent=50)


def guild(
    *states: dict[str, Any], permissions: nextcord.Permissions = ALLOWED, user_limit: int = 0, afk: int | None = None
) -> nextcord.Guild:
    """Nextcord's picture of a guild with two voice channels and a stage, and these voice states."""
    connection = nextcord.Client(intents=nextcord.Intents(guilds=True, voice_states=True))._connection
    connection.user = nextcord.ClientUser(state=connection, data=user(BOT))
    channels = [(GENERAL, "General", 2), (ATTIC, "Attic", 2), (STAGE, "Stage", 13)]
    data: Any = {
        "id": GUILD,
        "name": "Cave",
        "owner_id": OWNER,
        "afk_channel_id": afk,
        "roles": [{"id": GUILD, "name": "@everyone", "permissions": permissions.value, "position": 0}],
        "members": [{"user": user(BOT), "roles": []}],
        "channels": [
            {"id": number, "name": name, "type": kind, "position": 0, "user_limit": user_limit, "bitrate": 64_000}
            for number, name, kind in channels
        ],
        "voice_states": states,
    }
    return nextcord.Guild(data=data, state=connection)


def user(number: int) -> Any:
    """A user as Discord tells of one."""
    return {"id": number, "username": f"user {number}", "discriminator": "0", "avatar": None, "bot": number == BOT}


def state(number: int, channel: int, **flags: bool) -> dict[str, Any]:
    """A voice state as Discord tells of one."""
    return {"user_id": number, "channel_id": channel, "session_id": "s", **flags}


def findings(where: nextcord.Guild, report: VoiceReport = WELL) -> tuple[str, ...]:
    """What Alice is told."""
    return diagnose(where, UserId(ALICE), report)


def together(**flags: bool) -> nextcord.Guild:
    """Alice and the bot are in one channel; the flags are of the bot's voice state."""
    return guild(state(ALICE, GENERAL), state(BOT, GENERAL, **flags))


def report(link: LinkState, **facts: Any) -> VoiceReport:
    """How voice is."""
    return VoiceReport(state=link, **{"encrypted": True, "listeners": 1, "packets_sent": 50, **facts})


@pytest.mark.parametrize("link", [LinkState.READY, LinkState.PLAYING])
async def test_all_is_well(link: LinkState) -> None:
    """Where nothing is wrong nothing is named."""
    assert findings(together(), report(link)) == ()


async def test_not_there_yet() -> None:
    """A bot that nobody has called, or that has just come, is no cause of its own."""
    assert findings(together(), report(LinkState.READY, packets_sent=0)) == ()
    assert findings(guild(state(ALICE, GENERAL)), VoiceReport(state=LinkState.IDLE)) == ()


async def test_member_in_no_channel() -> None:
    """Who is in no voice channel is told that alone, whatever else may be."""
    (finding,) = findings(guild(state(BOT, GENERAL, mute=True)), report(LinkState.RECOVERING))
    assert finding.startswith("You are in no voice channel")


@pytest.mark.parametrize(
    ("flags", "words"), [({"self_deaf": True}, "deafened yourself"), ({"deaf": True}, "Ask a moderator to undeafen")]
)
async def test_deafened_member(flags: dict[str, bool], words: str) -> None:
    """Who is deafened hears nothing; the remedy depends on by whom."""
    (finding,) = findings(guild(state(ALICE, GENERAL, **flags), state(BOT, GENERAL)))
    assert words in finding


async def test_in_different_channels() -> None:
    """Both channels are named."""
    (finding,) = findings(guild(state(ALICE, ATTIC), state(BOT, GENERAL)))
    assert finding.startswith("You are in Attic, the bot is in General.")


@pytest.mark.parametrize(
    ("channel", "lacking", "words"),
    [
        (GENERAL, ["speak"], "permission to speak in General"),
        (GENERAL, ["connect"], "permission to connect and speak in General"),
        (GENERAL, ["view_channel", "connect"], "permission to view channel and connect and speak in General"),
        (STAGE, ["connect"], "permission to connect in Stage"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
async def test_lacking_permission(channel: int, lacking: list[str], words: str, there: bool) -> None:  # noqa: FBT001
    """The permissions that the bot lacks are named once, whether or not it is there already."""
    permissions = nextcord.Permissions(ALLOWED.value)
    permissions.update(**dict.fromkeys(lacking, False))
    bot = [state(BOT, channel, suppress=True)] if there else []
    (finding,) = findings(guild(state(ALICE, channel), *bot, permissions=permissions), report(LinkState.READY))
    assert words in finding


async def test_full_channel() -> None:
    """A full channel is told, unless the bot is in it or may join all the same."""
    mover = nextcord.Permissions(ALLOWED.value, move_members=True)
    (finding,) = findings(guild(state(ALICE, GENERAL), user_limit=1), report(LinkState.IDLE))

    assert finding.startswith("General is full")
    assert findings(guild(state(ALICE, GENERAL), user_limit=2), report(LinkState.IDLE)) == ()
    assert findings(guild(state(ALICE, GENERAL), user_limit=1, permissions=mover), report(LinkState.IDLE)) == ()
    assert findings(guild(state(ALICE, GENERAL), state(BOT, GENERAL), user_limit=1)) == ()


async def test_silenced_bot() -> None:
    """A bot that was muted, or is in a stage's audience, has to be let speak by a moderator."""
    audience = guild(state(ALICE, STAGE), state(BOT, STAGE, suppress=True))

    assert [finding.partition(";")[0] for finding in findings(together(mute=True))] == [
        "The bot is muted in this server"
    ]
    assert ["audience of Stage" in finding for finding in findings(audience)] == [True]


async def test_away_channel() -> None:
    """Nobody is heard in the channel for those who are away."""
    (finding,) = findings(guild(state(ALICE, ATTIC), afk=ATTIC), report(LinkState.IDLE))
    assert finding.startswith("Attic is where this server puts who is away")


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        (report(LinkState.JOINING), "is joining"),
        (report(LinkState.RECOVERING, last_close="it crashed"), "(it crashed) and is being made anew"),
        (report(LinkState.GONE), "unloaded"),
        (report(LinkState.IDLE, last_close="put out of the channel"), "ended so: put out of the channel."),
        (report(LinkState.READY, decryptable=False), "no key has been agreed on"),
        (report(LinkState.PLAYING, packets_sent=0), "nothing of it has left"),
    ],
    ids=lambda value: value.state if isinstance(value, VoiceReport) else "",
)
async def test_connection_in_trouble(voice: VoiceReport, words: str) -> None:
    """What the connection does, and why, is told in words."""
    (finding,) = findings(together(), voice)
    assert words in finding


async def test_nothing_to_encrypt() -> None:
    """Without encryption all is well where there is none to agree on, as on stages."""
    stage = guild(state(ALICE, STAGE), state(BOT, STAGE))

    assert findings(stage, report(LinkState.READY, encrypted=False)) == ()


async def test_voice_in_use_by_another_cog() -> None:
    """Another part of the bot that uses voice in this guild is named."""
    where = together()
    where._state._add_voice_client(GUILD, object())  # type: ignore[arg-type]
    (finding,) = findings(where, report(LinkState.IDLE))
    assert finding.startswith("Another part of this bot")


async def test_most_likely_cause_first() -> None:
    """What surely keeps a member from hearing comes before what passes by itself."""
    where = guild(state(ALICE, ATTIC, self_deaf=True), state(BOT, GENERAL))
    words = [finding.split(".")[0] for finding in findings(where, report(LinkState.RECOVERING))]
    assert words[:2] == ["You have deafened yourself in Discord", "You are in Attic, the bot is in General"]
    assert len(words) == 3
