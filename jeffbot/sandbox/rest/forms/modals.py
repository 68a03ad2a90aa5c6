"""Modals (Receiving and Responding, "Modal") and their components (Components, Component Reference)."""

from collections.abc import Mapping
from typing import Any

from ...findings import Kind
from ..schema import Field, Form, ListOf, OneOf, Place, Required, Rule
from .commands import FILE_TYPES
from .components import (
    ACTION_ROW,
    CHECKBOX,
    CHECKBOX_GROUP,
    COMPONENT,
    FILE_UPLOAD,
    INTERACTIVE,
    LABEL,
    OPTION,
    RADIO_GROUP,
    SELECTS,
    TEXT_DISPLAY,
    TEXT_DISPLAY_FORM,
    TEXT_INPUT,
    check_distinct,
    check_options,
    check_width,
)
from .fields import Barred, Choice, Deprecated, Flag, Text, Whole

MOST_COMPONENTS = 5
"""At the top (Receiving and Responding, "Modal")."""


def _distinct(modal: Mapping[str, Any], place: Place) -> None:
    check_distinct(modal.get("components") or (), place / "components")


def _row_is_old(_: Mapping[str, Any], place: Place) -> None:
    place.note(Kind.DEPRECATED_FIELD, "a Label component has taken the action row's place")


def _lengths(text_input: Mapping[str, Any], place: Place) -> None:
    shortest, longest = text_input.get("min_length") or 0, text_input.get("max_length")
    if longest is not None and longest < shortest:
        (place / "max_length").refuse("NUMBER_TYPE_MIN", f"int value should be greater than or equal to {shortest}.")


def _asked_for(component: Mapping[str, Any], place: Place) -> None:
    """Whoever must answer must choose something: ``min_values`` is 0 only where ``required`` is false."""
    if component.get("min_values") == 0 and component.get("required") is not False:
        (place / "min_values").refuse("NUMBER_TYPE_MIN", "int value should be greater than or equal to 1.")


def _options(most: int | None) -> Rule:
    def check(group: Mapping[str, Any], place: Place) -> None:
        options = group.get("options") or ()
        check_options(options, most or group.get("max_values") or len(options), 10, place / "options")

    return check


_TEXT_INPUT = INTERACTIVE.extended(
    _lengths,
    style=Required(Choice(1, 2)),
    label=Deprecated(Text(1, 45), "the label of a Label component has taken its place"),
    min_length=Whole(0, 4000),
    max_length=Whole(1, 4000),
    required=Flag(),
    value=Text(0, 4000),
    placeholder=Text(0, 100),
)
_ROW = COMPONENT.extended(
    _row_is_old,
    components=Required(
        ListOf(OneOf("type", {TEXT_INPUT: _TEXT_INPUT.extended(label=Text(1, 45))}), 1, 5, check_width)
    ),
)
_ENABLED = Barred("COMPONENT_DISABLED_INVALID", "Components of a modal cannot be disabled")
_GROUP = INTERACTIVE.extended(required=Flag())
_MANY = _GROUP.extended(_asked_for, min_values=Whole(0, 10), max_values=Whole(1, 10))
_LABELLED: dict[int, Field] = {
    TEXT_INPUT: _TEXT_INPUT,
    **{kind: select.extended(_asked_for, disabled=_ENABLED) for kind, select in SELECTS.items()},
    FILE_UPLOAD: _MANY.extended(file_types=FILE_TYPES),
    RADIO_GROUP: _GROUP.extended(_options(1), options=Required(ListOf(OPTION, 2, 10))),
    CHECKBOX_GROUP: _MANY.extended(_options(None), options=Required(ListOf(OPTION, 1, 10))),
    CHECKBOX: INTERACTIVE.extended(default=Flag()),
}
_LABEL = COMPONENT.extended(
    label=Required(Text(1, 45)), description=Text(1, 100), component=Required(OneOf("type", _LABELLED))
)
MODAL = Form(
    _distinct,
    custom_id=Required(Text(1, 100)),
    title=Required(Text(1, 45)),
    components=Required(
        ListOf(OneOf("type", {ACTION_ROW: _ROW, TEXT_DISPLAY: TEXT_DISPLAY_FORM, LABEL: _LABEL}), 1, MOST_COMPONENTS)
    ),
)
