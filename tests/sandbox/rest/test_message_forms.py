"""Messages, their components, and webhooks."""

import pytest

from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.rest.forms import messages
from jeffbot.sandbox.rest.schema import Field, check

from .bodies import POLL, TEXT_INPUT, V2, Json, button, refusals, row, select, text, with_components


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, {"": "50006"}),
        ({"content": " \n"}, {"": "50006"}),
        ({"content": "", "embeds": [], "components": []}, {"": "50006"}),
        ({"content": "x" * 2001}, {"content": "BASE_TYPE_MAX_LENGTH"}),
        ({"content": ["x"]}, {"content": "STRING_TYPE_CONVERT"}),
        ({"embeds": [{"title": "x"}] * 11}, {"embeds": "BASE_TYPE_MAX_LENGTH"}),
        ({"embeds": [{}]}, {"embeds.0.description": "BASE_TYPE_REQUIRED"}),
        ({"embeds": ["x"]}, {"embeds.0": "MODEL_TYPE_CONVERT"}),
        (
            {"embeds": [{"title": "x" * 257}]},
            {"embeds.0.title": "BASE_TYPE_MAX_LENGTH", "embeds.0.description": "BASE_TYPE_REQUIRED"},
        ),
        ({"embeds": [{"title": "x", "color": 1 << 24}]}, {"embeds.0.color": "NUMBER_TYPE_MAX"}),
        ({"embeds": [{"title": "x", "timestamp": "now"}]}, {"embeds.0.timestamp": "DATE_TIME_TYPE_PARSE"}),
        ({"embeds": [{"title": "x", "url": "x"}]}, {"embeds.0.url": "URL_TYPE_INVALID_URL"}),
        (
            {"embeds": [{"fields": [{"name": "x", "value": "y"}] * 26}]},
            {"embeds.0.fields": "BASE_TYPE_MAX_LENGTH", "embeds.0.description": "BASE_TYPE_REQUIRED"},
        ),
        ({"embeds": [{"title": "x", "fields": [{"name": "x"}]}]}, {"embeds.0.fields.0.value": "BASE_TYPE_REQUIRED"}),
        ({"embeds": [{"description": "x" * 3001}] * 2}, {"embeds": "MAX_EMBED_SIZE_EXCEEDED"}),
        ({"content": "x", "sticker_ids": ["1"] * 4}, {"sticker_ids": "BASE_TYPE_MAX_LENGTH"}),
        ({"content": "x", "nonce": "x" * 26}, {"nonce": "NONCE_TYPE_TOO_LONG"}),
        ({"content": "x", "nonce": 2**63}, {"nonce": "NONCE_TYPE_OUT_OF_BOUNDS"}),
        ({"content": "x", "nonce": 1.5}, {"nonce": "NONCE_TYPE_INVALID_TYPE"}),
        ({"content": "x", "flags": "many"}, {"flags": "NUMBER_TYPE_COERCE"}),
        ({"content": "x", "message_reference": {}}, {"message_reference.message_id": "BASE_TYPE_REQUIRED"}),
        ({"message_reference": {"type": 1, "message_id": "1"}}, {"message_reference.channel_id": "BASE_TYPE_REQUIRED"}),
        ({"content": "x", "attachments": [{"id": 0}]}, {"attachments.0": "ATTACHMENT_NOT_FOUND"}),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            {"allowed_mentions": "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"},
        ),
        ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, {"allowed_mentions.parse.0": "BASE_TYPE_CHOICES"}),
        ({"poll": POLL | {"answers": POLL["answers"] * 11}}, {"poll.answers": "BASE_TYPE_BAD_LENGTH"}),
        ({"poll": POLL | {"duration": 769}}, {"poll.duration": "NUMBER_TYPE_MAX"}),
        ({"poll": POLL | {"question": {"text": "x" * 301}}}, {"poll.question.text": "BASE_TYPE_BAD_LENGTH"}),
    ],
)
def test_refused_messages(body: Json, refused: dict[str, str]) -> None:
    found = refusals(messages.MESSAGE_CREATE, body)

    assert {place: code for place, code in found.items() if place in refused} == refused


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000, "tts": False, "nonce": "x" * 25, "enforce_nonce": True, "flags": 1 << 12},
        {"embeds": [{"title": " x ", "type": "rich", "image": {"url": "attachment://a.png", "height": 5}}]},
        {"embeds": [{"description": "x" * 3000}, {"description": "x" * 3000}]},
        {
            "content": "x",
            "allowed_mentions": {"parse": ["everyone"], "users": ["1"], "roles": [], "replied_user": True},
        },
        {"content": "x", "message_reference": {"message_id": 5, "fail_if_not_exists": False}},
        {"message_reference": {"type": 1, "message_id": "1", "channel_id": "2"}},
        {"sticker_ids": ["1", "2", "3"]},
        {"poll": POLL},
        {"components": None, "embeds": None, "content": "x"},
    ],
)
def test_accepted_messages(body: Json) -> None:
    assert check(messages.MESSAGE_CREATE, body).findings == []


