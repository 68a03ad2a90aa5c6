"""The protocol as its description shows it: every message to the letter, every error code in its situation."""

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jeffbot.errors import ErrorCode
from staging import PATIENCE, TONES, Connect, MakeStage, Stage, Wire, token_for, write_tone


def is_error(reply: dict[str, Any], code: ErrorCode, message: str | None = None) -> None:
    """Check an error reply: its four keys, its code and, where given, its words."""
    assert {"action", "error_code", "error_message", "timestamp"} <= reply.keys()
    assert reply["action"] == "error"
    assert reply["error_code"] == code
    assert abs(reply["timestamp"] - time.time()) < 5
    assert message is None or reply["error_message"] == message


async def test_welcome(stranger: Wire) -> None:
    """A client is greeted when it connects, without being told a software version."""
    assert stranger.welcome["action"] == "welcome"
    assert stranger.welcome["message"] == "Connected to Jeff Bot WebSocket server"
    assert stranger.socket._response.headers["Server"] == "jeffbot"


@pytest.mark.parametrize("path", ["/", "/ws", "/anything/else?x=1"])
async def test_any_path(stage: Stage, connect: Connect, path: str) -> None:
    """The API is behind an upgrade on any path."""
    wire = await connect(stage, path)

    assert (await wire.ask({"action": "ping"}))["action"] == "pong"


async def test_plain_http_is_told_what_this_is(stage: Stage) -> None:
    """A browser that comes without an upgrade gets an answer that helps."""
    url = (await stage.url()).replace("ws", "http", 1)
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 426
        assert "WebSocket" in await response.text()
        assert response.headers["Server"] == "jeffbot"


async def test_authenticate(stage: Stage, stranger: Wire) -> None:
    """A good token signs in, and the user's id comes back as a string."""
    reply = await stranger.ask({"action": "authenticate", "token": token_for(stage.alice)})

    assert reply["action"] == "auth_success"
    assert reply["message"] == "Authentication successful"
    assert reply["user_id"] == str(stage.alice.id)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "Token required"),
        ("", "Token required"),
        ("nonsense", "Invalid token format"),
        (17, "Invalid token format"),
    ],
)
async def test_auth_failed(stranger: Wire, token: object, message: str) -> None:
    """A bad token is refused with the words for it."""
    is_error(await stranger.ask({"action": "authenticate", "token": token}), ErrorCode.AUTH_FAILED, message)


async def test_auth_failed_keeps_the_old_identity(wire: Wire) -> None:
    """A failed try to sign in anew leaves who was signed in signed in."""
    is_error(await wire.ask({"action": "authenticate", "token": "nonsense"}), ErrorCode.AUTH_FAILED)

    assert (await wire.ask({"action": "status"}))["action"] == "status"


@pytest.mark.parametrize("action", ["list", "play", "random", "stop", "status", "no such action"])
async def test_not_authenticated(stranger: Wire, action: str) -> None:
    """Before signing in every action is refused, known or not."""
    is_error(await stranger.ask({"action": action}), ErrorCode.NOT_AUTHENTICATED)


async def test_list(wire: Wire) -> None:
    """All sounds by name, with their place below the folder and no more of the host's layout."""
    reply = await wire.ask({"action": "list"})

    assert reply["count"] == 3
    assert [(sound["name"], sound["path"]) for sound in reply["sounds"]] == [(name, name) for name in sorted(TONES)]


async def test_list_in_pages(wire: Wire) -> None:
    """A page says how many there are, and where to go on."""
    first = await wire.ask({"action": "list", "limit": 2})
    second = await wire.ask({"action": "list", "limit": 2, "cursor": first["cursor"]})

    assert [sound["name"] for sound in first["sounds"] + second["sounds"]] == sorted(TONES)
    assert (first["count"], second["count"], first["total"]) == (2, 1, 3)
    assert "cursor" not in second


@pytest.mark.play
@pytest.mark.parametrize("filename", ["low.wav", "low", "LOW.Wav", "lOw"])
async def test_play(wire: Wire, filename: str) -> None:
    """A sound plays by its name, with or without extension, in whatever case; the request's word comes back."""
    reply = await wire.ask({"action": "play", "filename": filename})

    assert reply["action"] == "playing"
    assert (reply["filename"], reply["title"], reply["channel"]) == (filename, "low.wav", "General")


