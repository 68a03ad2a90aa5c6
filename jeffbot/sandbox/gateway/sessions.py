"""All sessions of the main gateway: how they begin, are lost, found again and end."""

from collections.abc import Callable

from ..connection import Connection
from ..errors import ProtocolError
from ..findings import Findings, Kind
from ..interactions.applications import Application
from ..options import Options
from ..world.world import World
from .forms import Identify, PresenceUpdate, Resume
from .intents import ALL_INTENTS, PRIVILEGED, Intents
from .limits import StartLimits
from .opcodes import CloseCode
from .presence import presence_of
from .session import Session
from .welcome import welcome

GUILDS_PER_SHARD = 2500
"""A shard with more guilds has to be divided (Discord: Gateway, "Sharding")."""
SMALLEST_LARGE, LARGEST_LARGE = 50, 250
"""Bounds of ``large_threshold``, the first the default (Discord: Gateway Events, "Identify")."""
_SCHEME = "Bot "
"""Some libraries, such as discordgo, send it before the token here, too."""
IMPLIED_CONTENT_VERSION = 9
"""Up to this version whoever was granted MESSAGE_CONTENT need not ask for it (Discord: Change Log, "API v10")."""


class Sessions:
    """Those that are connected, and those that can be resumed.

    Args:
        world: Whose guilds they see.
        options: Times and numbers.
        findings: Told what clients should not do.
        application_of: Finds the application that a bot token belongs to.
    """

    def __init__(
        self,
        world: World,
        options: Options,
        findings: Findings,
        application_of: Callable[[str], Application | None],
    ) -> None:
        self.all: list[Session] = []
        self.limits = StartLimits(options)
        self.url = ""
        """Where to resume."""
        self.options = options
        self.findings = findings
        self._world = world
        self._application_of = application_of

    def of(self, application: Application) -> list[Session]:
        """This application's sessions, oldest first."""
        return [session for session in self.all if session.application is application]

    def begin(self, identify: Identify, connection: Connection, version: int) -> Session | None:
        """Begin a session, with READY; None if its application has begun another too shortly before.

        Raises:
            ProtocolError: 4004, 4010, 4011, 4013 or 4014.
        """
        application = self._application_of(identify.token.removeprefix(_SCHEME))
        if application is None:
            raise CloseCode.AUTHENTICATION_FAILED.error()
        shard = _shard(identify.shard)
        intents = _intents(identify.intents, application.privileged)
        if version <= IMPLIED_CONTENT_VERSION:
            intents |= application.privileged & Intents.MESSAGE_CONTENT
        wanted = SMALLEST_LARGE if identify.large_threshold is None else identify.large_threshold
        threshold = min(max(wanted, SMALLEST_LARGE), LARGEST_LARGE)
        session = Session(
            application,
            intents,
            shard,
            connection,
            large_threshold=threshold,
            buffered=self.options.resume_buffer,
        )
        if sum(session.belongs(guild) for guild in self._world.guilds.values()) > GUILDS_PER_SHARD:
            raise CloseCode.SHARDING_REQUIRED.error()
        if not self.limits.admit(application, shard[0]):
            return None
        self._look_at(identify, session)
        self._world.set_presence(application.user, presence_of(identify.presence or PresenceUpdate()))
        self.all.append(session)
        welcome(session, identify, self._world.guilds.values(), self.url, version)
        self._world.touch()
        return session

    def resume(self, resume: Resume, connection: Connection) -> Session | None:
        """Go on with a session; None if there is none (any more) that this token may go on with.

        Raises:
            ProtocolError: 4007, no such event was ever sent; the session is over.
        """
        application = self._application_of(resume.token.removeprefix(_SCHEME))
        session = next((s for s in self.all if s.id == resume.session_id and s.application is application), None)
        if session is None:
            return None
        try:
            resumed = session.resume(connection, resume.seq)
        except ProtocolError:
            self.end(session)
            raise
        if not resumed:
            self.end(session)
            return None
        self._world.touch()
        return session

    def lose(self, session: Session) -> None:
        """A session's connection is gone; in a while it ends, unless it is resumed."""
        if session in self.all:
            session.lose(self.options.resume_window, lambda: self.end(session))
        self._world.touch()

    def end(self, session: Session) -> None:
        """A session is over: its bot leaves voice, and is offline if it has no other."""
        if session not in self.all:
            return
        self.all.remove(session)
        session.end()
        for guild in self._world.guilds.values():
            state = guild.voice_states.get(session.user.id)
            if state and state.session_id == session.id:
                guild.set_voice(session.user, None)
        if not self.of(session.application):
            self._world.set_presence(session.user, presence_of(PresenceUpdate("offline")))
        self._world.touch()

    def close(self) -> None:
        """Forget all sessions and let the world stand still: Discord goes away."""
        for session in self.all:
            session.end()
        self.all.clear()

    def _look_at(self, identify: Identify, session: Session) -> None:
        """Note what a good client does not do."""
        name = session.user.name
        if old := [field for field in identify.properties if field.startswith("$")]:
            self.findings.note(Kind.DEPRECATED_FIELD, name, f"IDENTIFY has properties {', '.join(sorted(old))}")
        if identify.presence and identify.presence.game:
            self.findings.note(Kind.DEPRECATED_FIELD, name, "IDENTIFY has a presence with game, not activities")
        if identify.large_threshold not in (None, session.large_threshold):
            self.findings.note(
                Kind.COERCED_VALUE, name, f"IDENTIFY has a large_threshold of {identify.large_threshold}"
            )
        if any(other.could_resume and other.shard == session.shard for other in self.of(session.application)):
            self.findings.note(Kind.SESSION_GIVEN_UP, name, "identified anew though its session could be resumed")


def _shard(wanted: tuple[int, int] | None) -> tuple[int, int]:
    number, count = wanted or (0, 1)
    if not 0 <= number < count:
        raise CloseCode.INVALID_SHARD.error()
    return number, count


def _intents(wanted: int, granted: Intents) -> Intents:
    if wanted & ~int(ALL_INTENTS):
        raise CloseCode.INVALID_INTENTS.error()
    if wanted & PRIVILEGED & ~granted:
        raise CloseCode.DISALLOWED_INTENTS.error()
    return Intents(wanted)
