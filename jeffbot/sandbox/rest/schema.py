"""What a request's body must be like, and refusals that look like Discord's (Reference, "Error Messages").

A form is a tree of fields. Reading a body with it makes a clean body and says, at their places, all that is wrong.
The fields of single values are in ``forms.fields``.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

from ..errors import ApiError
from ..findings import Kind

INVALID: Final = object()
"""What a field reads from a value that it refuses."""
_LONGEST_LIST = 1521
"""Where nothing else is said (OpenAPI document, ``maxItems`` of ``allowed_mentions.parse`` and others)."""
_MOST_UNKNOWN_NOTED = 20


class Field(Protocol):
    """One kind of value."""

    def read(self, value: Any, place: "Place", /) -> Any:
        """The clean value, or ``INVALID`` after having refused it at its place. The value is not null."""
        ...


type Rule = Callable[[Any, Place], None]
"""A look at a clean value as a whole; refuses and notes at places in it."""
type Problem = tuple[tuple[str, ...], str, str]
"""Where in the body, Discord's short code, a sentence."""


class Checked(NamedTuple):
    """A body that Discord would take."""

    body: Any
    """Of it what the form knows, of the types it names; what was left out stays out."""
    findings: list[tuple[Kind, str]]
    """What a good client would not have sent."""


class _Report:
    def __init__(self, files: Collection[str]) -> None:
        self.files = files
        self.problems: list[Problem] = []
        self.findings: list[tuple[Kind, str]] = []
        self.rejection: ApiError | None = None


class Place:
    """Somewhere in a body; ``place / "options" / 0`` is somewhere deeper."""

    def __init__(self, report: _Report, path: tuple[str, ...] = ()) -> None:
        self._report = report
        self._path = path

    def __truediv__(self, part: str | int) -> "Place":
        return Place(self._report, (*self._path, str(part)))

    @property
    def files(self) -> Collection[str]:
        """Ids of the files that came with the request."""
        return self._report.files

    def refuse(self, code: str, message: str) -> None:
        """Say that something here is wrong."""
        self._report.problems.append((self._path, code, message))

    def reject(self, error: ApiError) -> None:
        """Answer the request with another error than 50035, should the form have no fault."""
        self._report.rejection = self._report.rejection or error

    def note(self, kind: Kind, text: str) -> None:
        """Say that something here is odd."""
        self._report.findings.append((kind, f"{'.'.join(self._path) or 'body'}: {text}"))


def check(form: Field, body: Any, files: Collection[str] = ()) -> Checked:
    """Read a request's body.

    Args:
        form: What it must be.
        body: Any JSON value.
        files: Ids of the files that came with it: ``n`` of each ``files[n]`` (Reference, "Uploading Files").

    Raises:
        ApiError: 50035 with every problem in its tree, or what a rule rejects the request with.
    """
    report = _Report(files)
    clean = form.read(body, Place(report))
    if report.problems:
        raise invalid_form(report.problems)
    if report.rejection:
        raise report.rejection
    return Checked(clean, report.findings)


def invalid_form(problems: Iterable[Problem]) -> ApiError:
    """The 50035 error with each problem nested at its place."""
    errors: dict[str, Any] = {}
    for path, code, message in problems:
        branch = errors
        for part in path:
            branch = branch.setdefault(part, {})
        branch.setdefault("_errors", []).append({"code": code, "message": message})
    return ApiError(400, 50035, "Invalid Form Body", errors)


