"""Messages of remote clients, good and bad, and the replies' shapes. No network."""

import contextlib
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from jeffbot.errors import ErrorCode
from jeffbot.models import LinkState, VoiceReport
from jeffbot.ws import protocol, replies, requests
from jeffbot.ws.protocol import ProtocolError, parse

plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | plain_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=12,
)

NOT_JSON: dict[str, str | bytes] = {
    "nothing": "",
    "blank": "  \n",
    "a word": "list",
    "NaN": '{"action": "list", "x": NaN}',
    "Infinity": '{"action": "list", "x": -Infinity}',
    "single quotes": "{'action': 'list'}",
    "trailing comma": '{"action": "list",}',
    "comment": '{"action": "list"} // please',
    "two documents": '{"action": "list"}{"action": "stop"}',
    "leading zero": '{"action": "list", "x": 01}',
    "raw control character": '{"action": "li\nst"}',
    "unknown escape": r'{"action": "list", "x": "\x41"}',
    "half": '{"action": "li',
    "deep arrays": "[" * 50_000 + "]" * 50_000,
    "deep objects": '{"action": "list", "x": ' + '{"x":' * 9_000 + "1" + "}" * 9_001,
    "lone surrogate, escaped": r'{"action": "list", "x": "\ud800"}',
    "lone surrogate": '{"action": "\ud800"}',
    "BOM": '\ufeff{"action": "list"}',
    "BOM in bytes": b'\xef\xbb\xbf{"action": "list"}',
    "no UTF-8": b'{"action": "\xff"}',
    "overlong UTF-8": b'{"action": "\xc0\xaf"}',
    "surrogate in UTF-8": b'{"action": "\xed\xa0\x80"}',
    "UTF-16": '{"action": "list"}'.encode("utf-16"),
    "NUL": b'{"action": "list"}\0',
}


def refusal(data: str | bytes) -> ErrorCode:
    """The code with which a message is refused."""
    with pytest.raises(ProtocolError) as caught:
        parse(data)
    return caught.value.code


def reply(value: replies.Reply) -> dict[str, Any]:
    """A reply as a client reads it."""
    read: dict[str, Any] = json.loads(protocol.encode(value))
    return read


# Read


@settings(deadline=None)
@given(json_values)
def test_any_json(value: object) -> None:
    """Any object is a message, in text and in bytes; any other JSON is told as no object."""
    text = json.dumps(value)
    if isinstance(value, dict):
        action = value.get("action")
        assert parse(text).action == parse(text.encode()).action == (action if isinstance(action, str) else "")
    else:
        assert refusal(text) == refusal(text.encode()) == ErrorCode.INVALID_FORMAT


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary()))
def test_any_data(data: str | bytes) -> None:
    """Whatever comes is a message or refused as none."""
    try:
        parse(data)
    except ProtocolError as error:
        assert error.code in (ErrorCode.INVALID_JSON, ErrorCode.INVALID_FORMAT)  # noqa: PT017 - it may be a message


@settings(deadline=None)
@given(json_values.filter(lambda value: isinstance(value, dict)), st.data())
def test_cut_short(value: object, data: st.DataObject) -> None:
    """A message that ends before its end is no JSON."""
    text = json.dumps(value)
    assert refusal(text[: data.draw(st.integers(0, len(text) - 1))]) == ErrorCode.INVALID_JSON


@pytest.mark.parametrize("name", NOT_JSON)
def test_no_json(name: str) -> None:
    """What is no JSON by RFC 8259, or could not be answered in JSON, is told as such."""
    assert refusal(NOT_JSON[name]) == ErrorCode.INVALID_JSON


@pytest.mark.parametrize("text", ["null", "true", "5", '"list"', "[]", '[{"action": "list"}]', " 1.5e3 "])
def test_no_object(text: str) -> None:
    """JSON that is no object has a code of its own."""
    assert refusal(text) == ErrorCode.INVALID_FORMAT


