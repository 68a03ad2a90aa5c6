"""What each request may be like; whatever comes, it is taken or refused."""

import datetime as dt
from typing import Any

import nextcord
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.rest.forms import commands, guilds, interactions, messages
from jeffbot.sandbox.rest.schema import Field, check

from .bodies import FORMS, TEXT_INPUT, Json, label, modal, refusals, row


@pytest.mark.parametrize(
    ("form", "body", "refused"),
    [
        ("channel", {}, {"name": "BASE_TYPE_REQUIRED"}),
        ("channel", {"name": "x" * 101}, {"name": "BASE_TYPE_BAD_LENGTH"}),
        ("channel", {"name": "x", "type": 1}, {"type": "BASE_TYPE_CHOICES"}),
        ("channel", {"name": "x", "topic": "x" * 1025}, {"topic": "BASE_TYPE_MAX_LENGTH"}),
        ("channel", {"name": "x", "type": 2, "bitrate": 7999}, {"bitrate": "NUMBER_TYPE_MIN"}),
        ("channel", {"name": "x", "type": 2, "bitrate": 96_001}, {"bitrate": "NUMBER_TYPE_MAX"}),
        ("channel", {"name": "x", "type": 13, "bitrate": 64_001}, {"bitrate": "NUMBER_TYPE_MAX"}),
        ("channel", {"name": "x", "type": 2, "user_limit": 100}, {"user_limit": "NUMBER_TYPE_MAX"}),
        ("channel 13 edit", {"user_limit": 10_001}, {"user_limit": "NUMBER_TYPE_MAX"}),
        ("channel 0 edit", {"name": None}, {"name": "BASE_TYPE_REQUIRED"}),
        ("channel 0 edit", {"rate_limit_per_user": 21_601}, {"rate_limit_per_user": "NUMBER_TYPE_MAX"}),
        (
            "channel 0 edit",
            {"permission_overwrites": [{"type": 2, "allow": "x"}]},
            {
                "permission_overwrites.0.id": "BASE_TYPE_REQUIRED",
                "permission_overwrites.0.type": "BASE_TYPE_CHOICES",
                "permission_overwrites.0.allow": "NUMBER_TYPE_COERCE",
            },
        ),
        ("overwrite", {"type": "role"}, {"type": "NUMBER_TYPE_COERCE"}),
        ("role", {"name": "", "permissions": "-1"}, {"name": "BASE_TYPE_BAD_LENGTH", "permissions": "NUMBER_TYPE_MIN"}),
        (
            "member",
            {"nick": "x" * 33, "mute": "loud"},
            {"nick": "BASE_TYPE_MAX_LENGTH", "mute": "BOOLEAN_TYPE_CONVERT"},
        ),
        ("member", {"roles": [1, "1"]}, {"roles.1": "SET_TYPE_ALREADY_CONTAINS_VALUE"}),
        ("own member", {"bio": "x" * 191}, {"bio": "BASE_TYPE_MAX_LENGTH"}),
        ("ban", {"delete_message_seconds": 604_801}, {"delete_message_seconds": "NUMBER_TYPE_MAX"}),
        ("bans", {"user_ids": list(range(201))}, {"user_ids": "BASE_TYPE_MAX_LENGTH"}),
        (
            "command permissions",
            {"permissions": [{"id": "1", "type": 4, "permission": True}]},
            {"permissions.0.type": "BASE_TYPE_CHOICES"},
        ),
        (
            "voice state",
            {"channel_id": "here", "suppress": 2},
            {"channel_id": "NUMBER_TYPE_COERCE", "suppress": "BOOLEAN_TYPE_CONVERT"},
        ),
        (
            "own voice state",
            {"request_to_speak_timestamp": "soon"},
            {"request_to_speak_timestamp": "DATE_TIME_TYPE_PARSE"},
        ),
        ("voice status", {"status": "x" * 501}, {"status": "BASE_TYPE_MAX_LENGTH"}),
        ("stage", {"topic": ""}, {"topic": "BASE_TYPE_BAD_LENGTH", "channel_id": "BASE_TYPE_REQUIRED"}),
        (
            "stage edit",
            {"topic": "x" * 121, "privacy_level": None},
            {"topic": "BASE_TYPE_BAD_LENGTH", "privacy_level": "BASE_TYPE_REQUIRED"},
        ),
        ("sound", {"name": "x"}, {"name": "BASE_TYPE_BAD_LENGTH", "sound": "BASE_TYPE_REQUIRED"}),
        (
            "sound",
            {"name": "xy", "sound": "data:audio/ogg,x", "volume": 1.5},
            {"sound": "STRING_TYPE_REGEX", "volume": "NUMBER_TYPE_MAX"},
        ),
        ("sound send", {"sound_id": None}, {"sound_id": "BASE_TYPE_REQUIRED"}),
        ("user", {"username": "Discord Bot"}, {"username": "USERNAME_INVALID_CONTAINS"}),
        ("user", {"username": "here"}, {"username": "USERNAME_INVALID"}),
        ("direct messages", {}, {"recipient_id": "BASE_TYPE_REQUIRED"}),
        (
            "application",
            {"tags": ["x"] * 6, "event_webhooks_status": 3},
            {"tags": "BASE_TYPE_MAX_LENGTH", "event_webhooks_status": "BASE_TYPE_CHOICES"},
        ),
        (
            "application",
            {"interactions_endpoint_url": "http://example.com"},
            {"interactions_endpoint_url": "URL_TYPE_INVALID_SCHEME"},
        ),
    ],
)
def test_refused_elsewhere(form: str, body: Json, refused: dict[str, str]) -> None:
    assert refusals(FORMS[form], body) == refused


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (
            "channel",
            {"name": "x" * 100, "type": 2, "bitrate": 96_000, "user_limit": 99, "rtc_region": None, "parent_id": 5},
        ),
        ("channel", {"name": "x", "type": 13, "user_limit": 10_000}),
        ("channel", {"name": "x", "permission_overwrites": [{"id": "1", "type": 0, "allow": "8", "deny": None}]}),
        ("channel 15 edit", {"topic": "x" * 4096, "available_tags": [{"name": "x"}], "default_reaction_emoji": None}),
        ("overwrite", {"id": "1", "type": 1, "allow": "0", "deny": "1024"}),
        ("role", {"name": "x", "colors": {"primary_color": 5}, "icon": None, "hoist": True}),
        (
            "member",
            {"nick": None, "roles": ["1"], "mute": True, "channel_id": None, "communication_disabled_until": None},
        ),
        ("ban", {}),
        ("voice state", {"channel_id": "1", "suppress": False}),
        ("own voice state", {"request_to_speak_timestamp": "2025-01-01T00:00:00+00:00"}),
        ("stage", {"channel_id": "1", "topic": "x", "privacy_level": 2, "send_start_notification": True}),
        ("sound", {"name": "xy", "sound": "data:audio/ogg;base64,T2dnUw==", "volume": 0, "emoji_name": "🎺"}),
        ("sound send", {"sound_id": 1, "source_guild_id": "2"}),
        ("user", {"username": "jeffbot", "avatar": None}),
        ("direct messages", {"recipient_id": "1"}),
        ("application", {"description": "x", "install_params": {"scopes": ["bot"], "permissions": "0"}}),
        ("application", {"integration_types_config": {"0": {"oauth2_install_params": {"scopes": ["bot"]}}, "1": None}}),
    ],
)
def test_accepted_elsewhere(form: str, body: Json) -> None:
    assert check(FORMS[form], body).findings == []


