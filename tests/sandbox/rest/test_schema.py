"""The language of forms."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.sandbox.errors import ApiError
from jeffbot.sandbox.findings import Kind
from jeffbot.sandbox.rest.forms.fields import (
    Barred,
    Bits,
    Choice,
    Deprecated,
    Flag,
    Ignored,
    MapOf,
    Number,
    Permissions,
    Snowflake,
    Text,
    Whole,
)
from jeffbot.sandbox.rest.forms.formats import ImageData, SoundData, Timestamp, Url
from jeffbot.sandbox.rest.schema import Field, Form, ListOf, NotNull, OneOf, OrNull, Place, Required, check

DATE = Form(
    day=Required(Whole(1, 31)),
    name=Text(0, 10),
    tags=ListOf(Text(1, 5), 0, 9),
    where=Form(city=NotNull(Text(1))),
)
SHAPE = OneOf("type", {1: Form(radius=Required(Number(0))), 2: Form(side=Required(Number(0)))})
DEEP: list[Any] = []
for _ in range(5_000):
    DEEP = [DEEP]


def errors(form: Field, body: Any) -> dict[str, Any]:
    """The tree of a refusal."""
    with pytest.raises(ApiError) as caught:
        check(form, body)
    assert (caught.value.status, caught.value.code, str(caught.value)) == (400, 50035, "Invalid Form Body")
    assert caught.value.errors is not None
    return caught.value.errors


def codes(tree: dict[str, Any], *path: str) -> set[str]:
    """The short codes at a place of it."""
    for part in path:
        tree = tree[part]
    return {error["code"] for error in tree["_errors"]}


def test_accepted() -> None:
    """A good body comes back as it is, without findings."""
    body = {"day": 1, "name": None, "tags": ["a"], "where": {"city": "Rome"}}

    assert check(DATE, body) == (body, [])


def test_everything_at_once() -> None:
    """All that is wrong is said, each at its place, in Discord's words."""
    assert errors(DATE, {"name": "x" * 11, "tags": ["ok", "", 5, None], "where": {"city": None}}) == {
        "day": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]},
        "name": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 10 or fewer in length."}]},
        "tags": {
            "1": {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": "Must be between 1 and 5 in length."}]},
            "3": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]},
        },
        "where": {"city": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]}},
    }


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (Text(), [], "STRING_TYPE_CONVERT"),
        (Text(), 1.5, "STRING_TYPE_CONVERT"),
        (Text(), 10**400, "STRING_TYPE_CONVERT"),
        (Text(exact=True), 5, "STRING_TYPE_CONVERT"),
        (Text(3), "ab", "BASE_TYPE_MIN_LENGTH"),
        (Text(3, 4), "ab", "BASE_TYPE_BAD_LENGTH"),
        (Text(0, 4), "abcde", "BASE_TYPE_MAX_LENGTH"),
        (Whole(), "many", "NUMBER_TYPE_COERCE"),
        (Whole(), "1_0", "NUMBER_TYPE_COERCE"),
        (Whole(), 1.5, "NUMBER_TYPE_COERCE"),
        (Whole(), math.nan, "NUMBER_TYPE_COERCE"),
        (Whole(exact=True), "5", "NUMBER_TYPE_COERCE"),
        (Whole(3), 2, "NUMBER_TYPE_MIN"),
        (Whole(0, 3), 4, "NUMBER_TYPE_MAX"),
        (Whole(), 10**400, "NUMBER_TYPE_MAX"),
        (Whole(), 1e300, "NUMBER_TYPE_MAX"),
        (Number(), "1.5", "NUMBER_TYPE_COERCE"),
        (Number(), True, "NUMBER_TYPE_COERCE"),
        (Number(), math.inf, "NUMBER_TYPE_COERCE"),
        (Number(), -(10**400), "NUMBER_TYPE_MIN"),
        (Number(0, 1), 1.01, "NUMBER_TYPE_MAX"),
        (Flag(), "perhaps", "BOOLEAN_TYPE_CONVERT"),
        (Flag(), 2, "BOOLEAN_TYPE_CONVERT"),
        (Choice(1, 2), 3, "BASE_TYPE_CHOICES"),
        (Choice(1, 2), "STRING", "NUMBER_TYPE_COERCE"),
        (Choice("a", "b"), "c", "BASE_TYPE_CHOICES"),
        (Snowflake(), "general", "NUMBER_TYPE_COERCE"),
        (Snowflake(), True, "NUMBER_TYPE_COERCE"),
        (Snowflake(), -1, "NUMBER_TYPE_MIN"),
        (Snowflake(), str(2**63), "NUMBER_TYPE_MAX"),
        (Permissions(), "ADMINISTRATOR", "NUMBER_TYPE_COERCE"),
        (Permissions(8), "9", "NUMBER_TYPE_MAX"),
        (Bits(1), -1, "NUMBER_TYPE_MIN"),
        (Timestamp(), "tomorrow", "DATE_TIME_TYPE_PARSE"),
        (Timestamp(), 1735689600, "DATE_TIME_TYPE_PARSE"),
        (Timestamp(), "0001-01-01T00:00:00+23:59", "DATE_TIME_TYPE_PARSE"),
        (Timestamp(), "9999-12-31T23:59:59-23:59", "DATE_TIME_TYPE_PARSE"),
        (Url("http", "https"), "ftp://example.com", "URL_TYPE_INVALID_SCHEME"),
        (Url("http", "https"), "https://", "URL_TYPE_INVALID_URL"),
        (Url("http", "https"), "https://[", "URL_TYPE_INVALID_URL"),
        (Url("https", longest=20), "https://example.com/x", "BASE_TYPE_MAX_LENGTH"),
        (SoundData(), "data:audio/ogg;base64,%%%%", "STRING_TYPE_REGEX"),
        (SoundData(), "data:image/png;base64,AAAA", "STRING_TYPE_REGEX"),
        (ListOf(Flag()), {}, "LIST_TYPE_CONVERT"),
        (ListOf(Flag(), 1), [], "BASE_TYPE_MIN_LENGTH"),
        (ListOf(Flag()), [True] * 1522, "BASE_TYPE_MAX_LENGTH"),
        (MapOf(frozenset({"de"}), Flag()), [], "DICT_TYPE_CONVERT"),
        (MapOf(frozenset({"de"}), Flag()), {"xx": True}, "ENUM_TYPE_COERCE"),
        (DATE, [], "MODEL_TYPE_CONVERT"),
        (SHAPE, 5, "MODEL_TYPE_CONVERT"),
        (SHAPE, {"type": 3}, "UNION_TYPE_CHOICES"),
        (Barred("NO", "No."), "yes", "NO"),
    ],
)
def test_refused(field: Field, value: Any, code: str) -> None:
    """Each field refuses a wrong value with Discord's code for it."""
    assert codes(errors(field, value)) == {code}


