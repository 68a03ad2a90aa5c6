"""The kinds of values that forms are made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...findings import Kind
from ..schema import INVALID, Field, Place, ReadsNull, Required, Rule, fits, shown, whole

SAFE_INTEGER = 2**53 - 1
"""The greatest integer that every JSON reader keeps (Application Commands, "Application Command Option Type")."""
INT64 = 2**63 - 1
"""The greatest id: Discord keeps them as signed integers."""
LOCALES = frozenset(
    {"ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he", "hi", "hr", "hu", "id"}
    | {"it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk", "vi", "zh-CN", "zh-TW"}
)
"""Languages (Reference, "Locales"; Arabic and Hebrew: OpenAPI document, ``AvailableLocalesEnum``)."""


class Text:
    """A string of so many characters. Integers become strings, unless it must be ``exact``."""

    def __init__(self, shortest: int = 0, longest: int | None = None, *rules: Rule, exact: bool = False) -> None:
        self._bounds = shortest, longest
        self._rules = rules
        self._exact = exact

    def read(self, value: Any, place: Place) -> Any:
        """Codes: STRING_TYPE_CONVERT, BASE_TYPE_…_LENGTH, and the rules'."""
        if not isinstance(value, str):
            if self._exact or not isinstance(value, int) or value.bit_length() > 64:
                place.refuse("STRING_TYPE_CONVERT", f'Could not interpret "{shown(value)}" as string.')
                return INVALID
            place.note(Kind.COERCED_VALUE, f"{value} is not a string")
            value = str(value)
        if not fits(len(value), *self._bounds, place):
            return INVALID
        for rule in self._rules:
            rule(value, place)
        return value


@dataclass(frozen=True)
class Whole:
    """An integer. Digits in a string and the like become one, unless it must be ``exact``."""

    lowest: int = -SAFE_INTEGER
    highest: int = SAFE_INTEGER
    exact: bool = False

    def read(self, value: Any, place: Place) -> Any:
        """Codes: NUMBER_TYPE_COERCE, NUMBER_TYPE_MIN, NUMBER_TYPE_MAX."""
        number = whole(value)
        if number is None or (self.exact and type(value) is not int):
            place.refuse("NUMBER_TYPE_COERCE", f'Value "{shown(value)}" is not int.')
            return INVALID
        if type(value) is not int:
            place.note(Kind.COERCED_VALUE, f'"{shown(value)}" is not an integer')
        return number if within(number, self.lowest, self.highest, "int", place) else INVALID


@dataclass(frozen=True)
class Number:
    """A finite number, by default one that a NUMBER option can have."""

    lowest: float = -(2**53)
    highest: float = 2**53

    def read(self, value: Any, place: Place) -> Any:
        """Codes: NUMBER_TYPE_COERCE, NUMBER_TYPE_MIN, NUMBER_TYPE_MAX."""
        if type(value) is not int and not (isinstance(value, float) and math.isfinite(value)):
            place.refuse("NUMBER_TYPE_COERCE", f'Value "{shown(value)}" is not float.')
            return INVALID
        return value if within(value, self.lowest, self.highest, "float", place) else INVALID