def test_boosts_give_bitrate() -> None:
    assert refusals(guilds.channel_create(128_000), {"name": "x", "type": 2, "bitrate": 128_000}) == {}
    assert refusals(guilds.channel_modify(guilds.VOICE, 128_000), {"bitrate": 128_001}) != {}


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+00:00", "2025-01-01", "27"])
def test_timeouts(until: str) -> None:
    """Up to 28 days."""
    if until == "27":
        until = (dt.datetime.now(dt.UTC) + dt.timedelta(days=27)).isoformat()
    assert refusals(guilds.MEMBER_MODIFY, {"communication_disabled_until": until}) == {}


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59+00:00", "29"])
def test_too_long_timeouts(until: str) -> None:
    if until == "29":
        until = (dt.datetime.now(dt.UTC) + dt.timedelta(days=29)).isoformat()
    assert refusals(guilds.MEMBER_MODIFY, {"communication_disabled_until": until}) == {
        "communication_disabled_until": "INVALID_COMMUNICATION_DISABLED_TIMESTAMP"
    }


def test_what_is_given_up() -> None:
    """Told, and taken."""
    for form, body in (
        ("role", {"color": 5}),
        ("ban", {"delete_message_days": 1}),
        ("stage edit", {"privacy_level": 1}),
        ("modal", modal(row(TEXT_INPUT))),
        ("modal", modal(label(TEXT_INPUT | {"label": "x"}))),
    ):
        assert [kind for kind, _ in check(FORMS[form], body).findings] == [Kind.DEPRECATED_FIELD]


