"""Which bots are told what: one test for each event, and those for what intents do besides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from jeffbot.sandbox import Application, Channel, Intents, Permission, Person
from jeffbot.sandbox.gateway.dispatches import dispatches
from jeffbot.sandbox.gateway.intents import ALL_INTENTS, PRIVILEGED
from jeffbot.sandbox.world.events import Event
from jeffbot.sandbox.world.guild import Guild
from jeffbot.sandbox.world.values import DirectChannel, Message, Role, User
from jeffbot.sandbox.world.world import World

from ..clients import RawClient, Socket
from ..conftest import Cave
from .conftest import ClientOf


@dataclass
class Scene:
    """A guild in which everything can happen, and a bot that was granted every intent."""

    world: World
    guild: Guild
    general: Channel
    alice: Person
    bot: Application
    direct: DirectChannel
    role: Role
    stage: Channel
    message: Message
    letter: Message

    @property
    def chat(self) -> Channel:
        return self.guild.text_channel


@pytest.fixture
def scene(cave: Cave) -> Scene:
    bot = cave.discord.add_application("bot", privileged=PRIVILEGED)
    world, guild = cave.discord.world, cave.guild
    role = guild.add_role("watchman", Permission.BAN_MEMBERS)
    guild.add_member(bot.user, roles=(role,))
    direct = world.direct_channel(bot.user, cave.alice)
    message = Message(world.next_id(), guild.text_channel, cave.alice, "hello")
    letter = Message(world.next_id(), direct, cave.alice, "dear bot")
    for each in (message, letter):
        world.post(each)
    stage = guild.add_stage_channel("Stage")
    return Scene(world, guild, cave.general, cave.alice, bot, direct, role, stage, message, letter)


def post(scene: Scene, place: Channel | DirectChannel, **fields: Any) -> Message:
    message = Message(scene.world.next_id(), place, scene.alice, **({"content": "hello"} | fields))
    scene.world.post(message)
    return message


def add_and_remove_channel(scene: Scene) -> None:
    scene.guild.remove_channel(scene.guild.add_text_channel("new"))


def add_and_remove_role(scene: Scene) -> None:
    scene.guild.remove_role(scene.guild.add_role("new"))


def go_live(scene: Scene) -> None:
    scene.guild.open_stage(scene.stage, "news")
    scene.guild.change_stage(scene.stage, "more news")
    scene.guild.close_stage(scene.stage)


def ban_and_forgive(scene: Scene) -> None:
    scene.guild.ban(scene.alice)
    scene.guild.unban(scene.alice)


def add_and_remove_sound(scene: Scene) -> None:
    sound = scene.guild.add_sound("boo")
    scene.guild.change_sound(sound, name="hoo")
    scene.guild.remove_sound(sound)


def react_and_clear(scene: Scene, message: Message) -> None:
    scene.world.react(message, scene.alice, "👍", added=True)
    scene.world.react(message, scene.alice, "👍", added=False)
    scene.world.clear_reactions(message)
    scene.world.clear_reactions(message, "👍")


def write_and_regret(scene: Scene, place: Channel | DirectChannel) -> None:
    message = post(scene, place)
    scene.world.edit_message(message, content="bye")
    scene.world.delete_message(message)


def use_soundboard(scene: Scene) -> None:
    scene.guild.set_voice(scene.bot.user, scene.general)
    scene.world.play_soundboard(scene.general, scene.alice, {"sound_id": 1, "sound_volume": 0.5})


TABLE: list[tuple[Intents, set[str], Callable[[Scene], object]]] = [
    (Intents.GUILDS, {"GUILD_UPDATE"}, lambda s: s.guild.rename("Den")),
    (Intents.GUILDS, {"GUILD_DELETE"}, lambda s: s.guild.set_unavailable(True)),
    (Intents.GUILDS, {"CHANNEL_CREATE", "CHANNEL_DELETE"}, add_and_remove_channel),
    (Intents.GUILDS, {"CHANNEL_UPDATE"}, lambda s: s.guild.change_channel(s.general, topic="x")),
    (Intents.GUILDS, {"CHANNEL_PINS_UPDATE"}, lambda s: s.world.pin(s.message, pinned=True)),
    (Intents.GUILDS, {"GUILD_ROLE_CREATE", "GUILD_ROLE_DELETE"}, add_and_remove_role),
    (Intents.GUILDS, {"GUILD_ROLE_UPDATE"}, lambda s: s.guild.change_role(s.role, name="x")),
    (Intents.GUILDS, {"VOICE_CHANNEL_STATUS_UPDATE"}, lambda s: s.guild.set_voice_status(s.general, "busy")),
    (Intents.GUILDS, {"STAGE_INSTANCE_CREATE", "STAGE_INSTANCE_UPDATE", "STAGE_INSTANCE_DELETE"}, go_live),
    (Intents.GUILD_MEMBERS, {"GUILD_MEMBER_ADD"}, lambda s: s.guild.add_member(User(5, "bob"))),
    (Intents.GUILD_MEMBERS, {"GUILD_MEMBER_UPDATE"}, lambda s: s.guild.change_member(s.alice, nick="al")),
    (Intents.GUILD_MEMBERS, {"GUILD_MEMBER_UPDATE"}, lambda s: s.world.rename(s.alice, "alison")),
    (Intents.GUILD_MEMBERS, {"GUILD_MEMBER_REMOVE"}, lambda s: s.guild.remove_member(s.alice)),
    (Intents.GUILD_MODERATION, {"GUILD_BAN_ADD", "GUILD_BAN_REMOVE"}, ban_and_forgive),
    (
        Intents.GUILD_EXPRESSIONS,
        {f"GUILD_SOUNDBOARD_SOUND_{change}" for change in ("CREATE", "UPDATE", "DELETE")},
        add_and_remove_sound,
    ),
    (Intents.GUILD_VOICE_STATES, {"VOICE_STATE_UPDATE"}, lambda s: s.guild.set_voice(s.alice, s.general)),
    (Intents.GUILD_VOICE_STATES, {"VOICE_STATE_UPDATE"}, lambda s: s.guild.set_voice(s.bot.user, s.general)),
    (Intents.GUILD_VOICE_STATES, {"VOICE_CHANNEL_EFFECT_SEND"}, use_soundboard),
    (Intents.GUILD_PRESENCES, {"PRESENCE_UPDATE"}, lambda s: s.world.set_presence(s.alice, {"status": "idle"})),
    (Intents.GUILD_PRESENCES, {"PRESENCE_UPDATE"}, lambda s: s.world.rename(s.alice, "alison")),
    (
        Intents.GUILD_MESSAGES,
        {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"},
        lambda s: write_and_regret(s, s.chat),
    ),
    (Intents.GUILD_MESSAGES, {"MESSAGE_DELETE_BULK"}, lambda s: s.world.delete_messages(s.chat, (s.message,))),
    (
        Intents.DIRECT_MESSAGES,
        {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"},
        lambda s: write_and_regret(s, s.direct),
    ),
    (Intents.DIRECT_MESSAGES, {"CHANNEL_PINS_UPDATE"}, lambda s: s.world.pin(s.letter, pinned=True)),
    (
        Intents.GUILD_MESSAGE_REACTIONS,
        {f"MESSAGE_REACTION_{what}" for what in ("ADD", "REMOVE", "REMOVE_ALL", "REMOVE_EMOJI")},
        lambda s: react_and_clear(s, s.message),
    ),
    (
        Intents.DIRECT_MESSAGE_REACTIONS,
        {f"MESSAGE_REACTION_{what}" for what in ("ADD", "REMOVE", "REMOVE_ALL", "REMOVE_EMOJI")},
        lambda s: react_and_clear(s, s.letter),
    ),
    (Intents.GUILD_MESSAGE_TYPING, {"TYPING_START"}, lambda s: s.world.type(s.chat, s.alice)),
    (Intents.DIRECT_MESSAGE_TYPING, {"TYPING_START"}, lambda s: s.world.type(s.direct, s.alice)),
]


async def ready(gateway: Socket) -> Socket:
    """The connection, when all that comes at first has been read."""
    await gateway.until_event("READY")
    await gateway.news()
    return gateway


@pytest.mark.parametrize(("intent", "events", "act"), TABLE, ids=[f"{each}-{min(events)}" for each, events, _ in TABLE])
async def test_intent(
    scene: Scene, client_of: ClientOf, intent: Intents, events: set[str], act: Callable[[Scene], object]
) -> None:
    """An event is told to a bot with its intent alone, and not to one with every intent but this."""
    client = client_of(scene.bot)
    having = await ready(await client.log_in(int(intent)))
    lacking = await ready(await client.log_in(int(ALL_INTENTS & ~intent)))
    act(scene)

    assert events <= {event for event, _ in await having.news()}
    assert not events & {event for event, _ in await lacking.news()}


def test_every_event_is_told() -> None:
    """There is no event in the world of which the gateway has never heard."""
    unknown = dispatches.dispatch(object)
    assert [kind for kind in get_args(Event.__value__) if dispatches.dispatch(kind) is unknown] == []


@pytest.mark.parametrize("act", ["own member", "own name", "voice server"])
async def test_told_in_any_case(scene: Scene, client_of: ClientOf, act: str) -> None:
    """What concerns the bot itself takes no intent."""
    gateway = await ready(await client_of(scene.bot).log_in(0))
    if act == "own member":
        scene.guild.change_member(scene.bot.user, nick="botty")
        event = "GUILD_MEMBER_UPDATE"
    elif act == "own name":
        scene.world.rename(scene.bot.user, "botty")
        event = "USER_UPDATE"
    else:
        join = {"guild_id": str(scene.guild.id), "channel_id": str(scene.general.id)}
        await gateway.send(4, join)
        event = "VOICE_SERVER_UPDATE"
    data = await gateway.until_event(event)

    assert data.get("guild_id", data.get("id")) in {str(scene.guild.id), str(scene.bot.id)}


# What messages say

READERS = [
    (Intents.GUILD_MESSAGES, "hello", ""),
    (Intents.GUILD_MESSAGES | Intents.MESSAGE_CONTENT, "hello", "hello"),
    (Intents.GUILD_MESSAGES, "hello <@BOT>", "hello <@BOT>"),
    (Intents.GUILD_MESSAGES, "hello <@1>", ""),
]


@pytest.mark.parametrize(("intents", "written", "read"), READERS)
async def test_message_content(scene: Scene, client_of: ClientOf, intents: Intents, written: str, read: str) -> None:
    """Without the MESSAGE_CONTENT intent a bot reads only what mentions it."""
    gateway = await ready(await client_of(scene.bot).log_in(int(intents)))
    content, embed = written.replace("BOT", str(scene.bot.id)), {"type": "rich", "title": "t"}
    post(scene, scene.chat, content=content, embeds=[embed], components=[{"type": 1, "components": []}])
    message = await gateway.until_event("MESSAGE_CREATE")

    assert message["content"] == read.replace("BOT", str(scene.bot.id))
    assert [bool(message[field]) for field in ("embeds", "components")] == [bool(read)] * 2
    assert (message["guild_id"], message["author"]["username"]) == (str(scene.guild.id), "alice")
    assert "user" not in message["member"]
    assert [("member" in mention) for mention in message["mentions"]] == [True] * ("BOT" in written)


@pytest.mark.parametrize(
    ("intents", "quoted", "reply"),
    [
        (Intents.GUILD_MESSAGES, "", ""),
        (Intents.GUILD_MESSAGES | Intents.MESSAGE_CONTENT, "secret", "well"),
    ],
)
async def test_quoted_content(scene: Scene, client_of: ClientOf, intents: Intents, quoted: str, reply: str) -> None:
    """What a reply quotes, a forward carries, and a poll asks is content, too."""
    gateway = await ready(await client_of(scene.bot).log_in(int(intents)))
    secret = post(scene, scene.chat, content="secret", embeds=[{"title": "t"}])
    await gateway.until_event("MESSAGE_CREATE")
    snapshot = {"message": {"content": "secret", "embeds": [{"title": "t"}], "attachments": []}}
    post(scene, scene.chat, content="well", quoted=secret)
    post(scene, scene.chat, content="", extra={"message_snapshots": [snapshot], "poll": {"question": {"text": "?"}}})
    answered, forwarded = await gateway.until_event("MESSAGE_CREATE"), await gateway.until_event("MESSAGE_CREATE")

    referenced, (carried,) = answered["referenced_message"], forwarded["message_snapshots"]
    assert (answered["content"], referenced["content"], carried["message"]["content"]) == (reply, quoted, quoted)
    assert [len(each["embeds"]) for each in (referenced, carried["message"])] == [bool(quoted)] * 2
    assert ("poll" in forwarded) == bool(quoted)


@pytest.mark.parametrize(("ping", "read"), [(True, "well"), (False, "")])
async def test_replies_to_a_bot(scene: Scene, client_of: ClientOf, *, ping: bool, read: str) -> None:
    """A bot without the intent reads replies to itself, unless they do not ping it; its own words it reads anyway."""
    gateway = await ready(await client_of(scene.bot).log_in(int(Intents.GUILD_MESSAGES)))
    own = Message(scene.world.next_id(), scene.chat, scene.bot.user, "my own")
    scene.world.post(own)
    await gateway.until_event("MESSAGE_CREATE")
    await scene.alice.write(scene.chat, "well", reply_to=own, ping=ping)
    message = await gateway.until_event("MESSAGE_CREATE")

    assert (message["content"], message["referenced_message"]["content"]) == (read, "my own")
    assert [user["id"] for user in message["mentions"]] == [str(scene.bot.id)] * ping


async def test_own_and_direct_messages(scene: Scene, client_of: ClientOf) -> None:
    """A bot reads its own messages, and those that are sent to it directly, in which there is no guild."""
    intents = Intents.GUILD_MESSAGES | Intents.DIRECT_MESSAGES
    gateway = await ready(await client_of(scene.bot).log_in(int(intents)))
    scene.world.post(Message(scene.world.next_id(), scene.chat, scene.bot.user, "my own"))
    post(scene, scene.direct, content="for you")
    own, direct = await gateway.until_event("MESSAGE_CREATE"), await gateway.until_event("MESSAGE_CREATE")

    assert (own["content"], direct["content"]) == ("my own", "for you")
    assert not {"guild_id", "member"} & direct.keys()


@pytest.mark.parametrize(("version", "read"), [(9, "hello"), (10, "")])
async def test_content_before_version_10(scene: Scene, client_of: ClientOf, version: int, read: str) -> None:
    """Up to version 9 who was granted MESSAGE_CONTENT need not ask for it."""
    gateway = await client_of(scene.bot).gateway(f"v={version}")
    identify = {"token": scene.bot.token, "intents": int(Intents.GUILD_MESSAGES), "properties": {}}
    await gateway.send(2, identify)
    await ready(gateway)
    post(scene, scene.chat)

    assert (await gateway.until_event("MESSAGE_CREATE"))["content"] == read


async def test_ephemeral_message(scene: Scene, client_of: ClientOf, raw: RawClient) -> None:
    """What is for one person's eyes goes to the bot that said it, as a direct message would."""
    author = await ready(await client_of(scene.bot).log_in(int(Intents.DIRECT_MESSAGES)))
    author_in_guild = await ready(await client_of(scene.bot).log_in(int(Intents.GUILD_MESSAGES)))
    other = await ready(await raw.log_in(int(Intents.GUILD_MESSAGES | Intents.DIRECT_MESSAGES)))
    scene.world.post(Message(scene.world.next_id(), scene.chat, scene.bot.user, "psst", flags=64))

    [(event, message)] = await author.news()
    assert (event, message["content"]) == ("MESSAGE_CREATE", "psst")
    assert not {"guild_id", "member"} & message.keys()
    assert (await author_in_guild.news(), await other.news()) == ([], [])


