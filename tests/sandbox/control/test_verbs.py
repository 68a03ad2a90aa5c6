"""What can be done from another language, by a program that knows nothing but HTTP."""

import base64
from typing import Any

import nextcord
import pytest
from nextcord import Interaction
from nextcord.ext import commands

from jeffbot.sandbox import Kind, Order, Sandbox
from jeffbot.sandbox.nextcord_host import make_bot, running

from ..clients import RawClient, register, slash
from ..conftest import Cave
from .conftest import Remote


async def test_world(remote: Remote, discord: Sandbox) -> None:
    """A whole world is built, and a bot logs in to it."""
    app = await remote.do("add_application", name="bot")
    alice = await remote.do("add_user", name="alice", id="42")
    guild = await remote.do("add_guild", name="Cave", members=["42"], applications=[app["id"]])
    channel = await remote.do("add_channel", guild=guild["id"], name="Deep", kind="voice", user_limit=1)
    role = await remote.do("add_role", guild=guild["id"], name="dj", permissions=["SPEAK", "MUTE_MEMBERS"])
    member = await remote.do("give_role", guild=guild["id"], user="42", role=role["id"])
    await remote.do("join", user="42", channel=channel["id"])

    assert alice["id"] == "42"
    assert member["roles"] == [role["id"]]
    assert int(role["permissions"]) == 1 << 21 | 1 << 22
    bot = make_bot(discord, guild_ready_timeout=0.05)
    application = discord.application(int(app["id"]))
    assert application is not None
    async with running(discord, application, bot):
        await remote.do("until_bot_ready", application=app["id"])
        deep = bot.get_channel(int(channel["id"]))
        assert isinstance(deep, nextcord.VoiceChannel)
        assert list(deep.voice_states) == [42]
    await remote.do("until_disconnected", application=app["id"])


async def test_state(remote: Remote, cave: Cave) -> None:
    """All there is can be seen, with its ids."""
    state = await remote.do("state")

    (guild,) = state["guilds"]
    assert [app["token"] for app in state["applications"]] == [cave.app.token]
    assert guild["id"] == str(cave.guild.id)
    assert {member["user"]["username"] for member in guild["members"]} >= {"alice", "jeffbot"}
    assert str(cave.general.id) in {channel["id"] for channel in guild["channels"]}


async def test_coming_and_going(remote: Remote, cave: Cave) -> None:
    """Members, roles, permissions and channels come and go, and what is not there is refused."""
    guild, bob = str(cave.guild.id), (await remote.do("add_user", name="bob"))["id"]
    assert await remote.refused("mute", guild=guild, user=bob) == (404, "not_there")
    await remote.do("add_member", guild=guild, user=bob)
    assert await remote.refused("add_member", guild=guild, user=bob) == (409, "taken")
    role = (await remote.do("add_role", guild=guild, name="dj"))["id"]
    await remote.do("give_role", guild=guild, user=bob, role=role)
    assert (await remote.do("take_role", guild=guild, user=bob, role=role))["roles"] == []
    channel = (await remote.do("add_channel", guild=guild, name="x", kind="stage", denied=["CONNECT"]))["id"]
    assert await remote.refused("join", user=bob, channel=channel) == (409, "join_refused")
    await remote.do("overwrite", channel=channel, target=bob, allow=["CONNECT"])
    assert (await remote.do("join", user=bob, channel=channel))["suppress"]
    await remote.do("suppress", guild=guild, user=bob, suppressed=False)
    await remote.do("remove_channel", channel=channel)
    assert int(bob) not in cave.guild.voice_states
    await remote.do("ban", guild=guild, user=bob)
    assert int(bob) not in cave.guild.members
    await remote.do("unban", guild=guild, user=bob)
    assert await remote.refused("unban", guild=guild, user=bob) == (404, "not_there")
    assert await remote.refused("remove_member", guild=guild, user=bob) == (404, "not_there")