@pytest.mark.parametrize("action", ["", None, 5, True, ["list"], {"action": "list"}, ...])
def test_no_action(action: object) -> None:
    """An action that is missing or no text reads as empty, and the id is there for the reply."""
    fields = {"id": 7} if action is ... else {"id": 7, "action": action}

    assert (parse(json.dumps(fields)).action, parse(json.dumps(fields)).id) == ("", 7)


def test_of_duplicate_keys_the_last_counts() -> None:
    """Where a key stands twice, the action that is looked up and the fields that are read are of one mind."""
    message = parse('{"action": "stop", "filename": "a", "action": "play", "filename": "b"}')

    assert (message.action, message.request(requests.Play).filename) == ("play", "b")


def test_escaped_keys() -> None:
    """A key may be written with escapes."""
    assert parse(r'{"\u0061ction": "l\u0069st"}').action == "list"


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999", "1" + "0" * 400])
def test_huge_numbers(number: str) -> None:
    """Numbers beyond all bounds do no harm, in any place."""
    message = parse(f'{{"action": "list", "id": {number}, "limit": {number}, "x": {number}}}')

    assert (message.action, message.id) == ("list", UNSET)
    with contextlib.suppress(msgspec.ValidationError):
        message.request(requests.List)


@pytest.mark.parametrize(
    ("given_id", "echoed"),
    [
        *((good, good) for good in ["x", "x" * 64, "ä" * 64, "\U0001f3ba", "5", 0, 1, -1, 2**53, -(2**53)]),
        *((bad, UNSET) for bad in ["", "x" * 65, 2**53 + 1, -(2**53) - 1, 2**64, 10**30, 1.5, True, None, [], {}]),
    ],
)
def test_id(given_id: object, echoed: object) -> None:
    """An id of 1 to 64 characters or an exact integer is repeated; any other counts as none."""
    message = parse(json.dumps({"action": "list", "id": given_id}))
    assert (message.id, type(message.id)) == (echoed, type(echoed))

    answer = reply(protocol.error(ErrorCode.LIST_ERROR, "no", "list", message.id))
    assert answer.get("id", UNSET) == echoed


# The fields of a request


def test_unknown_fields() -> None:
    """Fields that an action does not have are passed over."""
    message = parse('{"action": "play", "filename": "a.mp3", "loudness": "loud", "x": {"y": [1]}}')

    assert message.request(requests.Play).filename == "a.mp3"


def test_missing_fields() -> None:
    """Fields that are missing have their defaults."""
    message = parse('{"action": "x"}')

    with pytest.raises(msgspec.ValidationError):
        message.request(requests.Play)
    assert message.request(requests.Authenticate).token is UNSET
    assert message.request(requests.List).limit is None


@pytest.mark.parametrize("filename", [None, 5, True, [], {}, ["a.mp3"]])
def test_wrong_field(filename: object) -> None:
    """A field of another kind is a validation error."""
    with pytest.raises(msgspec.ValidationError):
        parse(json.dumps({"action": "play", "filename": filename})).request(requests.Play)


# For the log


TOKEN = "eyJhbGciOi.very-secret.signature"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"action": "authenticate", "token": TOKEN}),
        json.dumps({"token": [TOKEN, {"token": TOKEN}], "action": "authenticate"}),
        f'{{"action": "authenticate", "token": "{TOKEN}", "token": "{TOKEN}"}}',
        f'{{"action": "authenticate", "t\\u006fken": "{TOKEN}"}}',
        f'{{"action": "play", "x": "{"x" * 2000}", "token": "{TOKEN}"}}',
        f'{{"token": "{"x" * 2000}{TOKEN}"}}',
    ],
)
def test_redacted(text: str) -> None:
    """A message for the log is without its token, however that is written, and is not long."""
    shown = parse(text).redacted()

    assert "secret" not in shown
    assert '"token":"***"' in shown or len(text) > 1000
    assert len(shown) <= 1001