# What bots may see


async def test_hidden_channel(scene: Scene, client_of: ClientOf) -> None:
    """Nothing is told of messages, reactions and typing in a channel that the bot may not view."""
    gateway = await ready(await client_of(scene.bot).log_in(int(ALL_INTENTS)))
    hidden = scene.guild.add_text_channel("hidden", denied=Permission.VIEW_CHANNEL)
    message = post(scene, hidden)
    scene.world.react(message, scene.alice, "👍", added=True)
    scene.world.type(hidden, scene.alice)
    scene.world.pin(message, pinned=True)

    assert [event for event, _ in await gateway.news()] == ["CHANNEL_CREATE"]


async def test_letters_of_others(scene: Scene, raw: RawClient) -> None:
    """Direct messages are nobody else's business."""
    other = await ready(await raw.log_in(int(Intents.DIRECT_MESSAGES)))
    post(scene, scene.direct)

    assert await other.news() == []


async def test_bans_take_a_permission(scene: Scene, raw: RawClient, cave: Cave) -> None:
    """Bans are told to those who may ban, or read the audit log."""
    gateway = await ready(await raw.log_in(int(Intents.GUILD_MODERATION)))
    ban_and_forgive(scene)
    assert await gateway.news() == []

    cave.guild.give_role(cave.app.user, cave.guild.add_role("clerk", Permission.VIEW_AUDIT_LOG))
    scene.guild.ban(scene.alice)
    assert {event for event, _ in await gateway.news()} == {"GUILD_MEMBER_UPDATE", "GUILD_BAN_ADD"}


