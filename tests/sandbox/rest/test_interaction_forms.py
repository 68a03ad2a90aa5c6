"""Answers to interactions, and modals."""

import pytest

from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.rest.forms import commands, interactions, modals
from jeffbot.sandbox.rest.schema import check

from .bodies import TEXT_INPUT, V2, Json, button, choices, label, modal, refusals, row, select, text


@pytest.mark.parametrize(
    ("kind", "body", "refused"),
    [
        (2, {}, {"type": "BASE_TYPE_REQUIRED"}),
        (2, {"type": 8, "data": {"choices": []}}, {"type": "BASE_TYPE_CHOICES"}),
        (2, {"type": 7}, {"type": "BASE_TYPE_CHOICES"}),
        (2, {"type": 10}, {"type": "BASE_TYPE_CHOICES"}),
        (1, {"type": 4, "data": {"content": "x"}}, {"type": "BASE_TYPE_CHOICES"}),
        (4, {"type": 4, "data": {"content": "x"}}, {"type": "BASE_TYPE_CHOICES"}),
        (5, {"type": 9, "data": modal(label(TEXT_INPUT))}, {"type": "BASE_TYPE_CHOICES"}),
        (2, {"type": 4}, {"": "50006"}),
        (2, {"type": 4, "data": {}}, {"": "50006"}),
        (2, {"type": 4, "data": []}, {"data": "MODEL_TYPE_CONVERT"}),
        (2, {"type": 4, "data": {"content": "x" * 2001}}, {"data.content": "BASE_TYPE_MAX_LENGTH"}),
        (3, {"type": 7, "data": {"embeds": [{}]}}, {"data.embeds.0.description": "BASE_TYPE_REQUIRED"}),
        (4, {"type": 8}, {"data": "BASE_TYPE_REQUIRED"}),
        (4, {"type": 8, "data": {"choices": choices(26)}}, {"data.choices": "BASE_TYPE_MAX_LENGTH"}),
        (4, {"type": 8, "data": {"choices": choices(1, value=True)}}, {"data.choices.0.value": "NUMBER_TYPE_COERCE"}),
        (4, {"type": 8, "data": {"choices": choices(1, "x" * 101)}}, {"data.choices.0.value": "BASE_TYPE_MAX_LENGTH"}),
        (
            2,
            {"type": 9, "data": {}},
            dict.fromkeys(("data.custom_id", "data.title", "data.components"), "BASE_TYPE_REQUIRED"),
        ),
    ],
)
def test_refused_answers(kind: int, body: Json, refused: dict[str, str]) -> None:
    assert refusals(interactions.interaction_response(kind), body) == refused


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (1, {"type": 1}),
        (2, {"type": 4, "data": {"content": "x", "flags": 64}}),
        (2, {"type": 5}),
        (2, {"type": 5, "data": {"flags": 64}}),
        (2, {"type": 9, "data": modal(label(TEXT_INPUT))}),
        (2, {"type": 12}),
        (3, {"type": 6}),
        (3, {"type": 7, "data": {}}),
        (3, {"type": 7}),
        (4, {"type": 8, "data": {"choices": [{"name": "a", "value": "a"}, {"name": "b", "value": 1.5}]}}),
        (5, {"type": 7, "data": {"content": "x"}}),
    ],
)
def test_accepted_answers(kind: int, body: Json) -> None:
    assert check(interactions.interaction_response(kind), body).findings == []


def test_answers_in_their_place() -> None:
    """A modal of a command updates nothing, a choice has the option's type, a deferral shows nothing."""
    numbers = interactions.interaction_response(4, choices=commands.CHOICES[commands.INTEGER])

    assert refusals(interactions.interaction_response(5, updates=False), {"type": 7}) == {"type": "BASE_TYPE_CHOICES"}
    assert refusals(numbers, {"type": 8, "data": {"choices": choices(1, "x")}}) == {
        "data.choices.0.value": "NUMBER_TYPE_COERCE"
    }
    assert check(interactions.interaction_response(2), {"type": 5, "data": {"content": "x", "flags": V2}}).findings == [
        (Kind.COERCED_VALUE, f"data.flags: bits that cannot be set here: {V2}"),
        (Kind.UNKNOWN_FIELD, "data: a deferral shows nothing"),
    ]
    assert refusals(interactions.interaction_response(3, message_flags=V2), {"type": 7, "data": {"content": "x"}}) == {
        "data.content": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
    }


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (modal(label(TEXT_INPUT), title="x" * 46), {"title": "BASE_TYPE_BAD_LENGTH"}),
        (modal(label(TEXT_INPUT), custom_id=""), {"custom_id": "BASE_TYPE_BAD_LENGTH"}),
        (modal(), {"components": "BASE_TYPE_BAD_LENGTH"}),
        (modal(*[text()] * 6), {"components": "BASE_TYPE_BAD_LENGTH"}),
        (modal(row(button())), {"components.0.components.0": "UNION_TYPE_CHOICES"}),
        (modal(TEXT_INPUT), {"components.0": "UNION_TYPE_CHOICES"}),
        (
            modal(row(TEXT_INPUT, TEXT_INPUT | {"custom_id": "u"})),
            {"components.0.components.1": "COMPONENT_LAYOUT_WIDTH_EXCEEDED"},
        ),
        (
            modal(label(TEXT_INPUT), label(TEXT_INPUT)),
            {"components.1.component.custom_id": "COMPONENT_CUSTOM_ID_DUPLICATED"},
        ),
        (modal(label(TEXT_INPUT | {"max_length": 4001})), {"components.0.component.max_length": "NUMBER_TYPE_MAX"}),
        (
            modal(label(TEXT_INPUT | {"min_length": 5, "max_length": 4})),
            {"components.0.component.max_length": "NUMBER_TYPE_MIN"},
        ),
        (modal(label(select(disabled=True))), {"components.0.component.disabled": "COMPONENT_DISABLED_INVALID"}),
        (modal(label(select(min_values=0))), {"components.0.component.min_values": "NUMBER_TYPE_MIN"}),
        (
            modal(label({"type": 21, "custom_id": "r", "options": [{"label": "a", "value": "a"}]})),
            {"components.0.component.options": "BASE_TYPE_BAD_LENGTH"},
        ),
        (
            modal(label({"type": 19, "custom_id": "f", "max_values": 11})),
            {"components.0.component.max_values": "NUMBER_TYPE_MAX"},
        ),
    ],
)
def test_refused_modals(body: Json, refused: dict[str, str]) -> None:
    assert refusals(modals.MODAL, body) == refused


def test_accepted_modal() -> None:
    options = [{"label": str(number), "value": str(number), "default": True} for number in range(2)]
    body = modal(
        text(),
        label(TEXT_INPUT | {"placeholder": "x", "required": False, "min_length": 0}),
        label(select(min_values=0, required=False)),
        label({"type": 22, "custom_id": "c", "options": options}),
        label({"type": 19, "custom_id": "f", "file_types": ["audio"]}),
    )

    assert check(modals.MODAL, body).findings == []
