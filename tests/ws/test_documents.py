"""The documents: valid by the tools of those who read them, true by what is in them, and served to anybody."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from contract.validating import Validator
from jeffbot.errors import ErrorCode
from jeffbot.ws.actions import ACTIONS
from jeffbot.ws.documents import codes, sources
from jeffbot.ws.documents.__main__ import renewed
from jeffbot.ws.documents.asyncapi import asyncapi
from jeffbot.ws.documents.openapi import openapi
from jeffbot.ws.events import EVENTS
from jeffbot.ws.statuses import STATUS
from serving import FakeService, make_server

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "tests" / "node" / "node_modules"
needs_node = pytest.mark.skipif(
    not os.environ.get("JEFFBOT_TEST_ALL") and not (shutil.which("node") and (MODULES / "@asyncapi").exists()),
    reason="node with the package @asyncapi/parser is not here: make test installs it where npm is",
)
PARSE = """
const { Parser } = require("@asyncapi/parser");
const text = require("node:fs").readFileSync(0, "utf8");
new Parser().parse(text).then(({ document, diagnostics }) => console.log(JSON.stringify(
  { version: document?.version(), diagnostics: diagnostics.map(({ path, message }) => [path.join("."), message]) })));
"""

type Json = dict[str, Any]


def as_sent(document: Json) -> Json:
    sent: Json = json.loads(msgspec.json.encode(document))
    return sent


@needs_node
async def test_asyncapi_is_valid() -> None:
    """The official parser takes the document, and has nothing to say about it."""
    process = await asyncio.create_subprocess_exec(
        *("node", "-e", PARSE),
        env={**os.environ, "NODE_PATH": str(MODULES)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate(msgspec.json.encode(asyncapi()))

    assert json.loads(out) == {"version": "3.1.0", "diagnostics": []}


def test_openapi_is_valid() -> None:
    """The document is OpenAPI 3.1, its schemas and defaults included."""
    assert list(OpenAPIV31SpecValidator(as_sent(openapi())).iter_errors()) == []


def test_every_action_and_event_is_described() -> None:
    """Nothing is left out, and nothing goes without a word about it."""
    messages = as_sent(asyncapi())["components"]["messages"]

    assert {f"{name}.request" for name in ACTIONS} | set(EVENTS) | {"welcome", "error"} <= set(messages)
    assert {f"/api/{action.name}" for action in ACTIONS.values() if action.handler} <= set(openapi()["paths"])
    assert all(message["summary"] and message["examples"] for message in messages.values())


def test_every_code_is_explained() -> None:
    """Each code has a situation, something to do about it, and a status."""
    assert set(codes.HELP) == set(STATUS) == set(ErrorCode)


def message_examples() -> Iterator[tuple[str, Json]]:
    for name, message in as_sent(asyncapi())["components"]["messages"].items():
        if not name.endswith(".request"):
            yield from ((name, example["payload"]) for example in message["examples"])


def test_replies_are_as_described() -> None:
    """An example of a reply or event is what its schema says, without a key more."""
    validator = Validator()

    for name, example in message_examples():
        assert validator.check_message(example) is None, name


def request_examples() -> Iterator[tuple[str, Json]]:
    for path, methods in as_sent(openapi())["paths"].items():
        media = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        yield from ((path, example["value"]) for example in media.get("examples", {}).values())


def test_requests_are_as_described() -> None:
    """An example of a request is what its schema says."""
    document = as_sent(openapi())

    for path, example in request_examples():
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator({**document, **body}).validate(example)


@pytest.mark.parametrize(
    "bad", [{"volume": 201}, {"volume": "loud"}, {"mode": "louder"}, {"guild_id": -1}, {"filename": None}]
)
def test_bad_requests_are_not_as_described(bad: Json) -> None:
    """What the server refuses, the schema does."""
    document = as_sent(openapi())
    schema = {**document, "$ref": "#/components/schemas/Play"}

    assert list(jsonschema.Draft202012Validator(schema).iter_errors({"filename": "airhorn", **bad}))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/asyncapi.json", "application/json"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
        ("/docs/docs.mjs", "text/javascript"),
        ("/docs/docs.css", "text/css"),
        ("/jeffbot.mjs", "text/javascript"),
    ],
)
async def test_served_to_anybody(path: str, kind: str) -> None:
    """What describes the API needs no token."""
    async with (
        make_server(FakeService()) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as response,
    ):
        assert response.status == 200
        assert response.content_type == kind
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert await response.read()


def test_fields_are_described_by_the_text_below_them() -> None:
    """What the code says of a field is what its schema says; inherited fields included."""
    schemas = as_sent(asyncapi())["components"]["schemas"]

    assert schemas["Play"]["properties"]["channel_id"]["description"] == "A voice channel of that guild."
    assert "`queue`: It waits" in schemas["Mode"]["description"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("``x``", "`x`"),
        (":class:`SoundInfo`", "`SoundInfo`"),
        (":data:`jeffbot.ws.events.EVENTS`", "`EVENTS`"),
        ("two\n    lines", "two lines"),
        ("None: not known; True where it is", "null: not known; true where it is"),
    ],
)
def test_docstrings_become_markdown(written: str, shown: str) -> None:
    """The words of the code are shown as their readers write them."""
    assert sources.plain(written) == shown


def test_docs_are_up_to_date() -> None:
    """What docs/api.md has of the code is what the code says; `make docs` writes it anew."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")

    assert page.splitlines() == renewed(page).splitlines()


def test_docs_show_everything() -> None:
    """Every action, event and code has its place on the page."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")

    for name in (*ACTIONS, *EVENTS):
        assert f"### `{name}`" in page
    assert all(f"| `{code}` |" in page for code in ErrorCode)