class Flag:
    """True or false."""

    _TAKEN: Final[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}

    def read(self, value: Any, place: Place) -> Any:
        """Code: BOOLEAN_TYPE_CONVERT."""
        if isinstance(value, bool):
            return value
        taken = self._TAKEN.get(shown(value).lower())
        if taken is None:
            place.refuse("BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
            return INVALID
        place.note(Kind.COERCED_VALUE, f'"{shown(value)}" is not a boolean')
        return taken


class Choice:
    """One of these integers, or of these strings."""

    def __init__(self, *values: int | str) -> None:
        self._values = values
        self._field: Field = Text() if isinstance(values[0], str) else Whole()

    def read(self, value: Any, place: Place) -> Any:
        """Codes: BASE_TYPE_CHOICES, and those of a wrong type."""
        read = self._field.read(value, place)
        if read is not INVALID and read not in self._values:
            place.refuse("BASE_TYPE_CHOICES", f"Value must be one of {self._values}.")
            return INVALID
        return read


class Snowflake:
    """An id; it becomes a string (Reference, "ID Serialization")."""

    def read(self, value: Any, place: Place) -> Any:
        """Codes: NUMBER_TYPE_COERCE, NUMBER_TYPE_MIN, NUMBER_TYPE_MAX."""
        number = None if isinstance(value, bool | float) else whole(value)
        if number is None:
            place.refuse("NUMBER_TYPE_COERCE", f'Value "{shown(value)}" is not snowflake.')
            return INVALID
        return str(number) if within(number, 0, INT64, "snowflake", place) else INVALID


@dataclass(frozen=True)
class Permissions:
    """A set of permissions, as a string (Permissions); an integer becomes one."""

    highest: int = INT64

    def read(self, value: Any, place: Place) -> Any:
        """Codes: NUMBER_TYPE_COERCE, NUMBER_TYPE_MIN, NUMBER_TYPE_MAX."""
        number = None if isinstance(value, bool | float) else whole(value)
        if number is None:
            place.refuse("NUMBER_TYPE_COERCE", f'Value "{shown(value)}" is not int.')
            return INVALID
        if isinstance(value, int):
            place.note(Kind.COERCED_VALUE, "a set of permissions is written as a string")
        return str(number) if within(number, 0, self.highest, "int", place) else INVALID


@dataclass(frozen=True)
class Bits:
    """A bit field of which a request may set some; the others are dropped, as Discord does without a word."""

    settable: int

    def read(self, value: Any, place: Place) -> Any:
        """Codes: those of ``Whole``."""
        bits = Whole(0).read(value, place)
        if bits is INVALID:
            return INVALID
        if bits & ~self.settable:
            place.note(Kind.COERCED_VALUE, f"bits that cannot be set here: {bits & ~self.settable}")
        return bits & self.settable


@dataclass(frozen=True)
class Deprecated:
    """A field that Discord has given up."""

    field: Field
    instead: str

    def read(self, value: Any, place: Place) -> Any:
        """Noted, then read as ever."""
        place.note(Kind.DEPRECATED_FIELD, self.instead)
        return self.field.read(value, place)


@dataclass(frozen=True)
class Ignored(ReadsNull):
    """A field without effect in a request, noted if there is a why. Without: a client may send back what it got."""

    why: str = ""

    def read(self, _: Any, place: Place) -> Any:
        """Nothing of it stays."""
        if self.why:
            place.note(Kind.UNKNOWN_FIELD, self.why)
        return INVALID


@dataclass(frozen=True)
class Barred(ReadsNull):
    """A field that must not be set here; null, false, zero and what is empty are let pass."""

    code: str
    message: str

    def read(self, value: Any, place: Place) -> Any:
        """Nothing of it stays."""
        if value:
            place.refuse(self.code, self.message)
        return INVALID


class MapOf:
    """An object with values of one kind under some of these keys."""

    def __init__(self, keys: frozenset[str], value: Field) -> None:
        self._keys = keys
        self._value = value if isinstance(value, ReadsNull) else Required(value)

    def read(self, value: Any, place: Place) -> Any:
        """Codes: DICT_TYPE_CONVERT, ENUM_TYPE_COERCE for a key."""
        if not isinstance(value, dict):
            place.refuse("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return INVALID
        unknown = next((key for key in value if key not in self._keys), None)
        if unknown is not None:
            place.refuse("ENUM_TYPE_COERCE", f'Value "{shown(unknown)}" is not a valid enum value.')
        known = {key: self._value.read(value[key], place / key) for key in value if key in self._keys}
        return {key: read for key, read in known.items() if read is not INVALID}


def within(number: float, lowest: float, highest: float, name: str, place: Place) -> bool:
    """Whether a number is allowed; refuses it with Discord's code for the bound that it breaks."""
    if number < lowest:
        place.refuse("NUMBER_TYPE_MIN", f"{name} value should be greater than or equal to {lowest}.")
    elif number > highest:
        place.refuse("NUMBER_TYPE_MAX", f"{name} value should be less than or equal to {highest}.")
    return lowest <= number <= highest