async def test_voice_states(remote: Remote, cave: Cave) -> None:
    """People move in voice, and moderators move them."""
    alice, guild = str(cave.alice.id), str(cave.guild.id)
    other = cave.guild.add_voice_channel("Other")
    assert await remote.refused("self_mute", user=alice) == (409, "not_allowed")
    assert await remote.refused("move", user=alice, channel=str(other.id)) == (404, "not_there")
    joined = await remote.do("join", user=alice, channel=str(cave.general.id))
    assert (joined["self_mute"], joined["self_stream"], joined["self_video"]) == (False, False, False)
    await remote.do("self_mute", user=alice)
    await remote.do("self_deafen", user=alice)
    await remote.do("mute", guild=guild, user=alice)
    await remote.do("deafen", guild=guild, user=alice)
    state = cave.guild.voice_states[cave.alice.id]
    assert (state.self_mute, state.self_deaf, state.mute, state.deaf) == (True, True, True, True)
    await remote.do("mute", guild=guild, user=alice, muted=False)
    assert not state.mute
    await remote.do("move", user=alice, channel=str(other.id))
    assert cave.alice.channel is other
    await remote.do("kick_from_voice", guild=guild, user=alice)
    assert cave.alice.channel is None
    await remote.do("join", user=alice, channel=str(cave.general.id))
    await remote.do("leave", user=alice)
    assert cave.alice.channel is None


async def test_writing(remote: Remote, cave: Cave) -> None:
    """People write, with files, answer, edit, react, type and delete; bots' messages are waited for."""
    alice, guild = str(cave.alice.id), str(cave.guild.id)
    file = {"name": "horn.txt", "data": base64.b64encode(b"honk").decode()}
    first = await remote.do("write", user=alice, where=guild, content="hello", files=[file])
    second = await remote.do("write", user=alice, where=first["channel_id"], content="again", reply_to=first["id"])
    assert second["message_reference"]["message_id"] == first["id"]
    async with remote.session.get(first["attachments"][0]["url"]) as response:
        assert await response.read() == b"honk"
    assert (await remote.do("edit", user=alice, message=first["id"], content="hi"))["content"] == "hi"
    await remote.do("react", user=alice, message=first["id"], emoji="🎺")
    await remote.do("type", user=alice, where=guild)
    assert [m["content"] for m in (await remote.do("messages", where=guild))["messages"]] == ["hi", "again"]
    assert (await remote.do("until_message", where=guild, content="a", after=first["id"]))["id"] == second["id"]
    await remote.do("unreact", user=alice, message=first["id"], emoji="🎺")
    await remote.do("delete", user=alice, message=first["id"])
    assert await remote.refused("delete", user=alice, message=first["id"]) == (404, "not_there")
    private = await remote.do("direct", user=alice, application=str(cave.app.id))
    await remote.do("write", user=alice, where=private["id"], content="psst")
    assert len((await remote.do("messages", where=private["id"]))["messages"]) == 1
    await remote.do("go_online", user=alice, status="dnd", activities=[{"name": "chess", "type": 0}])
    assert cave.alice.presence["status"] == "dnd"


