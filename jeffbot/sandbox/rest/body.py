"""What comes in a request's body: JSON or a form, which may bring files (Discord: Reference, "HTTP API")."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import web

from ..attachments import SIZE_LIMIT, File
from .refusals import INVALID_JSON, TOO_LARGE
from .schema import invalid_form

MAX_BODY_BYTES = 25 << 20
"""Of a whole request (Message, "Create Message")."""
_FILE_FIELD = re.compile(r"files\[([0-9]{1,19})\]|file([0-9]{0,3})")
_PARAMETER = re.compile(r';\s*(name|filename\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[!-~]+/[ -~]+")


class Body(NamedTuple):
    """A request's body before it is checked."""

    data: Any
    files: dict[str, File]
    """By the ``n`` of their ``files[n]``."""


async def read_body(request: web.Request) -> Body:
    """Read a body of JSON, or a form with its JSON in ``payload_json``; none at all is an empty object.

    Raises:
        ApiError: 50109 what is not JSON, 50035 another content type or broken parts, 40005 a file that is too large.
        aiohttp.web.HTTPRequestEntityTooLarge: The whole is too large.
    """
    raw = await request.read()
    if request.content_type == "multipart/form-data":
        return _form(raw, request.headers.get("Content-Type", ""))
    if request.content_type == "application/json":
        return Body(_decode(raw), {})
    if request.content_type == "application/x-www-form-urlencoded":
        return Body(_payload(dict(parse_qsl(raw.decode(errors="replace"), keep_blank_values=True))), {})
    if raw:
        known = "{'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'}"
        message = f'Expected "Content-Type" header to be one of {known}.'
        raise invalid_form([((), "CONTENT_TYPE_INVALID", message)])
    return Body({}, {})


def _decode(raw: bytes | str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise INVALID_JSON.error() from error


def _form(raw: bytes, content_type: str) -> Body:
    """RFC 7578."""
    fields: dict[str, str] = {}
    files: dict[str, File] = {}
    boundary = re.search(r'boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))', content_type, re.IGNORECASE)
    try:
        for headers, content in _parts(raw, (boundary[1] or boundary[2]) if boundary else ""):
            disposition = _disposition(headers.get("content-disposition", ""))
            name, filename = disposition.get("name", ""), disposition.get("filename")
            if filename is None:
                fields[name] = content.decode()
            elif found := _FILE_FIELD.fullmatch(name):
                kind = headers.get("content-type", "")
                files[found[1] or found[2] or "0"] = File(
                    filename, content, kind if _MEDIA_TYPE.fullmatch(kind) else None
                )
    except ValueError as error:
        raise invalid_form([((), "BASE_TYPE_BAD_FORM", str(error))]) from error
    if any(len(file.data) > SIZE_LIMIT for file in files.values()):
        raise TOO_LARGE.error()
    return Body(_payload(fields), files)


def _payload(fields: dict[str, str]) -> Any:
    """A form's JSON in ``payload_json``; without one the fields are the body's."""
    payload = fields.pop("payload_json", None)
    return fields if payload is None else _decode(payload)


def _parts(raw: bytes, boundary: str) -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers, their names in lower case, and content of each part (RFC 2046, section 5.1.1)."""
    _, *parts = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode()) if boundary else (b"",)
    for part in parts:
        if part.startswith(b"--"):
            return
        head, separator, content = part.partition(b"\r\n\r\n")
        if not separator:
            break
        lines = (line.partition(":") for line in head.decode().split("\r\n"))
        yield {name.strip().lower(): value.strip() for name, _, value in lines}, content
    raise ValueError("The multipart body is malformed.")


def _disposition(header: str) -> dict[str, str]:
    """The names that a part gives (RFC 6266, section 4.1); the extended notation wins."""
    found: dict[str, str] = {}
    for key, quoted, token in _PARAMETER.findall(header):
        if key.endswith("*"):
            charset, _, value = token.partition("''")
            found["filename"] = unquote(value, charset if charset.lower() in ("utf-8", "iso-8859-1") else "utf-8")
        else:
            found.setdefault(key.lower(), re.sub(r"\\(.)", r"\1", quoted) or token)
    return found
