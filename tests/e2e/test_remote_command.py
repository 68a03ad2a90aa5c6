"""The slash command /remote: where the remote control is, and a token of one's own."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from jeffbot.app import Soundboard
from jeffbot.client import RemoteClient, RemoteError
from jeffbot.cogs.remote import address_of
from jeffbot.errors import StoreError, UnloadedError
from jeffbot.settings import Settings
from jeffbot.ws.auth import Identity, Tokens
from jeffbot.ws.scopes import Scope
from jeffbot.ws.secret import Secret
from staging import SECRET, MakeStage, Stage

TOKEN = re.compile(r"\|\|`([\w.-]+)`\|\|")


def token_of(reply: Any) -> str:
    """The token in an answer, hidden until it is clicked."""
    found = TOKEN.search(reply.content)
    assert found
    return found[1]


async def invite(stage: Stage, **options: Any) -> Any:
    """Alice's command, once it is registered, and what she sees of it."""
    await stage.discord.bot_ready(stage.app, "remote")
    return await stage.invoke("remote", **options)


async def identity_of(stage: Stage, token: str) -> Identity:
    return (await stage.soundboard.wait_tokens()).check(token)


async def test_remote(stage: Stage) -> None:
    """The member alone is told an address and a token, with which they can play from there."""
    reply = await invite(stage)
    port = (await stage.soundboard.wait_serving()).port

    assert reply.ephemeral
    assert f"`ws://localhost:{port}`" in reply.content
    assert "in the place of `localhost`" in reply.content
    assert len(reply.content) < 2000
    async with RemoteClient(f"ws://127.0.0.1:{port}", token_of(reply)) as remote:
        assert (await remote.play("low")).channel == "General"


async def test_token(stage: Stage) -> None:
    """The token is the member's, good for what they may do, from now on and renewable; until when is said."""
    reply = await invite(stage)
    identity = await identity_of(stage, token_of(reply))

    assert identity.user_id == stage.alice.id
    assert identity.scopes == {Scope.READ, Scope.PLAY, Scope.MANAGE}
    assert identity.auth_time == pytest.approx(time.time(), abs=60)
    assert identity.expires_at == pytest.approx(time.time() + 24 * 3600, abs=60)
    assert f"<t:{identity.expires_at:.0f}:f>" in reply.content
    tokens = await stage.soundboard.wait_tokens()
    assert tokens.refresh(identity)


async def test_revoke(stage: Stage) -> None:
    """All tokens of the member are worthless at once, those of others are not, and a new one is good at once."""
    old = token_of(await invite(stage))
    bob = stage.discord.add_user("bob")
    reply = await invite(stage, revoke=True)
    assert reply.ephemeral
    assert "Every token of yours is worthless now" in reply.content
    assert TOKEN.search(reply.content) is None

    with pytest.raises(RemoteError, match="Token revoked"):
        async with RemoteClient(await stage.url(), old):
            pass
    async with await stage.remote(bob) as others:
        await others.status()
    async with RemoteClient(await stage.url(), token_of(await invite(stage))) as remote:
        await remote.status()


async def test_revoked_after_a_restart(stage: Stage) -> None:
    """What was revoked is known again as soon as a reloaded bot can be reached."""
    old = token_of(await invite(stage))
    await invite(stage, revoke=True)
    stage.bot.reload_extension("jeffbot.cogs.sound")

    with pytest.raises(RemoteError, match="Token revoked"):
        async with RemoteClient(await stage.url(), old):
            pass


async def test_store_that_cannot_be_used(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a revocation cannot be kept, the member is told so, and not that all is well."""
    token = token_of(await invite(stage))

    async def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(stage.service.revocations, "revoke_user", broken)
    assert "the disk is full" in (await invite(stage, revoke=True)).content
    assert await identity_of(stage, token)


async def test_port_in_use(make_stage: MakeStage) -> None:
    """A bot whose remote control cannot listen says so, and gives no token."""
    async with (
        await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as taken,
        make_stage(ws_port=taken.sockets[0].getsockname()[1]) as stage,
    ):
        reply = await invite(stage)

    assert reply.content == "The remote control is not running; the bot's log says why"


async def test_soundboard_that_ended(stage: Stage, extras: dict[str, object], tmp_path: Path) -> None:
    """Whoever waits for the tokens of a soundboard that ended before it had any is told so."""
    settings = Settings.load({**extras, "data_dir": tmp_path / "other"})
    soundboard = Soundboard(stage.bot, settings, Secret(SECRET, "the test"))
    waiting = asyncio.create_task(soundboard.wait_tokens())
    over = asyncio.Event()
    over.set()
    await soundboard.run(over)

    with pytest.raises(UnloadedError):
        await waiting
    with pytest.raises(UnloadedError):
        await soundboard.wait_tokens()


async def test_secret_before(make_stage: MakeStage) -> None:
    """A bot with a new secret lets in who has a token of the one before."""
    new = "the secret that came after the other one"
    async with make_stage(jwt_secret=new, jwt_secret_previous=SECRET) as stage, await stage.remote() as remote:
        await remote.status()
        assert Tokens(new, hours=1).check(token_of(await invite(stage))).user_id == stage.alice.id


async def test_in_a_group(make_stage: MakeStage) -> None:
    """With a group set, it is below it, its option included."""
    async with make_stage(command_group="sound") as stage:
        assert token_of(await stage.invoke("sound remote"))
        assert "worthless now" in (await stage.invoke("sound remote", revoke=True)).content


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "ws://localhost:8765"),
        ("::", "ws://localhost:8765"),
        ("127.0.0.1", "ws://localhost:8765"),
        ("localhost", "ws://localhost:8765"),
        ("192.168.1.5", "ws://192.168.1.5:8765"),
        ("2001:db8::5", "ws://[2001:db8::5]:8765"),
        ("bot.example.com", "ws://bot.example.com:8765"),
    ],
)
def test_address(host: str, address: str) -> None:
    """The address is one that a program can connect to; it is said where that has to be another."""
    told, words = address_of(Settings.load({"ws_host": host}), 8765)

    assert told == address
    assert ("localhost" in words) == ("localhost" in address)
    with_tls = address_of(Settings.load({"ws_host": host, "tls_cert": "cert.pem", "tls_key": "key.pem"}), 8765)
    assert with_tls == (address.replace("ws://", "wss://"), words)


@pytest.mark.parametrize(
    ("public", "address"),
    [("https://sounds.example.com/", "wss://sounds.example.com"), ("http://10.0.0.5:80/jeff", "ws://10.0.0.5:80/jeff")],
)
def test_public_address(public: str, address: str) -> None:
    """Where the bot is known by another address, it is that one."""
    assert address_of(Settings.load({"public_url": public}), 8765) == (address, "")