@settings(deadline=None)
@given(st.dictionaries(plain_text, json_values, max_size=4), json_values)
def test_redacted_always(fields: dict[str, object], token: object) -> None:
    """Whatever else a message holds, in the log it has a line of its own and no token."""
    shown = parse(json.dumps({**fields, "token": [TOKEN, token]})).redacted()

    assert "very-secret" not in shown
    assert shown.isprintable()


def test_message_without_a_token_is_shown() -> None:
    """Without a token a message is shown as it came, save for what could break the log's line."""
    assert parse('{"action":\n"play", "filename": "a\u2028b"}').redacted() == (
        r'{"action":\n"play", "filename": "a\u2028b"}'
    )


# Written


def test_error_of_the_seed() -> None:
    """An error has the keys of the seed, and the request's action beside them."""
    answer = reply(protocol.error(ErrorCode.SOUND_NOT_FOUND, 'Sound "x" not found', "play"))

    assert answer.pop("timestamp") == pytest.approx(time.time(), abs=60)
    assert answer == {
        "action": "error",
        "error_code": "sound_not_found",
        "error_message": 'Sound "x" not found',
        "request": "play",
    }


def test_error_without_a_request() -> None:
    """An error outside any action has neither ``request`` nor ``id``."""
    assert set(reply(protocol.error(ErrorCode.INVALID_JSON, "no"))) == {
        "action",
        "error_code",
        "error_message",
        "timestamp",
    }


@pytest.mark.parametrize(
    ("action", "repeated"),
    [
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100 + "…"),
        ("a\n\x1b[31m\u202e", r"a\n\x1b[31m\u202e"),
        ("größe 🎺", "größe 🎺"),
    ],
)
def test_error_repeats_safely(action: str, repeated: str) -> None:
    """An action that is repeated is cut at 100 characters, and what cannot be seen in it is escaped."""
    assert reply(protocol.error(ErrorCode.UNKNOWN_ACTION, "no", action))["request"] == repeated


def test_welcome() -> None:
    """The welcome has the protocol's words and numbers."""
    assert reply(replies.Welcome(timestamp=5.0, auth_timeout=30.0)) == {
        "action": "welcome",
        "message": "Connected to Jeff Bot WebSocket server",
        "timestamp": 5.0,
        "protocol": 1,
        "min_protocol": 1,
        "auth_timeout": 30,
        "max_message_bytes": 65536,
    }


def test_playing() -> None:
    """``random`` is there where it is true, and nowhere else."""
    answer = replies.Playing(filename="a", title="a.mp3", channel="General", playback_id="p", duration=1.5)
    expected = {"filename": "a", "title": "a.mp3", "channel": "General", "playback_id": "p", "duration": 1.5}

    assert reply(answer) == {"action": "playing", **expected}
    answer.random, answer.id = True, "i"
    assert reply(answer) == {"action": "playing", "id": "i", **expected, "random": True}


def test_status_of_nothing() -> None:
    """What is not there is null, not left out."""
    answer = replies.StatusReport(
        connected=False,
        playing=False,
        now_playing=None,
        sound_count=0,
        server_time=1.0,
        channel=None,
        paused=False,
        encoding=None,
        voice=VoiceReport(state=LinkState.IDLE),
    )

    assert reply(answer) == {
        "action": "status",
        "connected": False,
        "playing": False,
        "now_playing": None,
        "sound_count": 0,
        "server_time": 1.0,
        "channel": None,
        "paused": False,
        "encoding": None,
        "voice": {
            "state": "idle",
            "channel": None,
            "cipher": None,
            "encrypted": False,
            "decryptable": True,
            "packets_leave": True,
            "epoch": 0,
            "listeners": 0,
            "last_close": None,
            "packets_sent": 0,
            "packets_late": 0,
        },
        "guild_id": None,
    }