async def test_soundboard_is_heard_in_the_channel(scene: Scene, client_of: ClientOf) -> None:
    """A soundboard effect is told to those who are in the channel."""
    gateway = await ready(await client_of(scene.bot).log_in(int(Intents.GUILD_VOICE_STATES)))
    scene.world.play_soundboard(scene.general, scene.alice, {"sound_id": 1})

    assert await gateway.news() == []


async def test_stranger(scene: Scene, cave: Cave, client_of: ClientOf) -> None:
    """A bot is told nothing of guilds that it is not in."""
    stranger = cave.discord.add_application("stranger", privileged=PRIVILEGED)
    gateway = await ready(await client_of(stranger).log_in(int(ALL_INTENTS)))
    for _, _, act in TABLE[:2]:
        act(scene)
    post(scene, scene.chat)

    assert await gateway.news() == []


async def test_shards_are_told_of_their_guilds(scene: Scene, client_of: ClientOf) -> None:
    """Of a guild its own shard is told, of direct messages and the account the first."""
    home = (scene.guild.id >> 22) % 2
    intents = int(ALL_INTENTS & ~Intents.GUILD_PRESENCES)
    shards = [await ready(await client_of(scene.bot).log_in(intents, shard=[n, 2])) for n in range(2)]
    scene.guild.change_channel(scene.general, topic="x")
    post(scene, scene.direct)
    scene.world.rename(scene.bot.user, "botty")
    told = [{event for event, _ in await shard.news()} for shard in shards]

    assert ["CHANNEL_UPDATE" in events for events in told] == [home == 0, home == 1]
    assert ["MESSAGE_CREATE" in events for events in told] == [True, False]
    assert ["USER_UPDATE" in events for events in told] == [True, False]