def test_files() -> None:
    """A file makes a message; each attachment names the file that it is."""
    body = {"attachments": [{"id": 0, "filename": "a.png", "description": "x"}]}

    assert refusals(messages.MESSAGE_CREATE, {}, ["0"]) == {}
    assert refusals(messages.MESSAGE_CREATE, body, ["0"]) == {}
    assert refusals(messages.MESSAGE_CREATE, body, ["1"]) == {"attachments.0": "ATTACHMENT_NOT_FOUND"}
    assert refusals(messages.message_edit(), {"attachments": [{"id": "1234", "filename": "kept.png"}]}) == {}


def test_flags_that_cannot_be_set() -> None:
    """They are dropped, with a finding."""
    body, findings = check(messages.MESSAGE_CREATE, {"content": "x", "flags": (1 << 2) + (1 << 6)})

    assert body["flags"] == 1 << 2
    assert findings == [(Kind.COERCED_VALUE, "flags: bits that cannot be set here: 64")]
    assert check(messages.FOLLOW_UP, {"content": "x", "flags": 1 << 6}).findings == []


@pytest.mark.parametrize(
    ("components", "refused"),
    [
        ([row(button())] * 6, {"components": "BASE_TYPE_MAX_LENGTH"}),
        ([row()], {"components.0.components": "BASE_TYPE_BAD_LENGTH"}),
        ([row(*[button(str(n)) for n in range(6)])], {"components.0.components": "BASE_TYPE_BAD_LENGTH"}),
        ([button()], {"components.0": "UNION_TYPE_CHOICES"}),
        ([text()], {"components.0": "UNION_TYPE_CHOICES"}),
        ([row(row(button()))], {"components.0.components.0": "UNION_TYPE_CHOICES"}),
        ([row(button(), button())], {"components.0.components.1.custom_id": "COMPONENT_CUSTOM_ID_DUPLICATED"}),
        ([row(button("a", id=1), button("b", id=1))], {"components.0.components.1.id": "COMPONENT_ID_DUPLICATED"}),
        ([row(button(), select())], {"components.0.components.1": "COMPONENT_LAYOUT_WIDTH_EXCEEDED"}),
        ([row(button(None))], {"components.0.components.0.custom_id": "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED"}),
        ([row(button("x" * 101))], {"components.0.components.0.custom_id": "BASE_TYPE_BAD_LENGTH"}),
        ([row(button(label="x" * 81))], {"components.0.components.0.label": "BASE_TYPE_MAX_LENGTH"}),
        ([row(button(style=7))], {"components.0.components.0.style": "BASE_TYPE_CHOICES"}),
        (
            [row(button(url="https://example.com"))],
            {"components.0.components.0.url": "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE"},
        ),
        ([row({"type": 2, "style": 5, "label": "x"})], {"components.0.components.0.url": "BASE_TYPE_REQUIRED"}),
        (
            [row(button(style=5, url="https://example.com"))],
            {"components.0.components.0.custom_id": "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE"},
        ),
        ([row({"type": 2, "style": 6})], {"components.0.components.0.sku_id": "BASE_TYPE_REQUIRED"}),
        (
            [row({"type": 2, "style": 6, "sku_id": "1", "label": "x"})],
            {"components.0.components.0.label": "BUTTON_COMPONENT_LABEL_INVALID"},
        ),
        ([row(button(emoji={}))], {"components.0.components.0.emoji.name": "BUTTON_COMPONENT_INVALID_EMOJI"}),
        ([row(select(26))], {"components.0.components.0.options": "BASE_TYPE_BAD_LENGTH"}),
        ([row(select(2, max_values=3))], {"components.0.components.0.options": "BASE_TYPE_BAD_LENGTH"}),
        ([row(select(3, min_values=2))], {"components.0.components.0.min_values": "NUMBER_TYPE_MAX"}),
        ([row(select(placeholder="x" * 151))], {"components.0.components.0.placeholder": "BASE_TYPE_MAX_LENGTH"}),
        (
            [row(select(options=[{"label": "a", "value": "a"}] * 2))],
            {"components.0.components.0.options.1.value": "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED"},
        ),
        (
            [row(select(options=[{"label": str(n), "value": str(n), "default": True} for n in range(2)]))],
            {"components.0.components.0.options": "SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES"},
        ),
        (
            [row({"type": 5, "custom_id": "u", "default_values": [{"id": "1", "type": "role"}]})],
            {"components.0.components.0.default_values.0.type": "BASE_TYPE_CHOICES"},
        ),
        ([row(TEXT_INPUT)], {"components.0.components.0": "UNION_TYPE_CHOICES"}),
    ],
)
def test_refused_components(components: list[Json], refused: dict[str, str]) -> None:
    """Without the flag ``IS_COMPONENTS_V2``."""
    found = refusals(messages.MESSAGE_CREATE, {"content": "x", "components": components})

    assert {place: code for place, code in found.items() if place in refused} == refused


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (with_components(), {"": "50006"}),
        (with_components(text(), content="x"), {"content": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"}),
        (
            with_components(text(), embeds=[{"title": "x"}], poll=POLL, sticker_ids=["1"]),
            dict.fromkeys(("embeds", "poll", "sticker_ids"), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"),
        ),
        (with_components(*[text()] * 41), {"components": "BASE_TYPE_MAX_LENGTH"}),
        (
            with_components(*[{"type": 17, "components": [text()] * 20}] * 2),
            {"components": "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"},
        ),
        (
            with_components(text("x" * 2001), text("x" * 2000)),
            {"components": "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"},
        ),
        (with_components(text("")), {"components.0.content": "BASE_TYPE_BAD_LENGTH"}),
        (with_components({"type": 9, "components": [text()]}), {"components.0.accessory": "BASE_TYPE_REQUIRED"}),
        (with_components({"type": 12, "items": []}), {"components.0.items": "BASE_TYPE_BAD_LENGTH"}),
        (
            with_components({"type": 13, "file": {"url": "https://example.com"}}),
            {"components.0.file.url": "URL_TYPE_INVALID_SCHEME"},
        ),
        (with_components({"type": 14, "spacing": 3}), {"components.0.spacing": "BASE_TYPE_CHOICES"}),
        (
            with_components({"type": 17, "components": [{"type": 17, "components": [text()]}]}),
            {"components.0.components.0": "UNION_TYPE_CHOICES"},
        ),
        (
            with_components(row(button()), {"type": 17, "components": [row(button())]}),
            {"components.1.components.0.components.0.custom_id": "COMPONENT_CUSTOM_ID_DUPLICATED"},
        ),
    ],
)
def test_refused_v2_messages(body: Json, refused: dict[str, str]) -> None:
    """With it."""
    assert refusals(messages.MESSAGE_CREATE, body | {"flags": V2}) == refused


def test_accepted_v2_message() -> None:
    """One of everything."""
    picture = {"media": {"url": "https://example.com/a.png"}, "description": "x", "spoiler": True}
    body = with_components(
        text(),
        row(button(), button(None, style=5, url="discord://-/channels/1")),
        row(select(3, min_values=0, max_values=3)),
        {"type": 9, "components": [text()], "accessory": {"type": 11, **picture}},
        {"type": 9, "components": [text()] * 3, "accessory": button("c")},
        {"type": 12, "items": [picture] * 10},
        {"type": 13, "file": {"url": "attachment://a.pdf"}},
        {"type": 17, "accent_color": 5, "components": [{"type": 14, "divider": False, "spacing": 2}, text()]},
        flags=V2,
    )

    assert check(messages.MESSAGE_CREATE, body).findings == []


def test_message_edits() -> None:
    """A message once driven by components stays so; an edit may say nothing."""
    plain, v2 = messages.message_edit(), messages.message_edit(V2)
    legacy = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"

    assert refusals(plain, {}) == refusals(v2, with_components(text())) == {}
    assert refusals(plain, with_components(text())) == {"components.0": "UNION_TYPE_CHOICES"}
    assert refusals(plain, with_components(text(), flags=V2, content=None, embeds=[])) == {}
    assert refusals(v2, {"content": "x"}) == {"content": legacy}
    assert refusals(messages.message_edit(webhook=True), {"poll": POLL}) == {}


def test_empty_after_an_edit() -> None:
    """What a message has become must show something."""
    assert messages.empty_message({"content": "", "embeds": [], "attachments": [{"id": "1"}]}) is None
    error = messages.empty_message({"content": " ", "embeds": []})
    assert error is not None
    assert (error.status, error.body) == (400, {"message": "Cannot send an empty message", "code": 50006})


@pytest.mark.parametrize(
    ("form", "body", "refused"),
    [
        (messages.WEBHOOK_EXECUTE, {}, {"": "50006"}),
        (messages.WEBHOOK_EXECUTE, {"content": "x", "username": "Clyde 2"}, {"username": "USERNAME_INVALID_CONTAINS"}),
        (messages.WEBHOOK_EXECUTE, {"content": "x", "username": ""}, {"username": "BASE_TYPE_BAD_LENGTH"}),
        (messages.WEBHOOK_EXECUTE, {"content": "x", "thread_name": "x" * 101}, {"thread_name": "BASE_TYPE_MAX_LENGTH"}),
        (messages.WEBHOOK_CREATE, {"name": "my discord"}, {"name": "USERNAME_INVALID_CONTAINS"}),
        (messages.BULK_DELETE, {"messages": ["1"]}, {"messages": "BASE_TYPE_BAD_LENGTH"}),
        (messages.BULK_DELETE, {"messages": list(range(101))}, {"messages": "BASE_TYPE_BAD_LENGTH"}),
        (messages.BULK_DELETE, {"messages": [1, "1"]}, {"messages.1": "SET_TYPE_ALREADY_CONTAINS_VALUE"}),
    ],
)
def test_refused_webhooks_and_deletions(form: Field, body: Json, refused: dict[str, str]) -> None:
    assert refusals(form, body) == refused
