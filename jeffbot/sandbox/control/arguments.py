"""From JSON to what verbs take: objects are named by their ids, permissions by their names, files carry base64."""

import functools
import operator
from collections.abc import Callable, Iterable
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from ..attachments import File
from ..connection import UNSENDABLE
from ..gateway.intents import PRIVILEGED, Intents
from ..interactions.applications import Application
from ..interactions.interaction import Reply
from ..options import Options, UdpFaults
from ..people import Person, Where
from ..rest.forms.fields import LOCALES
from ..world.guild import Guild
from ..world.permissions import Permission
from ..world.values import Channel, DirectChannel, Message, Role, SoundboardSound, User
from .changes import changes_form
from .control import Control
from .refusals import not_there

Snowflake = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,18}$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=512, description="a URL")]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=600, description="seconds")]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]
type Locale = str
"""Of a Discord client (Discord: Reference, "Locales")."""
type CloseCode = int
"""Of a WebSocket, one that can be sent."""
type Grantee = User | Role
"""What permissions are given to."""
type Target = User | Message
"""What has a context menu."""
type Value = Any
"""What a person puts into an option, a menu or a form."""
type OptionsChange = msgspec.Struct
type UdpChange = msgspec.Struct

_UNIONS = (Union, UnionType)


class Attached(msgspec.Struct, forbid_unknown_fields=True):
    """A file; its data is in base64."""

    name: str
    data: bytes


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    """One of these: a user, a channel or a role by its id, or a file."""

    user: Snowflake | None = None
    channel: Snowflake | None = None
    role: Snowflake | None = None
    file: Attached | None = None


class Argument(NamedTuple):
    """How a type that JSON does not have is written in it, and read."""

    wire: Any
    read: Callable[[Control, Any], Any]


def wire_type(hint: Any) -> Any:
    """The type of a parameter in JSON."""
    if argument := _ARGUMENTS.get(hint):
        return argument.wire
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return functools.reduce(operator.or_, map(wire_type, parts))
    if origin in (tuple, dict):
        return GenericAlias(origin, tuple(map(wire_type, parts)))
    return hint


def found(control: Control, hint: Any, value: Any) -> Any:
    """What was written in JSON, as what the verb takes.

    Raises:
        RefusedError: There is no such thing.
        msgspec.ValidationError: A value is empty.
    """
    if argument := _ARGUMENTS.get(hint):
        return argument.read(control, value)
    if value is None:
        return None
    origin, parts = get_origin(hint), get_args(hint)
    if origin in _UNIONS:
        return found(control, next(part for part in parts if part is not NoneType), value)
    if origin is tuple:
        return tuple(found(control, parts[0], item) for item in value)
    if origin is dict:
        return {key: found(control, parts[1], item) for key, item in value.items()}
    return value


def _named(what: str, find: Callable[[Control, int], Any]) -> Argument:
    def read(control: Control, number: str) -> Any:
        if (thing := find(control, int(number))) is None:
            raise not_there(f"there is no {what} {number}")
        return thing

    return Argument(Annotated[Snowflake, msgspec.Meta(description=f"id of a {what}")], read)


def _flags(kind: type[Permission] | type[Intents], allowed: Iterable[Permission | Intents]) -> Argument:
    names = tuple(flag.name for flag in allowed)
    return Argument(
        list[Literal[names]],  # type: ignore[valid-type]  # made at run time
        lambda _, given: functools.reduce(operator.or_, (kind[name] for name in given), kind(0)),
    )


def _user(control: Control, number: int) -> User | None:
    return control.discord.world.users.get(number)


def _person(control: Control, number: int) -> Person | None:
    user = _user(control, number)
    return user if isinstance(user, Person) else None


def _guild(control: Control, number: int) -> Guild | None:
    return control.discord.world.guilds.get(number)


def _channel(control: Control, number: int) -> Channel | None:
    return control.discord.world.channels.get(number)


def _place(control: Control, number: int) -> Guild | Channel | DirectChannel | None:
    return _guild(control, number) or _channel(control, number) or control.discord.world.directs.get(number)


def _role(control: Control, number: int) -> Role | None:
    roles = (role for guild in control.discord.world.guilds.values() for role in guild.roles)
    return next((role for role in roles if role.id == number), None)


def _sound(control: Control, number: int) -> SoundboardSound | None:
    sounds = (guild.sounds.get(number) for guild in control.discord.world.guilds.values())
    return next((sound for sound in sounds if sound), None)


def _message(control: Control, number: int) -> Message | None:
    return control.discord.message(number)


def _close_code(_: Control, code: int) -> int:
    if code in UNSENDABLE:
        raise msgspec.ValidationError(f"Expected a close code that can be sent, got {code}")
    return code


def _value(control: Control, value: Any) -> Any:
    if isinstance(value, list):
        return [_value(control, item) for item in value]
    if not isinstance(value, Thing):
        return value
    for kind, named in ((User, value.user), (Channel, value.channel), (Role, value.role), (File, value.file)):
        if named is not None:
            return found(control, kind, named)
    raise msgspec.ValidationError("Expected `user`, `channel`, `role` or `file`, got none of them")


_Scalar = str | int | float | bool | Thing
_ARGUMENTS: dict[Any, Argument] = {
    Application: _named("application", lambda control, number: control.discord.application(number)),
    User: _named("user", _user),
    Person: _named("person", _person),
    Guild: _named("guild", _guild),
    Channel: _named("channel", _channel),
    Where: _named("guild or channel", _place),
    Role: _named("role", _role),
    Message: _named("message", _message),
    Grantee: _named("user or role", lambda *asked: _user(*asked) or _role(*asked)),
    Target: _named("user or message", lambda *asked: _user(*asked) or _message(*asked)),
    Reply: _named("reply", lambda control, number: control.replies.get(number)),
    Permission: _flags(Permission, Permission),
    Intents: _flags(Intents, PRIVILEGED),
    OptionsChange: Argument(changes_form(Options), lambda _, changes: changes),
    UdpChange: Argument(changes_form(UdpFaults), lambda _, changes: changes),
    SoundboardSound: _named("sound", _sound),
    Locale: Argument(
        Literal[tuple(sorted(LOCALES))],  # made at run time
        lambda _, locale: locale,
    ),
    CloseCode: Argument(
        Annotated[int, msgspec.Meta(ge=1000, le=4999, description="of a WebSocket (RFC 6455, section 7.4.2)")],
        _close_code,
    ),
    File: Argument(Attached, lambda _, file: File(file.name, file.data)),
    Value: Argument(_Scalar | list[_Scalar], _value),
}