@pytest.mark.parametrize("value", ["x" * 100_000, DEEP, {"x": DEEP}, 10**400, "9" * 5_000, math.nan, "\ud800"])
def test_hostile_values_are_not_quoted_whole(value: Any) -> None:
    """However large or deep a value is, the message about it is short, and nothing fails."""
    (error,) = errors(Whole(), value)["_errors"]

    assert len(error["message"]) < 150


@pytest.mark.parametrize(
    ("field", "value", "clean"),
    [
        (Text(), 5, "5"),
        (Whole(), "5", 5),
        (Whole(), 5.0, 5),
        (Whole(), True, 1),
        (Flag(), "false", False),
        (Flag(), 1, True),
        (Choice(1, 2), "2", 2),
        (Permissions(), 8, "8"),
        (Bits(0b101), 0b111, 0b101),
    ],
)
def test_coerced(field: Field, value: Any, clean: Any) -> None:
    """What Discord makes the right type of is taken, and noted."""
    body, ((kind, _),) = check(field, value)

    assert (body, type(body), kind) == (clean, type(clean), Kind.COERCED_VALUE)


@pytest.mark.parametrize(
    ("field", "value", "clean"),
    [
        (Snowflake(), 5, "5"),
        (Snowflake(), "5", "5"),
        (Permissions(), "8", "8"),
        (Number(), 1, 1),
        (Timestamp(), "2025-01-01T00:00:00Z", "2025-01-01T00:00:00+00:00"),
        (Timestamp(), "2025-01-01", "2025-01-01T00:00:00+00:00"),
        (Timestamp(), "2025-01-01T01:30:00+01:30", "2025-01-01T00:00:00+00:00"),
        (Url("attachment"), "attachment://a.png", "attachment://a.png"),
        (ImageData(), "data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        (SoundData(), "data:audio/mpeg;base64,AAAA", "data:audio/mpeg;base64,AAAA"),
        (ListOf(OrNull(Snowflake()), unique=True), [None, "1", None, 2], ["1", "2"]),
        (SHAPE, {"type": 2, "side": 1.5}, {"type": 2, "side": 1.5}),
        (MapOf(frozenset({"de", "fr"}), Text()), {"de": "ja"}, {"de": "ja"}),
    ],
)
def test_taken_as_they_are(field: Field, value: Any, clean: Any) -> None:
    """What Discord's documentation allows draws no finding."""
    assert check(field, value) == (clean, [])


def test_findings_say_where() -> None:
    """Unknown, given up and useless fields are told with their place, and unknown ones are left out."""
    form = Form(
        list=ListOf(Form(old=Deprecated(Flag(), "gone"), vain=Ignored("useless"), echo=Ignored(), bar=Barred("A", "b")))
    )

    body, findings = check(form, {"list": [{"old": True, "vain": 1, "echo": {}, "bar": None, "new": 1}], "x": 0})

    assert body == {"list": [{"old": True}]}
    assert findings == [
        (Kind.DEPRECATED_FIELD, "list.0.old: gone"),
        (Kind.UNKNOWN_FIELD, "list.0.vain: useless"),
        (Kind.UNKNOWN_FIELD, "list.0.new: Discord knows no such field"),
        (Kind.UNKNOWN_FIELD, "x: Discord knows no such field"),
    ]


def test_picture_that_is_none() -> None:
    """Discord answers a wrong picture with 200 and changes nothing."""
    form = Form(avatar=ImageData())

    assert check(form, {"avatar": "https://example.com/x.png"}) == (
        {},
        [(Kind.UNKNOWN_FIELD, "avatar: not a data URI with a picture: nothing is changed")],
    )


def test_masses_of_unknown_fields() -> None:
    """A body made of nothing else does not fill the findings."""
    assert len(check(Form(), {f"x{number}": 0 for number in range(10_000)}).findings) == 20


def test_unions() -> None:
    """The field that decides may be missing, of a wrong type, or an enumeration."""
    enum = OneOf("type", {1: Form(), 2: Form()}, 1, enum=True)

    assert codes(errors(SHAPE, {}), "type") == {"BASE_TYPE_REQUIRED"}
    assert codes(errors(SHAPE, {"type": "SQUARE"}), "type") == {"NUMBER_TYPE_COERCE"}
    assert codes(errors(SHAPE, {"type": 1, "radius": -1}), "radius") == {"NUMBER_TYPE_MIN"}
    assert codes(errors(enum, {"type": 3}), "type") == {"BASE_TYPE_CHOICES"}
    assert check(enum, {"type": None}).body == {"type": 1}
    assert check(enum, {"type": "2"}) == ({"type": 2}, [(Kind.COERCED_VALUE, 'type: "2" is not an integer')])


def test_sets() -> None:
    """An item that is there already is refused where it comes again."""
    assert codes(errors(ListOf(Snowflake(), unique=True), ["1", 2, 1]), "2") == {"SET_TYPE_ALREADY_CONTAINS_VALUE"}


def test_rules() -> None:
    """A rule sees the valid fields only; what it rejects comes after what it refuses."""
    seen: list[dict[str, Any]] = []

    def rule(body: dict[str, Any], place: Place) -> None:
        seen.append(body)
        place.reject(ApiError(400, 50006, "Cannot send an empty message"))
        place.reject(ApiError(400, 1, "never said"))

    form = Form(rule, a=Whole(), b=Whole())

    assert codes(errors(form, {"a": 1, "b": "x"}), "b") == {"NUMBER_TYPE_COERCE"}
    with pytest.raises(ApiError) as caught:
        check(form, {"a": 1})
    assert (seen, caught.value.code) == ([{"a": 1}, {"a": 1}], 50006)


def test_files_are_known_to_rules() -> None:
    seen: list[Any] = []
    check(Form(lambda _, place: seen.append(place.files)), {}, files=["0", "1"])

    assert seen == [["0", "1"]]


def test_extended() -> None:
    """A form can be taken further; the first one stays as it was."""
    assert check(DATE.extended(day=Text()), {"day": "one"}).body == {"day": "one"}
    assert codes(errors(DATE, {"day": "one"}), "day") == {"NUMBER_TYPE_COERCE"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([10**400, -(10**400)]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["day", "type", "radius"]), inner)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json(body: Any) -> None:
    """Whatever comes is taken or refused."""
    for form in (DATE, SHAPE, ListOf(SHAPE), Text(), Flag(), Timestamp(), Url("https"), ImageData()):
        try:
            check(form, body)
        except ApiError as error:
            assert error.code == 50035  # noqa: PT017 - either way is right