# Guilds that come and go


@pytest.mark.parametrize(
    ("intents", "members", "voice_states"),
    [
        (Intents.GUILDS, {"bot", "alice"}, 0),
        (Intents.GUILDS | Intents.GUILD_VOICE_STATES, {"bot", "alice"}, 1),
        (Intents.GUILDS | Intents.GUILD_MEMBERS, {"bot", "alice"}, 0),
        (Intents.GUILDS | Intents.GUILD_PRESENCES, {"bot", "alice", "bob", "jeffbot", "owner of Cave"}, 0),
    ],
)
async def test_guild_create_by_intents(
    scene: Scene, client_of: ClientOf, intents: Intents, members: set[str], voice_states: int
) -> None:
    """Members who are not in voice take the presences intent, voice states their own."""
    scene.guild.add_member(User(5, "bob"))
    scene.guild.set_voice(scene.alice, scene.general)
    guild = await (await client_of(scene.bot).log_in(int(intents))).until_event("GUILD_CREATE")

    assert {member["user"]["username"] for member in guild["members"]} == members
    assert len(guild["voice_states"]) == voice_states
    assert (guild["member_count"], guild["large"]) == (5, False)
    assert bool(guild["presences"]) is bool(intents & Intents.GUILD_PRESENCES)


async def test_large_guild(scene: Scene, client_of: ClientOf) -> None:
    """Over ``large_threshold`` only members are listed who are online, in voice, or have a role or a nickname."""
    crowd = [User(number, f"user {number}") for number in range(100, 160)]
    for user in crowd:
        scene.guild.add_member(user)
    scene.world.set_presence(crowd[0], {"status": "online"})
    scene.guild.give_role(crowd[1], scene.role)
    scene.guild.change_member(crowd[2], nick="nick")
    scene.guild.set_voice(crowd[3], scene.general)
    intents = int(Intents.GUILDS | Intents.GUILD_PRESENCES)
    guilds = [
        await (await client_of(scene.bot).log_in(intents, large_threshold=threshold)).until_event("GUILD_CREATE")
        for threshold in (50, 250)
    ]
    listed = [{member["user"]["username"] for member in guild["members"]} for guild in guilds]

    assert [guild["large"] for guild in guilds] == [True, False]
    assert listed[0] == {"bot", "user 100", "user 101", "user 102", "user 103"}
    assert len(listed[1]) == len(scene.guild.members)