async def test_random(wire: Wire) -> None:
    """A random sound says that it is one, and never comes twice running."""
    replies = [await wire.ask({"action": "random"}) for _ in range(8)]

    assert all(reply["action"] == "playing" and reply["random"] is True for reply in replies)
    names = [reply["filename"] for reply in replies]
    assert all(before != after for before, after in itertools.pairwise(names))


async def test_stop(wire: Wire) -> None:
    """Stopping answers the same whether or not something played."""
    expected = {"action": "stopped", "message": "Audio playback stopped"}
    assert (await wire.ask({"action": "stop"})) == expected

    await wire.ask({"action": "play", "filename": "low"})
    assert (await wire.ask({"action": "stop"})) == expected


async def test_status(stage: Stage, wire: Wire) -> None:
    """Status says truly what is, before, during and after a sound."""
    idle = await wire.ask({"action": "status"})
    assert (idle["connected"], idle["playing"], idle["now_playing"], idle["channel"]) == (False, False, None, None)
    assert idle["sound_count"] == 3
    assert abs(idle["server_time"] - time.time()) < 5

    await wire.ask({"action": "play", "filename": "low"})
    busy = await wire.ask({"action": "status"})
    assert (busy["connected"], busy["playing"], busy["channel"]) == (True, True, "General")
    now = busy["now_playing"]
    assert (now["filename"], now["title"], now["user_id"]) == ("low.wav", "low.wav", str(stage.alice.id))
    assert now["duration"] == pytest.approx(1.0, abs=0.05)
    assert 0 <= now["position"] <= now["duration"]
    assert abs(now["started_at"] - time.time()) < 5

    await wire.ask({"action": "stop"})
    after = await wire.ask({"action": "status"})
    assert (after["connected"], after["playing"], after["now_playing"]) == (True, False, None)


async def test_ping(stranger: Wire) -> None:
    """Ping is answered, signed in or not."""
    reply = await stranger.ask({"action": "ping"})

    assert reply["action"] == "pong"
    assert abs(reply["server_time"] - time.time()) < 5


async def test_binary_frames(wire: Wire) -> None:
    """Binary frames that hold JSON are as good as text."""
    assert (await wire.ask(b'{"action":"ping"}'))["action"] == "pong"


@pytest.mark.parametrize("message", ["", "{", "nonsense", '{"a":NaN}', '{"action":"ping"}}', b"\xff\xfe", "[" * 5000])
async def test_invalid_json(wire: Wire, message: str | bytes) -> None:
    """What is not JSON is refused, and the connection goes on."""
    is_error(await wire.ask(message), ErrorCode.INVALID_JSON)
    assert (await wire.ask({"action": "ping"}))["action"] == "pong"


@pytest.mark.parametrize("message", ["[]", '"ping"', "17", "null", "true", '["action"]'])
async def test_invalid_format(wire: Wire, message: str) -> None:
    """JSON that is no object is refused."""
    is_error(await wire.ask(message), ErrorCode.INVALID_FORMAT)


@pytest.mark.parametrize("message", [{}, {"action": ""}, {"action": None}, {"action": 5}, {"Action": "ping"}])
async def test_missing_action(wire: Wire, message: object) -> None:
    """An object without an action is refused."""
    is_error(await wire.ask(message), ErrorCode.MISSING_ACTION)


async def test_unknown_action(wire: Wire) -> None:
    """An unknown action is named in the refusal, escaped and cut."""
    reply = await wire.ask({"action": "dance\n" + "x" * 500})

    is_error(reply, ErrorCode.UNKNOWN_ACTION)
    assert "\n" not in reply["error_message"]
    assert len(reply["error_message"]) < 150


@pytest.mark.parametrize("fields", [{}, {"filename": ""}, {"filename": None}, {"filename": 3}, {"filename": ["low"]}])
async def test_missing_filename(wire: Wire, fields: dict[str, object]) -> None:
    """Playing needs a filename."""
    is_error(await wire.ask({"action": "play", **fields}), ErrorCode.MISSING_FILENAME)


async def test_sound_not_found(wire: Wire) -> None:
    """An unknown sound is refused in the words of the protocol."""
    reply = await wire.ask({"action": "play", "filename": "invalid.mp3"})

    is_error(reply, ErrorCode.SOUND_NOT_FOUND, 'Sound "invalid.mp3" not found')


