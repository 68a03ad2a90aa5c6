"""Components of messages (Components, Component Reference); its sections are named as there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..schema import Field, Form, ListOf, OneOf, Place, Required, fits
from .commands import CHANNEL_TYPES
from .embeds import COLOUR
from .fields import Barred, Choice, Flag, Ignored, Snowflake, Text, Whole
from .formats import Url

ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = range(
    1, 9
)
SECTION, TEXT_DISPLAY, THUMBNAIL, MEDIA_GALLERY, FILE, SEPARATOR = range(9, 15)
CONTAINER, LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 17, 18, 19, 21, 22, 23
MOST_ROWS = 5
"""Of a message without ``IS_COMPONENTS_V2`` ("Legacy Message Component Behavior")."""
MOST_COMPONENTS = 40
"""Of one with it, at all depths."""
MOST_CHARACTERS = 4000
"""Of all its text displays."""


def walk(components: Sequence[Any], place: Place) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """All valid components with their places, outer ones first."""
    for index, component in enumerate(components):
        if isinstance(component, dict):
            yield from _walk_one(component, place / index)


def _walk_one(component: Mapping[str, Any], place: Place) -> Iterator[tuple[Mapping[str, Any], Place]]:
    yield component, place
    yield from walk(component.get("components") or (), place / "components")
    for slot in ("accessory", "component"):
        if isinstance(component.get(slot), dict):
            yield from _walk_one(component[slot], place / slot)


def check_distinct(components: Sequence[Any], place: Place) -> None:
    """No two components share a ``custom_id`` or an ``id`` ("Anatomy of a Component"); 0 is no id."""
    taken: set[tuple[str, Any]] = set()
    for component, at in walk(components, place):
        for key in ("custom_id", "id"):
            value = component.get(key)
            if value and (key, value) in taken:
                code, name = f"COMPONENT_{key.upper()}_DUPLICATED", key.replace("_", " ")
                (at / key).refuse(code, f"Component {name} cannot be duplicated")
            taken.add((key, value))


def check_layout(components: Sequence[Any], place: Place, *, v2: bool) -> None:
    """What a message may have with the flag ``IS_COMPONENTS_V2``, and without."""
    check_distinct(components, place)
    if v2:
        _check_totals(components, place)
        return
    fits(len(components), 0, MOST_ROWS, place)
    for index, component in enumerate(components):
        if isinstance(component, dict) and component["type"] != ACTION_ROW:
            (place / index).refuse("UNION_TYPE_CHOICES", f'Value of field "type" must be one of {(ACTION_ROW,)}.')


def _check_totals(components: Sequence[Any], place: Place) -> None:
    everything = [component for component, _ in walk(components, place)]
    if len(everything) > MOST_COMPONENTS:
        message = f"Total number of components exceeds maximum of {MOST_COMPONENTS}"
        place.refuse("COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", message)
    if sum(len(component.get("content") or "") for component in everything) > MOST_CHARACTERS:
        message = f"Components displayable text size exceeds maximum size of {MOST_CHARACTERS}"
        place.refuse("COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message)


# "Anatomy of a Component"

COMPONENT = Form(id=Whole(0, 2**31 - 1))
INTERACTIVE = COMPONENT.extended(custom_id=Required(Text(1, 100)))


def _named(emoji: Mapping[str, Any], place: Place) -> None:
    if not (emoji.get("id") or emoji.get("name")):
        (place / "name").refuse("BUTTON_COMPONENT_INVALID_EMOJI", "Invalid emoji")


EMOJI = Form(_named, id=Snowflake(), name=Text(0, 32), animated=Flag())


# "Button"


def _without(*names: str) -> dict[str, Field]:
    return {name: Barred(f"BUTTON_COMPONENT_{name.upper()}_INVALID", f"Not for this style: {name}") for name in names}


_EITHER = Barred("BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
_ID_NEEDED = Required(Text(1, 100), "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", "A custom id is required")
_PLAIN = COMPONENT.extended(label=Text(0, 80), emoji=EMOJI, disabled=Flag())
_CLICK = _PLAIN.extended(custom_id=_ID_NEEDED, url=_EITHER, **_without("sku_id"))
_LINK = _PLAIN.extended(
    custom_id=_EITHER, url=Required(Url("http", "https", "discord", longest=512)), **_without("sku_id")
)
_PREMIUM = _PLAIN.extended(sku_id=Required(Snowflake()), **_without("custom_id", "label", "url", "emoji"))
_BUTTON = OneOf("style", {1: _CLICK, 2: _CLICK, 3: _CLICK, 4: _CLICK, 5: _LINK, 6: _PREMIUM}, enum=True)


# "String Select" and the other selects


def _range(select: Mapping[str, Any], place: Place) -> None:
    """As many must be choosable as must be chosen; by default one."""
    least, most = select.get("min_values"), select.get("max_values")
    least, most = 1 if least is None else least, 1 if most is None else most
    if least > most:
        (place / "min_values").refuse("NUMBER_TYPE_MAX", f"int value should be less than or equal to {most}.")


def check_options(options: Sequence[Any], most: int, longest: int, place: Place) -> None:
    """Enough options for ``most`` to be chosen, each value once, no more defaults than that."""
    if options:
        fits(len(options), most, longest, place)
    seen: set[str | None] = set()
    for index, option in enumerate(options):
        value = option.get("value") if isinstance(option, dict) else None
        if value is not None and value in seen:
            code, message = "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used"
            (place / index / "value").refuse(code, message)
        seen.add(value)
    check_defaults([option for option in options if isinstance(option, dict) and option.get("default")], most, place)


def check_defaults(defaults: Sequence[Any], most: int, place: Place) -> None:
    """No more than can be chosen."""
    if len(defaults) > most:
        message = "The specified number of default values exceeds the specified maximum values"
        place.refuse("SELECT_COMPONENT_TOO_MANY_DEFAULT_VALUES", message)


def _string_options(select: Mapping[str, Any], place: Place) -> None:
    check_options(select.get("options") or (), select.get("max_values") or 1, 25, place / "options")


def _default_entities(select: Mapping[str, Any], place: Place) -> None:
    check_defaults(select.get("default_values") or (), select.get("max_values") or 1, place / "default_values")


OPTION = Form(label=Required(Text(1, 100)), value=Required(Text(1, 100)), description=Text(0, 100), default=Flag())
SELECT = INTERACTIVE.extended(
    _range,
    placeholder=Text(0, 150),
    min_values=Whole(0, 25),
    max_values=Whole(1, 25),
    disabled=Flag(),
    required=Flag(),
)


def _entities(*kinds: str) -> Form:
    default = Form(id=Required(Snowflake()), type=Required(Choice(*kinds)))
    return SELECT.extended(_default_entities, default_values=ListOf(default, 0, 25))


SELECTS: Final[dict[int, Form]] = {
    STRING_SELECT: SELECT.extended(_string_options, options=Required(ListOf(OPTION.extended(emoji=EMOJI), 1, 25))),
    USER_SELECT: _entities("user"),
    ROLE_SELECT: _entities("role"),
    MENTIONABLE_SELECT: _entities("user", "role"),
    CHANNEL_SELECT: _entities("channel").extended(channel_types=ListOf(Choice(*CHANNEL_TYPES), unique=True)),
}


# "Action Row"


def check_width(components: Sequence[Any], place: Place) -> None:
    """Five buttons, or one of anything else."""
    width = 0
    for index, component in enumerate(components):
        kind = component["type"] if isinstance(component, dict) else BUTTON
        width += 1 if kind == BUTTON else 5
        if width > 5:
            message = "The specified component exceeds the maximum width"
            (place / index).refuse("COMPONENT_LAYOUT_WIDTH_EXCEEDED", message)


_ROW = COMPONENT.extended(components=Required(ListOf(OneOf("type", {BUTTON: _BUTTON, **SELECTS}), 1, 5, check_width)))


# What shows something: "Section" to "Container"


def _media(*schemes: str) -> Form:
    """Only the address can be set ("Unfurled Media Item")."""
    return Form(url=Required(Url(*schemes)), **dict.fromkeys(_TOLD_OF_MEDIA, Ignored()))


_TOLD_OF_MEDIA = ("id", "proxy_url", "height", "width", "placeholder", "placeholder_version", "content_type", "flags")
_ALT_TEXT = Text(1, 1024)
_MEDIA = Required(_media("http", "https", "attachment"))
TEXT_DISPLAY_FORM = COMPONENT.extended(content=Required(Text(1, MOST_CHARACTERS)))
_THUMBNAIL = COMPONENT.extended(media=_MEDIA, description=_ALT_TEXT, spoiler=Flag())
_ITEM = Form(media=_MEDIA, description=_ALT_TEXT, spoiler=Flag())
_INNER: dict[int, Field] = {
    ACTION_ROW: _ROW,
    SECTION: COMPONENT.extended(
        components=Required(ListOf(OneOf("type", {TEXT_DISPLAY: TEXT_DISPLAY_FORM}), 1, 3)),
        accessory=Required(OneOf("type", {BUTTON: _BUTTON, THUMBNAIL: _THUMBNAIL})),
    ),
    TEXT_DISPLAY: TEXT_DISPLAY_FORM,
    MEDIA_GALLERY: COMPONENT.extended(items=Required(ListOf(_ITEM, 1, 10))),
    FILE: COMPONENT.extended(file=Required(_media("attachment")), spoiler=Flag(), name=Ignored(), size=Ignored()),
    SEPARATOR: COMPONENT.extended(divider=Flag(), spacing=Choice(1, 2)),
}
_CONTAINER = COMPONENT.extended(
    components=Required(ListOf(OneOf("type", _INNER), 1, MOST_COMPONENTS)), accent_color=COLOUR, spoiler=Flag()
)
COMPONENTS = ListOf(OneOf("type", _INNER | {CONTAINER: _CONTAINER}), 0, MOST_COMPONENTS)
"""Of a message; ``check_layout`` says which of them it may have."""