# Whatever comes

NAMES = ("type", "name", "description", "options", "choices", "components", "component", "accessory", "style", "data")
MORE_NAMES = ("embeds", "fields", "title", "content", "flags", "poll", "answers", "emoji", "items", "allowed_mentions")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 30)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, "9" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES + MORE_NAMES) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_any_json_to_every_form(body: Any) -> None:
    """No body, however wrong, makes anything but an ``ApiError``."""
    for form in FORMS.values():
        refusals(form, body)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_body_of_wrong_types(form: Field) -> None:
    """Each field of each form takes or refuses each kind of value."""
    deep: Any = {}
    for _ in range(2_000):
        deep = {"options": [deep], "components": [deep], "type": 17}
    values: tuple[Any, ...] = (
        None,
        True,
        -1,
        10**400,
        float("nan"),
        1e300,
        "x",
        "9" * 5_000,
        "\ud800",
        [],
        [[]],
        {},
        [{}],
        deep,
    )
    for value in values:
        refusals(form, value)
        refusals(form, dict.fromkeys(_field_names(form), value))


def _field_names(form: Any) -> set[str]:
    inner = getattr(form, "_forms", {}).values()
    return set(getattr(form, "_fields", ())) | {name for other in inner for name in _field_names(other)} | {"type"}


# What an unmodified library sends


async def test_nextcord_draws_no_finding() -> None:
    """Commands, messages and answers of a bot that uses Nextcord as one should."""

    async def play(
        _: nextcord.Interaction,  # type: ignore[type-arg]
        sound: str = nextcord.SlashOption(description="Which", autocomplete=True),
        volume: int = nextcord.SlashOption(required=False, min_value=1, max_value=9),
    ) -> None: ...

    slash = nextcord.SlashApplicationCommand(
        name="play", description="Plays", default_member_permissions=8, callback=play
    )
    slash.from_callback(play)
    view = nextcord.ui.View()
    view.add_item(nextcord.ui.Button(label="Again", emoji="🔁", custom_id="again"))
    view.add_item(nextcord.ui.Button(label="Page", url="https://example.com"))
    view.add_item(nextcord.ui.StringSelect(custom_id="s", options=[nextcord.SelectOption(label="a", emoji="🎵")]))
    embed = nextcord.Embed(title="x", colour=5, timestamp=nextcord.utils.utcnow()).add_field(name="a", value="b")
    embed.set_footer(text="f").set_author(name="a", icon_url="https://example.com/a.png").set_image(
        "attachment://a.png"
    )
    message = {
        "content": "x",
        "tts": False,
        "embeds": [embed.to_dict()],
        "components": view.to_components(),
        "allowed_mentions": nextcord.AllowedMentions.none().to_dict(),
    }

    assert check(commands.GUILD_COMMAND, slash.get_payload(1)).findings == []
    assert check(commands.COMMANDS, [slash.get_payload(None)]).findings == []
    assert check(messages.MESSAGE_CREATE, message).findings == []
    assert check(interactions.interaction_response(2), {"type": 4, "data": message | {"flags": 64}}).findings == []