@pytest.mark.parametrize("request_", [{"action": "play", "filename": "low"}, {"action": "random"}])
async def test_no_voice_channel(stage: Stage, wire: Wire, request_: dict[str, str]) -> None:
    """Someone in no voice channel cannot play."""
    await stage.seen(stage.alice.leave())

    is_error(await wire.ask(request_), ErrorCode.NO_VOICE_CHANNEL, "User must be in a voice channel")


async def test_no_sounds(make_stage: MakeStage, connect: Connect, tmp_path: Path) -> None:
    """An empty library has no random sound."""
    (tmp_path / "none").mkdir()
    async with make_stage(sounds_dir=tmp_path / "none") as stage:
        wire = await connect(stage)
        await wire.sign_in(stage.alice)

        is_error(await wire.ask({"action": "random"}), ErrorCode.NO_SOUNDS)
        assert (await wire.ask({"action": "list"}))["sounds"] == []


async def test_play_error_names_file_and_reason(stage: Stage, wire: Wire, sounds_dir: Path) -> None:
    """A file with nothing to play in it is refused by name, and the library goes on."""
    (sounds_dir / "broken.mp3").write_bytes(b"not a sound" * 100)
    while len(stage.service.sounds()) < 4:
        await wire.ask({"action": "ping"})

    reply = await wire.ask({"action": "play", "filename": "broken.mp3"})

    is_error(reply, ErrorCode.PLAY_ERROR)
    assert "broken.mp3" in reply["error_message"]
    assert str(sounds_dir) not in reply["error_message"]
    assert (await wire.ask({"action": "play", "filename": "low"}))["action"] == "playing"


async def test_id_is_echoed(wire: Wire) -> None:
    """A request's id comes back in its reply or error."""
    assert (await wire.ask({"action": "ping", "id": 7}))["id"] == 7
    assert (await wire.ask({"action": "play", "id": "x"}))["id"] == "x"
    assert "id" not in await wire.ask({"action": "ping"})


@pytest.mark.parametrize(
    ("action", "method", "code"),
    [
        ("list", "sounds", ErrorCode.LIST_ERROR),
        ("play", "play", ErrorCode.PLAY_ERROR),
        ("random", "random", ErrorCode.RANDOM_ERROR),
        ("stop", "stop", ErrorCode.STOP_ERROR),
        ("status", "status", ErrorCode.STATUS_ERROR),
    ],
)
async def test_inner_trouble(
    stage: Stage, wire: Wire, monkeypatch: pytest.MonkeyPatch, action: str, method: str, code: ErrorCode
) -> None:
    """A fault inside an action is that action's error, without a word of what it was."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(stage.service, method, fail)
    reply = await wire.ask({"action": action, "filename": "low"})

    is_error(reply, code)
    assert "secret" not in reply["error_message"]
    assert (await wire.ask({"action": "ping"}))["action"] == "pong"


async def test_just_vanished_file(wire: Wire, sounds_dir: Path) -> None:
    """A file removed a moment ago breaks nothing: what is in memory plays, until the library has noticed."""
    assert (await wire.ask({"action": "play", "filename": "low"}))["action"] == "playing"
    (sounds_dir / "low.wav").unlink()
    assert (await wire.ask({"action": "play", "filename": "low"}))["action"] == "playing"
    async with asyncio.timeout(PATIENCE):
        while (reply := await wire.ask({"action": "play", "filename": "low"}))["action"] == "playing":
            pass

    is_error(reply, ErrorCode.SOUND_NOT_FOUND, 'Sound "low" not found')


async def test_odd_name_forges_no_log(
    make_stage: MakeStage, connect: Connect, sounds_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file name with a line break in it plays, and makes no line of its own in the log."""
    caplog.set_level("DEBUG")
    write_tone(sounds_dir / "a\nFAKE authenticated.wav", 440)
    async with make_stage() as stage:
        wire = await connect(stage)
        await wire.sign_in(stage.alice)

        assert (await wire.ask({"action": "play", "filename": "a\nFAKE authenticated"}))["action"] == "playing"
        await wire.ask({"action": "stop"})
    assert not any(line.startswith("FAKE") for line in caplog.text.splitlines())