def shown(value: Any) -> str:
    """A client's value as a message can quote it, however large or deep it is."""
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    if isinstance(value, int) and value.bit_length() > 256:
        return "a huge integer"
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def whole(value: Any) -> int | None:
    """What Discord makes of a value where it wants an integer; None: nothing."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value) else None


def fits(length: int, shortest: int, longest: int | None, place: Place) -> bool:
    """Whether a length is allowed; refuses it with Discord's code for the bounds that there are."""
    if shortest <= length and (longest is None or length <= longest):
        return True
    if longest is None:
        place.refuse("BASE_TYPE_MIN_LENGTH", f"Must be {shortest} or more in length.")
    elif shortest:
        place.refuse("BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
    else:
        place.refuse("BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")
    return False


class ReadsNull:
    """A field that has its own opinion of null; any other may be null."""


@dataclass(frozen=True)
class Required(ReadsNull):
    """A field that must be there and not be null."""

    field: Field
    code: str = "BASE_TYPE_REQUIRED"
    message: str = "This field is required"

    def read(self, value: Any, place: Place) -> Any:
        """Null is refused, too."""
        return self.missing(place) if value is None else self.field.read(value, place)

    def missing(self, place: Place) -> Any:
        """Refuse for want of a value."""
        place.refuse(self.code, self.message)
        return INVALID


class NotNull(Required):
    """A field that may be left out, but not be null."""


@dataclass(frozen=True)
class OrNull(ReadsNull):
    """An item that may be null; lists lose it then."""

    field: Field

    def read(self, value: Any, place: Place) -> Any:
        """Null, or what the field reads."""
        return None if value is None else self.field.read(value, place)


class Form:
    """An object with these fields, which may be left out or be null unless they say otherwise."""

    def __init__(self, *rules: Rule, **fields: Field) -> None:
        self._rules = rules
        self._fields = fields

    def extended(self, *rules: Rule, **fields: Field) -> "Form":
        """The same with more rules, and with these fields added or in place of its own."""
        return Form(*self._rules, *rules, **(self._fields | fields))

    def read(self, value: Any, place: Place) -> Any:
        """Code: MODEL_TYPE_CONVERT. The rules get to see the valid fields only."""
        if not _is_object(value, place):
            return INVALID
        clean: dict[str, Any] = {}
        for name, field in self._fields.items():
            if name not in value:
                if type(field) is Required:
                    field.missing(place / name)
            elif value[name] is not None or isinstance(field, ReadsNull):
                clean[name] = field.read(value[name], place / name)
            else:
                clean[name] = None
        for name in islice((name for name in value if name not in self._fields), _MOST_UNKNOWN_NOTED):
            (place / shown(name)).note(Kind.UNKNOWN_FIELD, "Discord knows no such field")
        return _obey(self._rules, {name: read for name, read in clean.items() if read is not INVALID}, place)


class OneOf:
    """An object whose other fields depend on one of it, an integer.

    Args:
        by: Its name.
        forms: What the rest must be, by its value.
        default: Its value where it is missing.
        enum: Refuse a value without a form at the field (BASE_TYPE_CHOICES), not at the object (UNION_TYPE_CHOICES).
    """

    def __init__(self, by: str, forms: Mapping[int, Field], default: int | None = None, *, enum: bool = False) -> None:
        self._by = by
        self._forms = forms
        self._default = default
        self._enum = enum

    def read(self, value: Any, place: Place) -> Any:
        """Codes: MODEL_TYPE_CONVERT, and those of the choice."""
        chosen = self._chosen(value, place) if _is_object(value, place) else None
        if chosen is None:
            return INVALID
        rest = self._forms[chosen].read({name: value[name] for name in value if name != self._by}, place)
        return {self._by: chosen, **rest} if isinstance(rest, dict) else INVALID

    def _chosen(self, value: dict[str, Any], place: Place) -> int | None:
        given, at = value.get(self._by), place / self._by
        given = self._default if given is None else given
        chosen = whole(given)
        if given is None:
            at.refuse("BASE_TYPE_REQUIRED", "This field is required")
        elif chosen is None:
            at.refuse("NUMBER_TYPE_COERCE", f'Value "{shown(given)}" is not int.')
        elif chosen in self._forms:
            if type(given) is not int:
                at.note(Kind.COERCED_VALUE, f'"{shown(given)}" is not an integer')
            return chosen
        elif self._enum:
            at.refuse("BASE_TYPE_CHOICES", f"Value must be one of {tuple(self._forms)}.")
        else:
            place.refuse("UNION_TYPE_CHOICES", f'Value of field "{self._by}" must be one of {tuple(self._forms)}.')
        return None


class ListOf:
    """A list of so many items, ``unique`` ones or not."""

    def __init__(
        self, item: Field, shortest: int = 0, longest: int | None = None, *rules: Rule, unique: bool = False
    ) -> None:
        self._item = item if isinstance(item, ReadsNull) else Required(item)
        self._bounds = shortest, longest
        self._rules = (_unique, *rules) if unique else rules

    def read(self, value: Any, place: Place) -> Any:
        """Codes: LIST_TYPE_CONVERT, BASE_TYPE_…_LENGTH. The rules get to see invalid items as ``INVALID``."""
        if not isinstance(value, list):
            place.refuse("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return INVALID
        if not (fits(len(value), *self._bounds, place) and fits(len(value), 0, _LONGEST_LIST, place)):
            return INVALID
        items = [self._item.read(item, place / index) for index, item in enumerate(value)]
        return [item for item in _obey(self._rules, items, place) if item is not None]


def _is_object(value: Any, place: Place) -> bool:
    if not isinstance(value, dict):
        place.refuse("MODEL_TYPE_CONVERT", "Expected an object/dictionary.")
    return isinstance(value, dict)


def _obey(rules: Iterable[Rule], value: Any, place: Place) -> Any:
    for rule in rules:
        rule(value, place)
    return value


def _unique(items: list[Any], place: Place) -> None:
    seen: set[Any] = set()
    for index, item in enumerate(items):
        if item in seen and item is not INVALID and item is not None:
            (place / index).refuse("SET_TYPE_ALREADY_CONTAINS_VALUE", "The set already contains this value")
        seen.add(item)
