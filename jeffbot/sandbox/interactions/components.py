"""Buttons, menus and forms as people use them (Discord: Components, Component Reference)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..attachments import File
from ..errors import InvalidOptionError, UnusableComponentError
from ..rest.components import components_in
from ..rest.forms.components import (
    ACTION_ROW,
    BUTTON,
    CHANNEL_SELECT,
    CHECKBOX,
    CHECKBOX_GROUP,
    FILE_UPLOAD,
    LABEL,
    MENTIONABLE_SELECT,
    RADIO_GROUP,
    ROLE_SELECT,
    STRING_SELECT,
    TEXT_INPUT,
    USER_SELECT,
)
from ..world.payloads import Json
from ..world.values import Channel, Message, Role, User
from .resolved import Resolved

_CLICKABLE = range(1, 5)
"""Styles of buttons that send an interaction; links and purchases do not ("Button Styles")."""
_SELECTABLE: dict[int, tuple[type, ...]] = {
    USER_SELECT: (User,),
    ROLE_SELECT: (Role,),
    MENTIONABLE_SELECT: (User, Role),
    CHANNEL_SELECT: (Channel,),
    FILE_UPLOAD: (File,),
}
_LONGEST_TEXT = 4000
"""Characters ("Text Input")."""


def pressed(message: Message, name: str) -> Json:
    """The ``data`` of a press of a button, named by its ``custom_id`` or by what is written on it.

    Raises:
        UnusableComponentError: There is no such button, or it cannot be pressed.
    """
    button = _usable(message, name, lambda component: component["type"] == BUTTON)
    if button["style"] not in _CLICKABLE:
        raise UnusableComponentError(f"{name} sends nothing to the application")
    return _data(button)


def selected(message: Message, name: str, things: Sequence[Any], resolved: Resolved) -> Json:
    """The ``data`` of a choice in a menu, named by its ``custom_id`` or its placeholder.

    Raises:
        UnusableComponentError: There is no such menu, or it cannot be used.
        InvalidOptionError: The client would not let a person choose these.
    """
    menu = _usable(message, name, lambda component: component["type"] in {STRING_SELECT, *_SELECTABLE})
    values = _chosen(menu, things, resolved, most=menu.get("max_values") or 1)
    return _data(menu) | {"values": values} | resolved.json()


def filled(components: list[Json], answers: Mapping[str, Any], resolved: Resolved) -> list[Json]:
    """The ``components`` of a submitted modal ("Modal Submit Data Structure"), with answers by ``custom_id``.

    Raises:
        InvalidOptionError: There is no such field, a required one is empty, or the client would not send an answer.
    """
    known = {component["custom_id"] for component in components_in(components) if "custom_id" in component}
    if unknown := answers.keys() - known:
        raise InvalidOptionError(f"no such field: {', '.join(sorted(unknown))}")
    return [_filled(component, answers, resolved) for component in components]


def _usable(message: Message, name: str, is_right: Callable[[Json], bool]) -> Json:
    found = [each for each in components_in(message.components) if is_right(each)]
    for key in ("custom_id", "label", "placeholder"):
        for component in found:
            if component.get(key) == name:
                if component.get("disabled"):
                    raise UnusableComponentError(f"{name} is disabled")
                return component
    raise UnusableComponentError(f"the message has no {name}")


def _data(component: Json) -> Json:
    """Receiving and Responding, "Message Component Data Structure"."""
    return {"id": component["id"], "custom_id": component["custom_id"], "component_type": component["type"]}


def _filled(component: Json, answers: Mapping[str, Any], resolved: Resolved) -> Json:
    """What is sent of a component: those that hold others hold their answers."""
    said: Json = {"type": component["type"], "id": component["id"]}
    if component["type"] == ACTION_ROW:
        return said | {"components": [_filled(each, answers, resolved) for each in component["components"]]}
    if component["type"] == LABEL:
        return said | {"component": _filled(component["component"], answers, resolved)}
    if "custom_id" not in component:
        return said
    name: str = component["custom_id"]
    return said | {"custom_id": name} | _answer(component, answers.get(name, _preset(component)), resolved)


def _preset(component: Json) -> Any:
    """What is in a field before a person changes it."""
    if component["type"] == TEXT_INPUT:
        return component.get("value") or ""
    if component["type"] == CHECKBOX:
        return bool(component.get("default"))
    chosen = [option["value"] for option in component.get("options") or [] if option.get("default")]
    if component["type"] == RADIO_GROUP:
        return chosen[0] if chosen else None
    return chosen


def _answer(component: Json, given: Any, resolved: Resolved) -> Json:
    kind = component["type"]
    if kind == TEXT_INPUT:
        return {"value": _text(component, str(given))}
    if kind == CHECKBOX:
        return {"value": bool(given)}
    if kind == RADIO_GROUP:
        values = _chosen(component, [] if given is None else [given], resolved, most=1)
        return {"value": values[0] if values else None}
    things = [given] if isinstance(given, str | User | Role | Channel | File) else given
    most = len(component["options"]) if kind == CHECKBOX_GROUP else 1
    return {"values": _chosen(component, things, resolved, most=component.get("max_values") or most)}


def _text(text_input: Json, text: str) -> str:
    needed = text_input.get("required") is not False
    shortest, longest = text_input.get("min_length") or 1, text_input.get("max_length") or _LONGEST_TEXT
    if (text or needed) and not shortest <= len(text) <= longest:
        raise InvalidOptionError(f"{text_input['custom_id']}: {shortest} to {longest} characters, not {len(text)}")
    return text


def _chosen(menu: Json, things: Sequence[Any], resolved: Resolved, *, most: int) -> list[str]:
    """The values that are sent: those of options, which may be named by their labels, or the ids of things."""
    least = menu.get("min_values")
    least = 1 if least is None else least
    if not (least <= len(things) <= most or (not things and menu.get("required") is False)):
        raise InvalidOptionError(f"{menu['custom_id']}: {least} to {most} must be chosen, not {len(things)}")
    if menu["type"] in _SELECTABLE:
        return [_named(menu, thing, resolved) for thing in things]
    values = {option["label"]: option["value"] for option in menu["options"]}
    values |= {value: value for value in values.values()}
    if wrong := [thing for thing in things if thing not in values]:
        raise InvalidOptionError(f"{menu['custom_id']}: {wrong[0]!r} is no option")
    return [values[thing] for thing in things]


def _named(menu: Json, thing: Any, resolved: Resolved) -> str:
    wanted = menu.get("channel_types")
    is_right = isinstance(thing, _SELECTABLE[menu["type"]])
    if is_right and isinstance(thing, Channel) and wanted:
        is_right = thing.kind in wanted
    if is_right and isinstance(thing, File):
        is_right = thing.is_of(menu.get("file_types"))
    if not is_right:
        raise InvalidOptionError(f"{menu['custom_id']}: {thing!r} cannot be chosen")
    return resolved.add(thing)
