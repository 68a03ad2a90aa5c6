"""The picture of the design, held against the code: who imports whom, and which codes there are."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jeffbot
from jeffbot.errors import ErrorCode, SoundboardError

PACKAGE = Path(jeffbot.__file__).parent
BOTTOM = {"community", "errors", "events", "files", "models", "settings", "steadiness", "tasks"}
ALL = {path.stem for path in PACKAGE.glob("[!_]*")}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "models": set(),
    "community": {"models"},
    "files": set(),
    "steadiness": {"models"},
    "playback": {"models"},
    "news": {"community", "models", "playback"},
    "events": set(),
    "tasks": set(),
    "settings": {"errors", "models"},
    "store": BOTTOM,
    "library": BOTTOM | {"news", "store"},
    "audio": BOTTOM,
    "voice": BOTTOM | {"audio", "news", "playback"},
    "rooms": {"audio", "community", "models", "playback"},
    "charts": BOTTOM,
    "service": BOTTOM | {"charts", "library", "news", "playback", "rooms", "store"},
    "keeping": BOTTOM | {"audio", "library", "service"},
    "host": BOTTOM,
    "ws": BOTTOM | {"audio", "library", "news", "playback", "rooms", "service"},
    "app": ALL - {"cogs", "cli", "client", "demo", "sandbox"},
    "cogs": ALL - {"cli", "client", "demo", "sandbox"},
    "client": BOTTOM | {"ws"},
    "cli": ALL - {"cogs"},
    "demo": ALL - {"cogs"},
    "sandbox": set(),
    "__init__": {"errors", "models", "playback", "service"},
    "__main__": {"cli"},
}
"""By room of the package: the other rooms it may import."""

SEED_CODES = {
    "invalid_json",
    "invalid_format",
    "missing_action",
    "not_authenticated",
    "auth_failed",
    "auth_error",
    "unknown_action",
    "action_error",
    "missing_filename",
    "sound_not_found",
    "no_voice_channel",
    "no_sounds",
    "list_error",
    "play_error",
    "random_error",
    "stop_error",
    "status_error",
    "internal_error",
}


OWN_CODES = {
    "already_exists",
    "auth_timeout",
    "busy",
    "forbidden",
    "invalid_field",
    "not_playing",
    "rate_limited",
    "shutting_down",
    "target_not_found",
    "timeout",
    "token_revoked",
    "too_large",
    "unsupported_media",
    "unsupported_protocol",
}


def modules() -> list[Path]:
    """Every module of the package, relative to it."""
    return sorted(file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py"))


def imports(module: Path) -> Iterator[tuple[str, ...]]:
    """The full names, in parts, of all a module imports anywhere in it; names imported from modules included."""
    here = ("jeffbot", *module.parent.parts)
    for node in ast.walk(ast.parse((PACKAGE / module).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            source = base + tuple(node.module.split(".") if node.module else ())
            yield from ((*source, alias.name) for alias in node.names)


def own(module: Path) -> Iterator[tuple[str, ...]]:
    """What it imports of this package, without the package's name."""
    return (name[1:] for name in imports(module) if name[0] == "jeffbot" and len(name) > 1)


def room(module: Path) -> str:
    """The part of the package a module belongs to."""
    return module.parts[0].removesuffix(".py")


@pytest.mark.parametrize("module", modules(), ids=str)
def test_imports_point_down(module: Path) -> None:
    """A module imports only from its own room and from those below it in the picture."""
    public = {"__version__"}
    rooms = {name[0] for name in own(module)} - {room(module)} - public

    assert rooms <= MAY_IMPORT[room(module)]


def test_service_knows_no_transport() -> None:
    """The service and its needs import no Nextcord and no aiohttp, and of the audio room only the type of packets."""
    rooms = Path("rooms.py")
    service = [module for module in modules() if room(module) == "service"]

    for module in (rooms, *service):
        assert not {name[0] for name in imports(module)} & {"nextcord", "aiohttp", "sqlalchemy"}
    assert {name for name in own(rooms) if name[0] == "audio"} == {("audio", "clip", "Clip")}


@pytest.mark.parametrize("module", [module for module in modules() if room(module) != "cogs"], ids=str)
def test_nothing_imports_the_extension(module: Path) -> None:
    """Nextcord replaces the extension on reload, so nothing outside holds on to it."""
    assert not [name for name in own(module) if name[0] == "cogs"]


def test_only_demo_and_cli_import_the_sandbox() -> None:
    """The local Discord is no part of a running soundboard."""
    users = {room(module) for module in modules() if any(name[0] == "sandbox" for name in own(module))}

    assert users <= {"sandbox", "demo", "cli"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("jeffbot", ["jeffbot.cogs", "jeffbot.sandbox", "nextcord", "aiohttp", "numpy", "joserfc"]),
        ("jeffbot.cogs.sound", ["jeffbot.sandbox", "numpy", "joserfc", "cryptography"]),
        ("jeffbot.sandbox", ["jeffbot.service", "jeffbot.audio", "nextcord"]),
    ],
)
def test_import_is_light(module: str, absent: list[str]) -> None:
    """Importing does not bring what only some uses need."""
    program = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("name", jeffbot.__all__)
def test_public_names(name: str) -> None:
    """What the package offers is there when it is asked for, and listed."""
    assert getattr(jeffbot, name)
    assert name in dir(jeffbot)


def test_no_other_names() -> None:
    """What there is not is missed as anywhere."""
    assert not hasattr(jeffbot, "SoundBoard")


def test_codes_of_the_seed() -> None:
    """The codes are those of the seed's protocol, and those that came since."""
    assert {str(code) for code in ErrorCode} == SEED_CODES | OWN_CODES


def errors(root: type[SoundboardError]) -> Iterator[type[SoundboardError]]:
    """An error class and all below it."""
    yield root
    for child in root.__subclasses__():
        yield from errors(child)


def test_each_code_has_one_error() -> None:
    """No two error classes share a wire code by accident."""
    codes = [error.__dict__["code"] for error in errors(SoundboardError) if error.__dict__.get("code")]

    assert len(codes) == len(set(codes)) > 0
