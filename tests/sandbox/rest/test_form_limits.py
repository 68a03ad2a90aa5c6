"""The least and the most of everything that is counted, just taken and just refused; and what must be there."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from jeffbot.sandbox.rest.schema import check

from .bodies import (
    FORMS,
    PLAY,
    POLL,
    TEXT_INPUT,
    V2,
    Json,
    button,
    choices,
    command,
    label,
    modal,
    option,
    refusals,
    row,
    select,
    text,
    with_components,
)

type Body = Callable[[int], Any]
SOUND: Json = {"name": "xy", "sound": "data:audio/ogg;base64,T2dnUw=="}
EMBED: Json = {"title": "x"}
FIELD: Json = {"name": "x", "value": "y"}


def said(**more: Any) -> Json:
    return {"content": "x"} | more


def embedded(**more: Any) -> Json:
    return {"embeds": [EMBED | more]}


def offered(kind: int, count: int) -> Json:
    return {"type": kind, "custom_id": "o", "options": [{"label": str(n), "value": str(n)} for n in range(count)]}


def picture(**more: Any) -> Json:
    return {"media": {"url": "https://example.com/a.png"}} | more


def section(count: int, **more: Any) -> Json:
    return {"type": 9, "components": [text()] * count, "accessory": button()} | more


def numbered(count: int) -> list[str]:
    return [str(number) for number in range(count)]


COMMANDS: list[tuple[str, Body, int, int]] = [
    ("command", lambda n: PLAY | {"name": "x" * n}, 1, 32),
    ("command", lambda n: PLAY | {"name_localizations": {"de": "x" * n}}, 1, 32),
    ("command", lambda n: PLAY | {"description": "x" * n}, 1, 100),
    ("command", lambda n: PLAY | {"description_localizations": {"de": "x" * n}}, 1, 100),
    ("command", lambda n: PLAY | {"default_member_permissions": str(n)}, 0, 2**54 - 1),
    ("command", lambda n: PLAY | {"contexts": [n]}, 0, 2),
    ("command", lambda n: PLAY | {"integration_types": [n]}, 0, 1),
    ("command", lambda n: PLAY | {"type": n, "options": [], "description": "x" if n == 1 else ""}, 1, 4),
    ("command", lambda n: {"type": 2, "name": "X" * n}, 1, 32),
    ("command", lambda n: {"type": 3, "name": "X", "name_localizations": {"de": "X" * n}}, 1, 32),
    ("command", lambda n: {"type": 4, "name": "X", "description": "x" * n}, 0, 100),
    ("command", lambda n: {"type": 4, "name": "X", "handler": n}, 1, 2),
    ("command", lambda n: command(*[option(name=name) for name in numbered(n)]), 0, 25),
    ("command", lambda n: command(option(n)), 1, 11),
    ("command", lambda n: command(option(name="x" * n)), 1, 32),
    ("command", lambda n: command(option(description="x" * n)), 1, 100),
    ("command", lambda n: command(option(1, options=[option(name=name) for name in numbered(n)])), 0, 25),
    ("command", lambda n: command(option(choices=choices(n))), 0, 25),
    ("command", lambda n: command(option(choices=[{"name": "x" * n, "value": "1"}])), 1, 100),
    ("command", lambda n: command(option(choices=choices(1, "x" * n))), 0, 100),
    ("command", lambda n: command(option(4, choices=choices(1, n))), -(2**53) + 1, 2**53 - 1),
    ("command", lambda n: command(option(10, choices=choices(1, n))), -(2**53), 2**53),
    ("command", lambda n: command(option(min_length=n)), 0, 6000),
    ("command", lambda n: command(option(max_length=n)), 1, 6000),
    ("command", lambda n: command(option(11, file_types=["image"] * n)), 0, 10),
    ("guild command", lambda n: PLAY | {"type": n, "options": [], "description": "x" if n == 1 else ""}, 1, 3),
    ("commands", lambda n: [{"type": 4, "name": "X"}] * n, 0, 1),
    ("command permissions", lambda n: {"permissions": [{"id": "1", "type": 1, "permission": True}] * n}, 0, 100),
    ("command permissions", lambda n: {"permissions": [{"id": "1", "type": n, "permission": True}]}, 1, 3),
]
MESSAGES: list[tuple[str, Body, int, int]] = [
    ("message", lambda n: {"content": "x" * n}, 1, 2000),
    ("webhook message", lambda n: {"content": "x" * n}, 1, 2000),
    ("message edit", lambda n: {"content": "x" * n}, 0, 2000),
    ("message", lambda n: {"embeds": [EMBED] * n}, 1, 10),
    ("message", lambda n: embedded(title="x" * n), 1, 256),
    ("message", lambda n: embedded(description="x" * n), 0, 4096),
    ("message", lambda n: embedded(url=f"https://example.com/{'x' * (n - 20)}"), 20, 2048),
    ("message", lambda n: embedded(color=n), 0, 0xFFFFFF),
    ("message", lambda n: embedded(footer={"text": "x" * n}), 0, 2048),
    ("message", lambda n: embedded(author={"name": "x" * n}), 0, 256),
    ("message", lambda n: embedded(image={"url": "https://example.com", "description": "x" * n}), 0, 4096),
    ("message", lambda n: embedded(fields=[FIELD] * n), 0, 25),
    ("message", lambda n: embedded(fields=[FIELD | {"name": "x" * n}]), 0, 256),
    ("message", lambda n: embedded(fields=[FIELD | {"value": "x" * n}]), 0, 1024),
    (
        "message",
        lambda n: {
            "embeds": [
                {"title": "x" * 256, "description": "x" * 2640, "footer": {"text": "x" * 2048}},
                {"author": {"name": "x" * 256}, "fields": [{"name": "x" * 100, "value": "x" * n}]},
            ]
        },
        0,
        700,
    ),
    ("message", lambda n: {"sticker_ids": numbered(n)}, 1, 3),
    ("message", lambda n: said(nonce="x" * n), 0, 25),
    ("message", lambda n: said(nonce=n), -(2**63), 2**63 - 1),
    ("message edit", lambda n: {"attachments": [{"id": "1"}] * n}, 0, 10),
    ("message edit", lambda n: {"attachments": [{"id": "1", "filename": "x" * n}]}, 1, 1024),
    ("message edit", lambda n: {"attachments": [{"id": "1", "title": "x" * n}]}, 0, 1024),
    ("message edit", lambda n: {"attachments": [{"id": "1", "description": "x" * n}]}, 0, 1024),
    ("message edit", lambda n: {"attachments": [{"id": "1", "waveform": "x" * n}]}, 0, 400),
    ("message edit", lambda n: {"attachments": [{"id": "1", "duration_secs": n}]}, 0, 2**31 - 1),
    ("message", lambda n: said(allowed_mentions={"users": numbered(n)}), 0, 100),
    ("message", lambda n: said(allowed_mentions={"roles": numbered(n)}), 0, 100),
    ("message", lambda n: said(message_reference={"message_id": "1", "channel_id": "1", "type": n}), 0, 1),
    ("message", lambda n: {"poll": POLL | {"question": {"text": "x" * n}}}, 1, 300),
    ("message", lambda n: {"poll": POLL | {"answers": POLL["answers"] * n}}, 1, 10),
    ("message", lambda n: {"poll": POLL | {"answers": [{"poll_media": {"text": "x" * n}}]}}, 1, 55),
    ("message", lambda n: {"poll": POLL | {"duration": n}}, 1, 768),
    ("message", lambda n: {"poll": POLL | {"layout_type": n}}, 1, 1),
    ("message", lambda n: said(shared_client_theme=theme(colors=["00ff00"] * n)), 1, 5),
    ("message", lambda n: said(shared_client_theme=theme(colors=["f" * n])), 6, 6),
    ("message", lambda n: said(shared_client_theme=theme(gradient_angle=n)), 0, 360),
    ("message", lambda n: said(shared_client_theme=theme(base_mix=n)), 0, 100),
    ("message", lambda n: said(shared_client_theme=theme(base_theme=n)), 0, 4),
    ("webhook message", lambda n: said(username="x" * n), 1, 80),
    ("webhook message", lambda n: said(thread_name="x" * n), 0, 100),
    ("webhook message", lambda n: said(applied_tags=numbered(n)), 0, 5),
    ("webhook", lambda n: {"name": "x" * n}, 1, 80),
    ("webhook edit", lambda n: {"name": "x" * n}, 1, 80),
    ("bulk delete", lambda n: {"messages": numbered(n)}, 2, 100),
]
COMPONENTS: list[tuple[str, Body, int, int]] = [
    ("message", lambda n: said(components=[row(button(name)) for name in numbered(n)]), 0, 5),
    ("message", lambda n: said(components=[row(*[button(name) for name in numbered(n)])]), 1, 5),
    ("message", lambda n: with_components(row(button("x" * n))), 1, 100),
    ("message", lambda n: with_components(row(button(label="x" * n))), 0, 80),
    ("message", lambda n: with_components(row(button(style=n))), 1, 4),
    ("message", lambda n: with_components(row(button(id=n))), 0, 2**31 - 1),
    ("message", lambda n: with_components(row(button(emoji={"name": "x" * n}))), 1, 32),
    ("message", lambda n: with_components(row(button(None, style=5, url=f"https://a.bc/{'x' * (n - 13)}"))), 13, 512),
    ("message", lambda n: with_components(row(select(n))), 1, 25),
    ("message", lambda n: with_components(row(select(custom_id="x" * n))), 1, 100),
    ("message", lambda n: with_components(row(select(placeholder="x" * n))), 0, 150),
    ("message", lambda n: with_components(row(select(25, min_values=n, max_values=25))), 0, 25),
    ("message", lambda n: with_components(row(select(25, max_values=n))), 1, 25),
    ("message", lambda n: with_components(row(select(options=[{"label": "x" * n, "value": "a"}]))), 1, 100),
    ("message", lambda n: with_components(row(select(options=[{"label": "a", "value": "x" * n}]))), 1, 100),
    ("message", lambda n: with_components(row(select(options=[FIRST | {"description": "x" * n}]))), 0, 100),
    ("message", lambda n: with_components(row(entities(numbered(n)))), 0, 25),
    ("message", lambda n: with_components(*[text()] * n, flags=V2), 1, 40),
    ("message", lambda n: with_components({"type": 17, "components": [text()] * n}, flags=V2), 1, 39),
    ("message", lambda n: with_components(text("x" * n), flags=V2), 1, 4000),
    ("message", lambda n: with_components(text("x" * 3000), text("x" * n), flags=V2), 1, 1000),
    ("message", lambda n: with_components(section(n), flags=V2), 1, 3),
    ("message", lambda n: with_components({"type": 12, "items": [picture()] * n}, flags=V2), 1, 10),
    ("message", lambda n: with_components({"type": 12, "items": [picture(description="x" * n)]}, flags=V2), 1, 1024),
    ("message", lambda n: with_components({"type": 14, "spacing": n}, flags=V2), 1, 2),
    (
        "message",
        lambda n: with_components({"type": 17, "components": [text()], "accent_color": n}, flags=V2),
        0,
        0xFFFFFF,
    ),
    ("modal", lambda n: modal(label(TEXT_INPUT), title="x" * n), 1, 45),
    ("modal", lambda n: modal(label(TEXT_INPUT), custom_id="x" * n), 1, 100),
    ("modal", lambda n: modal(*[text()] * n), 1, 5),
    ("modal", lambda n: modal(label(TEXT_INPUT) | {"label": "x" * n}), 1, 45),
    ("modal", lambda n: modal(label(TEXT_INPUT) | {"description": "x" * n}), 1, 100),
    ("modal", lambda n: modal(label(TEXT_INPUT | {"style": n})), 1, 2),
    ("modal", lambda n: modal(label(TEXT_INPUT | {"label": "x" * n})), 1, 45),
    ("modal", lambda n: modal(row(TEXT_INPUT | {"label": "x" * n})), 1, 45),
    ("modal", lambda n: modal(label(TEXT_INPUT | {"value": "x" * n})), 0, 4000),
    ("modal", lambda n: modal(label(TEXT_INPUT | {"placeholder": "x" * n})), 0, 100),
    ("modal", lambda n: modal(label(TEXT_INPUT | {"min_length": n})), 0, 4000),
    ("modal", lambda n: modal(label(TEXT_INPUT | {"max_length": n})), 1, 4000),
    ("modal", lambda n: modal(label(offered(21, n))), 2, 10),
    ("modal", lambda n: modal(label(offered(22, n))), 1, 10),
    ("modal", lambda n: modal(label(offered(22, 10) | {"max_values": n})), 1, 10),
    ("modal", lambda n: modal(label(offered(22, 10) | {"min_values": n, "required": False})), 0, 10),
    ("modal", lambda n: modal(label({"type": 19, "custom_id": "f", "max_values": n})), 1, 10),
    ("modal", lambda n: modal(label({"type": 19, "custom_id": "f", "file_types": ["video"] * n})), 0, 10),
    ("response 4", lambda n: {"type": 8, "data": {"choices": choices(n)}}, 0, 25),
    ("response 4", lambda n: {"type": 8, "data": {"choices": choices(1, "x" * n)}}, 0, 100),
]
ELSEWHERE: list[tuple[str, Body, int, int]] = [
    ("channel", lambda n: {"name": "x" * n}, 1, 100),
    ("channel 0 edit", lambda n: {"name": "x" * n}, 1, 100),
    ("channel 0 edit", lambda n: {"topic": "x" * n}, 0, 1024),
    ("channel 16 edit", lambda n: {"topic": "x" * n}, 0, 4096),
    ("channel 2 edit", lambda n: {"bitrate": n}, 8000, 96_000),
    ("channel 13 edit", lambda n: {"bitrate": n}, 8000, 64_000),
    ("channel 2 edit", lambda n: {"user_limit": n}, 0, 99),
    ("channel 13 edit", lambda n: {"user_limit": n}, 0, 10_000),
    ("channel 2 edit", lambda n: {"video_quality_mode": n}, 1, 2),
    ("channel 0 edit", lambda n: {"position": n}, 0, 2**31 - 1),
    ("channel 0 edit", lambda n: {"rate_limit_per_user": n}, 0, 21_600),
    ("channel 0 edit", lambda n: {"default_thread_rate_limit_per_user": n}, 0, 21_600),
    ("channel 0 edit", lambda n: {"permission_overwrites": [{"id": "1"}] * n}, 0, 100),
    ("channel 0 edit", lambda n: {"permission_overwrites": [{"id": "1", "type": n}]}, 0, 1),
    ("channel 15 edit", lambda n: {"available_tags": [{"name": "x"}] * n}, 0, 20),
    ("channel 15 edit", lambda n: {"available_tags": [{"name": "x" * n}]}, 0, 50),
    ("channel 15 edit", lambda n: {"default_reaction_emoji": {"emoji_name": "x" * n}}, 0, 100),
    ("channel 15 edit", lambda n: {"default_sort_order": n}, 0, 1),
    ("channel 15 edit", lambda n: {"default_forum_layout": n}, 0, 2),
    ("channel positions", lambda n: [{"id": "1", "position": n}], 0, 2**31 - 1),
    ("role positions", lambda n: [{"id": "1", "position": n}], -(2**31), 2**31 - 1),
    ("overwrite", lambda n: {"type": n}, 0, 1),
    ("overwrite", lambda n: {"allow": str(n)}, 0, 2**63 - 1),
    ("role", lambda n: {"name": "x" * n}, 1, 100),
    ("role", lambda n: {"unicode_emoji": "x" * n}, 0, 100),
    ("role", lambda n: {"colors": {"primary_color": n}}, 0, 0xFFFFFF),
    ("member", lambda n: {"nick": "x" * n}, 0, 32),
    ("member", lambda n: {"roles": numbered(n)}, 0, 350),
    ("own member", lambda n: {"bio": "x" * n}, 0, 190),
    ("ban", lambda n: {"delete_message_days": n}, 0, 7),
    ("ban", lambda n: {"delete_message_seconds": n}, 0, 604_800),
    ("bans", lambda n: {"user_ids": numbered(n)}, 0, 200),
    ("voice state", lambda n: {"channel_id": n}, 0, 2**63 - 1),
    ("voice status", lambda n: {"status": "x" * n}, 0, 500),
    ("stage", lambda n: {"channel_id": "1", "topic": "x" * n}, 1, 120),
    ("stage edit", lambda n: {"topic": "x" * n}, 1, 120),
    ("stage edit", lambda n: {"privacy_level": n}, 1, 2),
    ("sound", lambda n: SOUND | {"name": "x" * n}, 2, 32),
    ("sound", lambda n: SOUND | {"volume": n}, 0, 1),
    ("sound edit", lambda n: {"emoji_name": "x" * n}, 1, 32),
    ("user", lambda n: {"username": "x" * n}, 2, 32),
    ("application", lambda n: {"description": "x" * n}, 0, 400),
    ("application", lambda n: {"tags": numbered(n)}, 0, 5),
    ("application", lambda n: {"tags": ["x" * n]}, 0, 20),
    ("application", lambda n: {"event_webhooks_status": n}, 1, 2),
    ("application", lambda n: {"install_params": {"permissions": str(n)}}, 0, 2**54 - 1),
]
FIRST: Json = {"label": "a", "value": "a"}


def theme(**more: Any) -> Json:
    return {"colors": ["ffffff"], "gradient_angle": 0, "base_mix": 0} | more


def entities(ids: list[str]) -> Json:
    default_values = [{"id": user_id, "type": "user"} for user_id in ids]
    return {"type": 5, "custom_id": "u", "max_values": 25, "default_values": default_values}


@pytest.mark.parametrize(("form", "body", "least", "most"), [*COMMANDS, *MESSAGES, *COMPONENTS, *ELSEWHERE])
def test_limits(form: str, body: Body, least: int, most: int) -> None:
    """Both ends are taken, what lies beyond them is not; there are no lengths below zero."""
    lowest, highest = body(least), body(most)
    beyond = [other for other in (body(least - 1), body(most + 1)) if other != lowest]

    assert [refusals(FORMS[form], taken) for taken in (lowest, highest)] == [{}, {}]
    assert [refusals(FORMS[form], other) != {} for other in beyond] == [True] * len(beyond)


NEEDED: list[tuple[str, Json, list[str]]] = [
    ("command", PLAY, ["name", "description", "options.0.type", "options.0.name", "options.0.description"]),
    ("command", command(option(choices=choices(1))), ["options.0.choices.0.name", "options.0.choices.0.value"]),
    ("command permissions", {"permissions": [{"id": "1", "type": 1, "permission": True}]}, ["permissions.0.id"]),
    ("message", embedded(fields=[FIELD]), ["embeds.0.fields.0.name", "embeds.0.fields.0.value"]),
    ("message", {"poll": POLL}, ["poll.question", "poll.answers", "poll.answers.0.poll_media"]),
    ("message", {"poll": POLL}, ["poll.question.text", "poll.answers.0.poll_media.text"]),
    ("message", said(message_reference={"message_id": "1"}), ["message_reference.message_id"]),
    ("message", said(shared_client_theme=theme()), [f"shared_client_theme.{name}" for name in theme()]),
    ("message", with_components(row(button())), ["components.0.type", "components.0.components"]),
    ("message", with_components(row(button())), ["components.0.components.0.style"]),
    (
        "message",
        with_components(row(select())),
        ["components.0.components.0.custom_id", "components.0.components.0.options"],
    ),
    ("message", with_components(row(select())), [f"components.0.components.0.options.0.{name}" for name in FIRST]),
    (
        "message",
        with_components(row(entities(["1"]))),
        [f"components.0.components.0.default_values.0.{name}" for name in ("id", "type")],
    ),
    ("message", with_components(text(), flags=V2), ["components.0.content"]),
    ("message", with_components(section(1), flags=V2), ["components.0.components", "components.0.accessory"]),
    (
        "message",
        with_components({"type": 12, "items": [picture()]}, flags=V2),
        ["components.0.items", "components.0.items.0.media", "components.0.items.0.media.url"],
    ),
    ("message", with_components({"type": 13, "file": {"url": "attachment://a"}}, flags=V2), ["components.0.file"]),
    ("message", with_components({"type": 17, "components": [text()]}, flags=V2), ["components.0.components"]),
    ("message edit", {"attachments": [{"id": "1"}]}, ["attachments.0.id"]),
    ("bulk delete", {"messages": ["1", "2"]}, ["messages"]),
    ("webhook", {"name": "x"}, ["name"]),
    ("response 4", {"type": 8, "data": {"choices": []}}, ["type", "data"]),
    ("modal", modal(label(TEXT_INPUT)), ["custom_id", "title", "components"]),
    ("modal", modal(label(TEXT_INPUT)), ["components.0.label", "components.0.component"]),
    ("modal", modal(label(TEXT_INPUT)), ["components.0.component.custom_id", "components.0.component.style"]),
    ("modal", modal(label(offered(21, 2))), ["components.0.component.options"]),
    ("modal", modal(label(offered(22, 2))), ["components.0.component.options"]),
    ("modal", modal(row(TEXT_INPUT)), ["components.0.components"]),
    ("channel", {"name": "x"}, ["name"]),
    ("channel", {"name": "x", "permission_overwrites": [{"id": "1"}]}, ["permission_overwrites.0.id"]),
    ("channel", {"name": "x", "available_tags": [{"name": "x"}]}, ["available_tags.0.name"]),
    ("bans", {"user_ids": []}, ["user_ids"]),
    ("stage", {"channel_id": "1", "topic": "x"}, ["channel_id", "topic"]),
    ("sound", SOUND, ["name", "sound"]),
    ("sound send", {"sound_id": "1"}, ["sound_id"]),
    ("direct messages", {"recipient_id": "1"}, ["recipient_id"]),
]


def without(body: Any, place: str, *, null: bool) -> Any:
    """The body with that place left out, or null."""
    changed = deepcopy(body)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    parent = changed
    for part in path:
        parent = parent[part]
    if null:
        parent[last] = None
    else:
        del parent[last]
    return changed


@pytest.mark.parametrize(("form", "body", "places"), NEEDED)
def test_needed(form: str, body: Any, places: list[str]) -> None:
    """The body is good as it is, and is neither without one of these places nor with null there."""
    assert refusals(FORMS[form], body) == {}
    for place in places:
        for null in (False, True):
            assert refusals(FORMS[form], without(body, place, null=null)) == {place: "BASE_TYPE_REQUIRED"}


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("command 1 edit", "name"),
        ("command 1 edit", "description"),
        ("command 2 edit", "name"),
        ("webhook edit", "name"),
        ("channel 0 edit", "name"),
        ("stage edit", "topic"),
        ("stage edit", "privacy_level"),
        ("sound edit", "name"),
        ("user", "username"),
    ],
)
def test_never_null(form: str, name: str) -> None:
    """An edit may leave these out, but not take them away."""
    assert refusals(FORMS[form], {}) == {}
    assert refusals(FORMS[form], {name: None}) == {name: "BASE_TYPE_REQUIRED"}


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("message", said(allowed_mentions={"parse": [None, None], "users": [None, None], "roles": [None]})),
        ("member", {"roles": [None, "1", None]}),
        ("channel", {"name": "x", "available_tags": [None]}),
    ],
)
def test_items_that_may_be_null(form: str, body: Json) -> None:
    assert refusals(FORMS[form], body) == {}


def test_known_channel_types() -> None:
    """All of a guild, and those of direct messages."""
    known = [kind for kind in range(20) if not refusals(FORMS["command"], command(option(7, channel_types=[kind])))]

    assert known == [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16]


def test_known_application_flags() -> None:
    """The limited intents alone can be changed."""
    settable = {1 << 13, 1 << 15, 1 << 19}

    for bit in (1 << shift for shift in range(24)):
        assert check(FORMS["application"], {"flags": bit}).body == {"flags": bit if bit in settable else 0}
