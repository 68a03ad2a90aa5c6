"""What an operator can set, checked when it is read.

Later wins: the defaults, the environment (``JEFFBOT_SOUNDS_DIR``), ``extras=`` of ``load_extension``
(``{"sounds_dir": …}``: the same names, lower case and without the prefix).
"""

import dataclasses
import enum
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .models import MAX_VOLUME, Manners, Mode, Moved, Retrigger, TakeAway

PREFIX = "JEFFBOT_"
MIN_SECRET_BYTES = 32
"""HS256 wants a key no shorter than its hash (RFC 7518, section 3.2)."""
_COMMAND_NAME = re.compile(r"[-_\w]{1,32}")  # Discord: Application Commands, "Application Command Naming"

_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/\-]*)?")

type Reader = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def _path(value: Any) -> Path:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError("a path")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # the home of a user there is not
        raise ValueError("a path") from error


def _number(kind: type[int] | type[float], low: float, high: float) -> Reader:
    def read(value: Any) -> float:
        allowed = f"{'a whole number' if kind is int else 'a number'} from {low:g} to {high:g}"
        try:
            if isinstance(value, bool) or (kind is int and isinstance(value, float)):
                raise ValueError(allowed)
            number = kind(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(allowed) from error
        if not low <= number <= high:
            raise ValueError(allowed)
        return number

    return read


def _choice(kind: type[enum.StrEnum]) -> Reader:
    def read(value: Any) -> enum.StrEnum:
        if value not in tuple(kind):
            raise ValueError(f"one of {', '.join(kind)}")
        return kind(value)

    return read


_FLAGS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _FLAGS:
        raise ValueError("yes or no")
    return _FLAGS[value.lower()]


def _secret(value: Any) -> str:
    if not isinstance(value, str) or len(value.encode(errors="ignore")) < MIN_SECRET_BYTES or not _is_utf8(value):
        raise ValueError(f"at least {MIN_SECRET_BYTES} bytes of secret text; leave it out to have one made")
    return value


def _is_utf8(text: str) -> bool:
    return text == text.encode(errors="ignore").decode()


def _url(value: Any) -> str:
    text = _text(value)
    if text and not _URL.fullmatch(text):
        raise ValueError("an address such as https://sounds.example.org")
    return text.rstrip("/")


def _command_group(value: Any) -> str:
    name = _text(value)
    if name and (not _COMMAND_NAME.fullmatch(name) or name != name.lower()):
        raise ValueError("1 to 32 lower-case letters, digits, - or _, as Discord asks of a command's name")
    return name


def _setting(default: Any, reader: Reader, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"reader": reader, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one soundboard. Build it with :meth:`load`."""

    sounds_dir: Path = _setting(Path("sounds"), _path)
    """Folder of the sound files. Made and filled with the shipped sounds when it does not exist."""
    data_dir: Path = _setting(Path(".jeffbot"), _path)
    """Folder for what the soundboard keeps: the secret, the encoded sounds."""
    ws_host: str = _setting("0.0.0.0", _text)  # noqa: S104 - the protocol's promise; README says how to restrict it
    """Address the remote control listens on."""
    ws_port: int = _setting(8765, _number(int, 0, 65535))
    """Port of the remote control; 0 takes any free one."""
    jwt_secret: str | None = _setting(None, _secret, secret=True)
    """Key of the tokens, at least 32 bytes. None: one is made on first start and kept in ``data_dir``."""
    jwt_secret_previous: str | None = _setting(None, _secret, secret=True)
    """The key before it, whose tokens are still accepted; for changing the key without locking anybody out."""
    token_hours: float = _setting(24.0, _number(float, 1 / 60, 24 * 366))
    """How long a new token is good, hours."""
    auth_timeout: float = _setting(30.0, _number(float, 0.1, 3600))
    """Within how many seconds a remote client must authenticate."""
    public_url: str = _setting("", _url)
    """Where clients reach the remote control, as behind a reverse proxy: https://sounds.example.org. Empty: as they
    say themselves."""
    allowed_origins: str = _setting("", _text)
    """Pages of other sites that may use it, separated by commas: https://dashboard.example.org."""
    trusted_proxies: str = _setting("", _text)
    """Addresses or networks of reverse proxies, separated by commas, whose ``X-Forwarded-*`` is believed."""
    tls_cert: Path | None = _setting(None, _path)
    """Certificate chain for TLS, a PEM file; None: none, or the reverse proxy has it."""
    tls_key: Path | None = _setting(None, _path)
    """Its key, a PEM file."""
    request_rate: float = _setting(20.0, _number(float, 0, 1e6))
    """Requests a second of one connection, and of one user over all of them; 0: any number."""
    request_burst: int = _setting(40, _number(int, 1, 1_000_000))
    """So many of them at once after a rest."""
    press_rate: float = _setting(2.0, _number(float, 0, 1e6))
    """Likewise, those that start a sound (``play``, ``random``, ``skip``); 0: any number."""
    press_burst: int = _setting(5, _number(int, 1, 1_000_000))
    """So many of them at once after a rest."""
    failed_authentications: float = _setting(5.0, _number(float, 0, 1e6))
    """Failed authentications a minute from one address, IPv6 by /64; 0: any number."""
    refusals: int = _setting(100, _number(int, 0, 1_000_000))
    """After how many refused requests within 10 s a connection is closed; 0: never."""
    connections: int = _setting(12_000, _number(int, 0, 1_000_000))
    """Connections at once; 0: any number."""
    connections_per_user: int = _setting(10, _number(int, 0, 1_000_000))
    """Those of one user; 0: any number."""
    connections_per_address: int = _setting(1000, _number(int, 0, 1_000_000))
    """Those from one address, IPv6 by /64; 0: any number."""
    play_timeout: float = _setting(10.0, _number(float, 0.1, 120))
    """Within how many seconds of a press its sound must begin, joining the channel included."""
    mode: Mode = _setting(Mode.REPLACE, _choice(Mode))
    """What a press that does not say does to what plays already: ``replace``, ``overlap``, ``queue`` or ``next``."""
    retrigger: Retrigger = _setting(Retrigger.RESTART, _choice(Retrigger))
    """What it does where the same sound plays: ``restart``, ``overlap`` or ``ignore``."""
    volume: float = _setting(100.0, _number(float, 0, MAX_VOLUME))
    """How loud it is, percent; other than 100 takes libopus."""
    alone_seconds: float = _setting(60.0, _number(float, 0, 24 * 3600))
    """After how many seconds alone in a voice channel the bot leaves it; 0: never."""
    idle_seconds: float = _setting(300.0, _number(float, 0, 24 * 3600))
    """After how many seconds without a sound it leaves; 0: never."""
    moved: Moved = _setting(Moved.FOLLOW, _choice(Moved))
    """What it does when a moderator moves it: ``follow`` (stay there) or ``return``."""
    take_away: TakeAway = _setting(TakeAway.IDLE, _choice(TakeAway))
    """Whether a press from another channel takes it away from people who listen: ``always``, ``idle`` (when nothing
    plays) or ``never``."""
    deaf: bool = _setting(True, _flag)  # noqa: FBT003 - the default of a setting
    """Whether it deafens itself in voice; "no" where Discord's own soundboard is to be used by the bot, too."""
    command_group: str = _setting("", _command_group)
    """Name of a slash command that takes all others as subcommands; empty: they stand alone."""
    ffmpeg: Path | None = _setting(None, _path)
    """Path of ffmpeg. None: the one on ``PATH``, then the one that ``jeffbot[bundled]`` brings."""
    encoders: int = _setting(max(1, (os.cpu_count() or 2) // 2), _number(int, 1, 64))
    """How many ffmpeg processes encode sounds ahead of time at once."""
    encode_timeout: float = _setting(60.0, _number(float, 1, 3600))
    """After how many seconds the encoding of one sound is given up."""
    max_sound_seconds: float = _setting(900.0, _number(float, 1, 24 * 3600))
    """The longest sound that is played, seconds."""
    max_sound_mib: int = _setting(256, _number(int, 1, 1 << 20))
    """The largest file that is taken for a sound, MiB."""
    loudness: float = _setting(-16.0, _number(float, -30, -8))
    """How loud every sound is made, LUFS (EBU R 128); nearer to 0 is louder."""
    bitrate: int = _setting(96, _number(int, 96, 128))
    """What Opus aims at, kbit/s on average; 96 is clear stereo music by RFC 7587, section 3.1.1."""
    memory_mib: int = _setting(256, _number(int, 1, 1 << 20))
    """How many MiB of encoded sounds are kept in memory; the least recently used are read from disk again."""

    audit_days: float = _setting(90.0, _number(float, 0, 36_500))
    """How many days it is kept who changed what; 0: for ever."""
    plays_days: float = _setting(0.0, _number(float, 0, 36_500))
    """How many days it is kept who played what and when; 0: for ever. How often sounds were played stays."""
    upload_mib: int = _setting(10, _number(int, 1, 1 << 10))
    """The largest file that people may add, MiB."""
    upload_seconds: float = _setting(300.0, _number(float, 1, 24 * 3600))
    """The longest sound that people may add, seconds."""
    downloads: bool = _setting(False, _flag)  # noqa: FBT003 - the default of a setting
    """Whether people may add sounds by a link to them."""

    @property
    def manners(self) -> Manners:
        """How the bot behaves in voice channels."""
        return Manners(
            alone_seconds=self.alone_seconds,
            idle_seconds=self.idle_seconds,
            moved=self.moved,
            take_away=self.take_away,
            deaf=self.deaf,
        )

    @classmethod
    def load(cls, extras: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings in force.

        Raises:
            SettingsError: A name is unknown or a value is not allowed. The sentence names the setting and what is
                allowed, and shows what was given unless it is a secret.
        """
        environ = os.environ if environ is None else environ
        known = {item.name: item for item in dataclasses.fields(cls)}
        given: dict[str, tuple[str, object]] = {}
        for name in known:
            variable = PREFIX + name.upper()
            if environ.get(variable):
                given[name] = (variable, environ[variable])
        for name, value in (extras or {}).items():
            if name not in known:
                raise SettingsError(f"there is no setting {name!r}; known: {', '.join(known)}")
            if value is None:
                given.pop(name, None)
            else:
                given[name] = (PREFIX + name.upper(), value)
        values: dict[str, Any] = {name: _read(known[name], label, value) for name, (label, value) in given.items()}
        return cls(**values)


def _read(item: "dataclasses.Field[Any]", label: str, value: object) -> object:
    try:
        return item.metadata["reader"](value)
    except ValueError as error:
        shown = "" if item.metadata["secret"] else f" (given: {value!r})"
        raise SettingsError(f"{label} must be {error}{shown}") from None