async def test_command(remote: Remote, cave: Cave, bot: commands.Bot) -> None:
    """A slash command is used with options of all kinds; what a person could not do is refused."""

    @slash(bot, "Says")
    async def say(
        interaction: Interaction[commands.Bot], word: str, to: nextcord.Member, note: nextcord.Attachment
    ) -> None:
        text = f"{word} {to.name} {(await note.read()).decode()}"
        await interaction.send(text, ephemeral=True)

    async def complete(interaction: Interaction[commands.Bot], word: str) -> None:
        await interaction.response.send_autocomplete([f"{word}{word}"])

    say.on_autocomplete("word")(complete)
    await register(bot)
    who: dict[str, Any] = {
        "user": str(cave.alice.id),
        "application": str(cave.app.id),
        "where": str(cave.guild.id),
        "command": "say",
    }
    await remote.do("until_bot_ready", application=str(cave.app.id), commands=["say"])
    listed = await remote.do("commands", **{name: who[name] for name in ("user", "application", "where")})
    choices = await remote.do("autocomplete", **who, option="word", typed="ha")
    file = {"file": {"name": "a.txt", "data": base64.b64encode(b"!").decode()}}
    options = {"word": "haha", "to": {"user": str(cave.alice.id)}, "note": file}
    reply = await remote.do("invoke", **who, options=options)

    assert listed == {"commands": ["say"]}
    assert [choice["value"] for choice in choices["choices"]] == ["haha"]
    assert (reply["content"], reply["ephemeral"], reply["deferred"]) == ("haha alice !", True, False)
    assert await remote.refused("invoke", **who) == (409, "invalid_option")
    assert await remote.refused("invoke", **who, options={"to": {"user": "1"}}) == (404, "not_there")
    assert await remote.refused("invoke", **who, options={"to": {}}) == (400, "invalid_parameters")
    assert await remote.refused("invoke", **who, options={"reply_timeout": 1}) == (400, "invalid_parameters")
    assert await remote.refused("invoke", **(who | {"command": "sing"})) == (409, "unknown_command")


async def test_components(remote: Remote, cave: Cave, bot: commands.Bot) -> None:
    """Buttons are pressed, menus chosen in and forms filled in, also on messages that one person sees."""

    class Form(nextcord.ui.Modal):
        def __init__(self) -> None:
            super().__init__("Form")
            self.add_item(nextcord.ui.TextInput(label="Name", custom_id="name"))

        async def callback(self, interaction: Interaction[commands.Bot]) -> None:
            item = self.children[0]
            assert isinstance(item, nextcord.ui.TextInput)
            await interaction.send(f"hello {item.value}")

    class Board(nextcord.ui.View):
        @nextcord.ui.button(label="Form")
        async def open(self, _: nextcord.ui.Button["Board"], interaction: Interaction[commands.Bot]) -> None:
            await interaction.response.send_modal(Form())

        @nextcord.ui.select(custom_id="menu", options=[nextcord.SelectOption(label="one", value="1")])
        async def choose(self, select: nextcord.ui.Select["Board"], interaction: Interaction[commands.Bot]) -> None:
            await interaction.response.defer()
            await interaction.followup.send(f"chosen {select.values[0]}")

    @slash(bot, "Shows")
    async def board(interaction: Interaction[commands.Bot]) -> None:
        await interaction.send("board", view=Board(), ephemeral=True)

    @bot.user_command(name="Poke")
    async def poke(interaction: Interaction[commands.Bot], member: nextcord.Member) -> None:
        await interaction.send(f"poked {member.name}")

    await register(bot)
    alice = str(cave.alice.id)
    scene = {"user": alice, "application": str(cave.app.id), "where": str(cave.guild.id)}
    shown = await remote.do("invoke", **scene, command="board")
    opened = await remote.do("press", user=alice, message=shown["message"]["id"], button="Form")
    greeted = await remote.do("submit", user=alice, reply=opened["reply"], answers={"name": "Alice"})
    chosen = await remote.do("select", user=alice, message=shown["message"]["id"], menu="menu", choices=["one"])
    await remote.do("until_message", where=str(cave.guild.id), content="chosen 1")
    poked = await remote.do("invoke_on", **scene, command="Poke", target=alice)

    assert (opened["modal"]["title"], opened["message"]) == ("Form", None)
    assert greeted["content"] == "hello Alice"
    assert [m["content"] for m in (await remote.do("reply", reply=chosen["reply"]))["followups"]] == ["chosen 1"]
    assert poked["content"] == "poked alice"
    assert await remote.refused("submit", user=alice, reply=shown["reply"], answers={}) == (409, "no_modal")
    assert await remote.refused("press", user=alice, message=shown["message"]["id"], button="x") == (
        409,
        "unusable_component",
    )
    assert await remote.refused("reply", reply="99") == (404, "not_there")


