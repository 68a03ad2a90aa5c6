"""What an operator can set, where it may come from, and what they are told when it is wrong."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jeffbot.errors import SettingsError
from jeffbot.models import Mode, Moved, Retrigger, TakeAway
from jeffbot.settings import Settings

GOOD = "a good secret of thirty-two bytes"
SHORT = "correct horse battery"

GIVEN: dict[str, tuple[str, object]] = {
    "sounds_dir": ("/srv/sounds", Path("/srv/sounds")),
    "data_dir": ("~/jeff", Path.home() / "jeff"),
    "ws_host": ("127.0.0.1", "127.0.0.1"),
    "ws_port": ("9000", 9000),
    "jwt_secret": (GOOD, GOOD),
    "jwt_secret_previous": (GOOD, GOOD),
    "public_url": ("https://sounds.example.org/", "https://sounds.example.org"),
    "allowed_origins": ("https://dash.example.org", "https://dash.example.org"),
    "trusted_proxies": ("127.0.0.1, 10.0.0.0/8", "127.0.0.1, 10.0.0.0/8"),
    "tls_cert": ("cert.pem", Path("cert.pem")),
    "tls_key": ("key.pem", Path("key.pem")),
    "request_rate": ("0", 0.0),
    "request_burst": ("10", 10),
    "press_rate": ("1.5", 1.5),
    "press_burst": ("3", 3),
    "failed_authentications": ("0", 0.0),
    "refusals": ("0", 0),
    "connections": ("50", 50),
    "connections_per_user": ("0", 0),
    "connections_per_address": ("20", 20),
    "token_hours": ("0.5", 0.5),
    "auth_timeout": ("5", 5.0),
    "play_timeout": ("2.5", 2.5),
    "mode": ("overlap", Mode.OVERLAP),
    "retrigger": ("ignore", Retrigger.IGNORE),
    "volume": ("80", 80.0),
    "alone_seconds": ("0", 0.0),
    "idle_seconds": ("600", 600.0),
    "moved": ("return", Moved.RETURN),
    "take_away": ("never", TakeAway.NEVER),
    "deaf": ("No", False),
    "command_group": ("sound-board_1", "sound-board_1"),
    "ffmpeg": ("/opt/ffmpeg", Path("/opt/ffmpeg")),
    "encoders": ("3", 3),
    "encode_timeout": ("10", 10.0),
    "max_sound_seconds": ("30", 30.0),
    "max_sound_mib": ("20", 20),
    "loudness": ("-20", -20.0),
    "bitrate": ("128", 128),
    "memory_mib": ("64", 64),
    "upload_mib": ("20", 20),
    "upload_seconds": ("12.5", 12.5),
    "downloads": ("yes", True),
    "audit_days": ("30", 30.0),
    "plays_days": ("365", 365.0),
}
"""By setting: what the environment says, and what comes of it."""

WRONG: list[tuple[str, object, str]] = [
    ("ws_port", "http", "a whole number from 0 to 65535"),
    ("ws_port", "65536", "a whole number from 0 to 65535"),
    ("ws_port", "-1", "a whole number from 0 to 65535"),
    ("ws_port", "80.5", "a whole number from 0 to 65535"),
    ("ws_port", 80.0, "a whole number from 0 to 65535"),
    ("ws_port", True, "a whole number from 0 to 65535"),
    ("ws_port", [], "a whole number from 0 to 65535"),
    ("play_timeout", "soon", "a number from 0.1 to 120"),
    ("play_timeout", "nan", "a number from 0.1 to 120"),
    ("play_timeout", "inf", "a number from 0.1 to 120"),
    ("play_timeout", False, "a number from 0.1 to 120"),
    ("token_hours", "0", "a number from"),
    ("mode", "louder", "one of replace, overlap, queue, next"),
    ("retrigger", [], "one of restart, overlap, ignore"),
    ("alone_seconds", "-1", "a number from 0 to 86400"),
    ("moved", "stay", "one of follow, return"),
    ("take_away", "yes", "one of always, idle, never"),
    ("deaf", "maybe", "yes or no"),
    ("deaf", 1, "yes or no"),
    ("volume", "201", "a number from 0 to 200"),
    ("loudness", "-31", "a number from -30 to -8"),
    ("bitrate", "64", "a whole number from 96 to 128"),
    ("encoders", "0", "a whole number from 1 to 64"),
    ("memory_mib", "0", "a whole number from 1"),
    ("ws_host", 5, "text"),
    ("sounds_dir", 5, "a path"),
    ("data_dir", "", "a path"),
    ("command_group", "Sound", "lower-case"),
    ("command_group", "two words", "lower-case"),
    ("command_group", "x" * 33, "1 to 32"),
    ("command_group", "x\n", "lower-case"),
]


def load(extras: dict[str, object] | None = None, /, **environ: str) -> Settings:
    """The settings with only this environment."""
    return Settings.load(extras, environ)


def test_defaults() -> None:
    """Without any setting the remote control listens where the protocol promises, and there is no secret."""
    settings = load()

    assert (settings.ws_host, settings.ws_port) == ("0.0.0.0", 8765)
    assert (settings.sounds_dir, settings.token_hours, settings.jwt_secret) == (Path("sounds"), 24, None)


def test_table_is_complete() -> None:
    """Every setting has its line in the table of this module."""
    assert {field.name for field in dataclasses.fields(Settings)} == set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting can be given as JEFFBOT_<NAME>."""
    text, value = GIVEN[name]
    monkeypatch.setenv(f"JEFFBOT_{name.upper()}", text)

    assert getattr(Settings.load(), name) == value