async def test_let_in_and_kicked(cave: Cave, raw: RawClient) -> None:
    """A bot sees a guild when it becomes a member, and is told when it is one no more."""
    gateway = await ready(await raw.log_in(int(Intents.GUILDS)))
    guild = cave.discord.add_guild("Den", applications=[cave.app])
    joined = await gateway.until_event("GUILD_CREATE")
    guild.remove_member(cave.app.user)
    left = await gateway.until_event("GUILD_DELETE")
    guild.rename("Hole")

    assert (joined["name"], "unavailable" in joined) == ("Den", False)
    assert left == {"id": str(guild.id)}
    assert await gateway.news() == []


async def test_outage(cave: Cave, raw: RawClient) -> None:
    """A guild that Discord loses is unavailable; of it nothing is told until it is back."""
    gateway = await ready(await raw.log_in())
    cave.guild.set_unavailable(True)
    cave.guild.rename("Den")
    await cave.alice.join(cave.general)
    cave.guild.set_unavailable(False)
    (lost, gone), (found, back) = await gateway.news()

    assert (lost, gone) == ("GUILD_DELETE", {"id": str(cave.guild.id), "unavailable": True})
    assert (found, back["name"], back["unavailable"]) == ("GUILD_CREATE", "Den", False)
    assert len(back["voice_states"]) == 1


async def test_outage_at_login(cave: Cave, raw: RawClient) -> None:
    """READY announces the guild, GUILD_DELETE says that it is out of sight."""
    cave.guild.set_unavailable(True)
    gateway = await raw.log_in()
    ready_data = await gateway.until_event("READY")

    assert ready_data["guilds"] == [{"id": str(cave.guild.id), "unavailable": True}]
    assert await gateway.until_event("GUILD_DELETE") == ready_data["guilds"][0]


async def test_nobody_is_shown_a_guild_without_the_intent(raw: RawClient) -> None:
    """Without GUILDS there is no GUILD_CREATE, but READY lists the guilds."""
    gateway = await raw.log_in(0)
    assert len((await gateway.until_event("READY"))["guilds"]) == 1

    assert await gateway.news() == []