async def test_options(remote: Remote, discord: Sandbox) -> None:
    """Options change one by one, the faults of UDP too; what they would not take is refused."""
    udp = {"loss": 0.5, "seed": 7}
    answer = await remote.do("set_options", options={"rest_delay": 0.2, "order": "events-first", "udp": udp})
    await remote.do("set_options", options={"udp": {"blackout": True}})

    assert answer["rest_delay"] == discord.options.rest_delay == 0.2
    assert discord.options.order is Order.EVENTS_FIRST
    assert (discord.options.udp.loss, discord.options.udp.seed, discord.options.udp.blackout) == (0.5, 7, True)
    assert discord.options.interaction_deadline == 3.0
    wrong: list[dict[str, Any]] = [{"rest_delay": -1}, {"rest": 1}, {"udp": {"los": 1}}, {"order": "no"}]
    for options in [*wrong, {"voice_modes": ["rot13"]}, {"gateway_heartbeat": 1e300}]:
        assert await remote.refused("set_options", options=options) == (400, "invalid_parameters")


async def test_gateway_trouble(remote: Remote, cave: Cave, raw: RawClient) -> None:
    """The main gateway makes all the trouble that it can."""
    app = str(cave.app.id)
    gateway = await raw.log_in()
    await remote.do("until_bot_ready", application=app)
    await remote.do("ask_heartbeat", application=app)
    await gateway.until_op(1)
    await remote.do("outage", guild=str(cave.guild.id))
    assert (await gateway.until_event("GUILD_DELETE"))["unavailable"]
    await remote.do("ask_reconnect", application=app)
    await gateway.until_op(7)
    await remote.do("drop_gateway", application=app, code=4000)
    assert await gateway.close_code() == 4000
    await remote.do("until_disconnected", application=app)
    (session,) = (await remote.do("sessions", application=app))["sessions"]
    assert (session["connected"], session["resumes"], session["shard"]) == (False, 0, [0, 1])
    another = await raw.log_in()
    await another.until_event("READY")
    await remote.do("invalidate", application=app, resumable=True)
    assert (await another.until_op(9))["d"] is True


async def test_injected(remote: Remote, cave: Cave, bot: commands.Bot) -> None:
    """A request fails as ordered."""
    await remote.do("inject", method="POST", path="/channels/*/messages", status=403, body={"code": 50013})
    channel = bot.get_channel(cave.guild.text_channel.id)
    assert isinstance(channel, nextcord.TextChannel)
    with pytest.raises(nextcord.Forbidden):
        await channel.send("hello")
    assert await remote.refused("inject", method="GET", path="/x", status=200) == (400, "invalid_parameters")


async def test_findings_and_routes(remote: Remote, cave: Cave) -> None:
    """What bots do that they should not can be read, and waited for."""
    cave.discord.findings.note(Kind.NO_SILENCE, "jeffbot", "stopped")
    async with remote.session.get(f"{cave.discord.api_base}/nothing") as response:
        assert response.status == 404

    said = {"kind": "no-silence", "client": "jeffbot", "text": "stopped"}
    assert said in (await remote.do("findings"))["findings"]
    assert await remote.do("until_finding", kind="no-silence") == said
    assert await remote.refused("until_finding", kind="burst", timeout=0.01) == (409, "timeout")
    assert await remote.do("unknown_routes") == {"routes": ["GET /api/v10/nothing"]}
    cave.discord.unknown_routes.clear()


async def test_what_discord_would_not_take(remote: Remote, cave: Cave) -> None:
    """An empty message, and a command without a name, are refused as everything is."""
    message = await cave.alice.write(cave.guild, "hello")
    here = {"user": str(cave.alice.id), "application": str(cave.app.id), "where": str(cave.guild.id)}

    edit = await remote.refused("edit", user=str(cave.alice.id), message=str(message.id), content="")
    assert edit == (400, "refused_by_discord")
    assert await remote.refused("invoke", **here, command=" ") == (409, "unknown_command")