@pytest.mark.parametrize("name", GIVEN)
def test_extras(name: str) -> None:
    """Every setting can be an extra, as text or as what it is, and wins over the environment."""
    text, value = GIVEN[name]

    assert getattr(load({name: text}, **{f"JEFFBOT_{name.upper()}": "wrong"}), name) == value
    assert getattr(load({name: value}), name) == value


@pytest.mark.parametrize("name", GIVEN)
def test_unset(name: str) -> None:
    """An empty environment variable and None as an extra both mean the default."""
    default = getattr(load(), name)

    assert getattr(load(**{f"JEFFBOT_{name.upper()}": ""}), name) == default
    assert getattr(load({name: None}, **{f"JEFFBOT_{name.upper()}": "wrong"}), name) == default


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_wrong_value(name: str, value: object, allowed: str) -> None:
    """A wrong value stops loading with the variable's name, what was given, and what is allowed."""
    with pytest.raises(SettingsError) as caught:
        load({name: value})

    assert f"JEFFBOT_{name.upper()} must be" in str(caught.value)
    assert allowed in str(caught.value)
    assert repr(value) in str(caught.value)


def test_wrong_environment() -> None:
    """A wrong environment variable is told as a wrong extra is."""
    with pytest.raises(SettingsError, match=r"JEFFBOT_WS_PORT must be a whole number .*'x'"):
        load(JEFFBOT_WS_PORT="x")


def test_unknown_extra() -> None:
    """An extra of an unknown name stops loading, with the names there are."""
    with pytest.raises(SettingsError, match=r"'sound_dir'.*sounds_dir"):
        load({"sound_dir": "/srv"})


@pytest.mark.parametrize("extras", [None, {"jwt_secret": SHORT}])
def test_short_secret(extras: dict[str, object] | None) -> None:
    """A short secret is refused by name and never shown."""
    with pytest.raises(SettingsError) as caught:
        load(extras, JEFFBOT_JWT_SECRET=SHORT)

    assert "JEFFBOT_JWT_SECRET must be at least 32 bytes" in str(caught.value)
    assert SHORT not in repr(caught.getrepr(showlocals=False)) + str(caught.value)


def test_secret_is_measured_in_bytes() -> None:
    """Thirty-two bytes are enough, in fewer characters too."""
    assert load({"jwt_secret": "ß" * 16}).jwt_secret == "ß" * 16
    with pytest.raises(SettingsError):
        load({"jwt_secret": "x" * 31})


def test_secret_of_another_kind() -> None:
    """Bytes are no secret, and are not shown."""
    with pytest.raises(SettingsError, match="JEFFBOT_JWT_SECRET") as caught:
        load({"jwt_secret": GOOD.encode()})
    assert GOOD not in str(caught.value)


def test_repr_hides_the_secret() -> None:
    """The secret is not in the settings' repr."""
    assert GOOD not in repr(load({"jwt_secret": GOOD}))


def test_frozen() -> None:
    """Settings do not change."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().ws_port = 1  # type: ignore[misc]


@settings(deadline=None)
@given(st.sampled_from(sorted(GIVEN)), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text(name: str, text: str) -> None:
    """Whatever the environment says either loads or is refused by the variable's name."""
    if text.startswith("~"):
        return
    try:
        load(**{f"JEFFBOT_{name.upper()}": text})
    except SettingsError as error:
        assert f"JEFFBOT_{name.upper()} must be" in str(error)  # noqa: PT017 - loading may also succeed


def test_home_of_nobody() -> None:
    """A path in the home of a user there is not is refused like any other wrong value."""
    with pytest.raises(SettingsError, match="JEFFBOT_SOUNDS_DIR"):
        load(JEFFBOT_SOUNDS_DIR="~nobody-of-this-name/sounds")


def test_number_beyond_floats() -> None:
    """A number that no float holds is refused like any other wrong value."""
    with pytest.raises(SettingsError, match="JEFFBOT_PLAY_TIMEOUT"):
        load({"play_timeout": 10**400})


def test_secret_that_is_no_text() -> None:
    """A secret that is not UTF-8 is told what is allowed, and no part of it is shown."""
    with pytest.raises(SettingsError, match="at least 32 bytes"):
        load(JEFFBOT_JWT_SECRET=GOOD + "\udcff")
