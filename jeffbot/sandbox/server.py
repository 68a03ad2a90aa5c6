"""The sandbox: a Discord on this machine's loopback interface, and the doors through which a test moves it."""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from aiohttp import web

from .answers import Answers
from .applications import Application
from .gateway import Gateway
from .interactions import Interactions
from .options import Options
from .payloads import Json
from .people import Person
from .rest import MAX_BODY_BYTES, Rest
from .tls import Authority
from .voice import VoiceConnection, VoiceServer
from .voice_gateway import VoiceGateway
from .world import Guild, User, World

SHUTDOWN_SECONDS = 1.0


class Sandbox:
    """A local Discord; an asynchronous context manager.

    A client needs to know two things of it: ``api_base`` in place of Discord's, and ``ca_file`` to trust.

    Args:
        port: TCP port of REST and both gateways; 0: any free one. UDP always takes a free one.
        options: Delays and deadlines; may be changed while it runs.
    """

    def __init__(self, *, port: int = 0, options: Options | None = None) -> None:
        self.options = options or Options()
        self.world = World()
        self._port = port
        self._applications: list[Application] = []
        self._gateway = Gateway(self.world, self.options, self._application_of)
        self._voice = VoiceServer(self.world, self._announce)
        self._voice_gateway = VoiceGateway(self._voice, self.options)
        self._interactions = Interactions(self.world, self.options, self._gateway.dispatch)
        answers = Answers(self.world, self.options, self._interactions)
        self._rest = Rest(self.world, self._gateway, answers, self._application_of)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jeffbot-sandbox-")))
            self._authority = Authority(folder)
            await self._voice.open()
            stack.callback(self._voice.close)
            await self._listen(stack)
            self._gateway.url = f"wss://127.0.0.1:{self._port}/gateway"
            self._voice.endpoint = f"localhost:{self._port}"
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gateway.disconnect_all()
        self._voice_gateway.disconnect_all()
        await self._stack.aclose()

    # What a client needs

    @property
    def api_base(self) -> str:
        """In place of ``https://discord.com/api/v10``."""
        return f"https://127.0.0.1:{self._port}/api/v10"

    @property
    def ca_file(self) -> Path:
        """The certificate to trust, PEM; gone when the sandbox closes."""
        return self._authority.ca_file

    def client_ssl(self) -> ssl.SSLContext:
        """A context that trusts this sandbox and nothing else."""
        return self._authority.client_context()

    # The world

    def add_application(self, name: str) -> Application:
        """An application with its bot user and token; let it into guilds with ``add_guild`` or ``add_member``."""
        application = Application(self.world, name)
        self._applications.append(application)
        self.world.users[application.id] = application.user
        return application

    def add_user(self, name: str, *, id: int | None = None) -> Person:  # noqa: A002 - the field's word
        """A person."""
        person = Person(id or self.world.next_id(), name, self.world, self._interactions)
        self.world.users[person.id] = person
        return person

    def add_guild(
        self,
        name: str,
        *,
        members: Iterable[User] = (),
        applications: Iterable[Application] = (),
        owner: User | None = None,
    ) -> Guild:
        """A guild with a text channel; bots that are logged in are told at once.

        Args:
            name: What people call it.
            members: People in it.
            applications: Bots in it.
            owner: Who may do everything; by default a user of their own whom nobody sees.
        """
        guild = self.world.add_guild(name, owner or User(self.world.next_id(), f"owner of {name}"))
        bots = [application.user for application in applications]
        for user in [guild.owner, *members, *bots]:
            if user.id not in guild.members:
                guild.add_member(user)
        return guild

    # What happened

    def voice(self, guild: Guild, application: Application) -> VoiceConnection | None:
        """The bot's open voice connection in a guild."""
        return next((voice for voice in reversed(self.history(guild, application)) if voice.connected), None)

    def history(self, guild: Guild, application: Application) -> list[VoiceConnection]:
        """All voice connections the bot has had in a guild, oldest first."""
        return self._voice.connections(guild, application.user)

    @property
    def unknown_routes(self) -> list[str]:
        """Method and path of every REST request that the sandbox does not know; a test asserts it is empty."""
        return self._rest.unknown_routes

    def messages(self, guild: Guild) -> list[Json]:
        """What bots have posted to the guild's channels on their own, oldest first."""
        posted = [message for channel in guild.channels for message in channel.messages]
        return sorted(posted, key=lambda message: int(message["id"]))

    async def bot_ready(self, application: Application, *commands: str, timeout: float = 10) -> None:  # noqa: ASYNC109
        """Wait until the bot is logged in, has been sent its guilds, and has registered these commands."""
        await self.until(
            lambda: self._gateway.sessions_of(application) and application.commands.names() >= set(commands),
            timeout=timeout,
        )

    async def until[T](self, condition: Callable[[], T], *, timeout: float = 5) -> T:  # noqa: ASYNC109
        """Wait until something is so; asked again at every change of the world and every packet.

        Returns:
            What the condition returned.

        Raises:
            TimeoutError: It did not become so within ``timeout`` seconds.
        """
        return await self.world.until(condition, timeout)

    def _application_of(self, token: str) -> Application | None:
        return next((application for application in self._applications if application.token == token), None)

    def _announce(self, guild: Guild, user: User, payload: Json) -> None:
        for application in self._applications:
            if application.user is user:
                self._gateway.dispatch(application, guild, "VOICE_SERVER_UPDATE", payload)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        """Serve HTTPS; not by ``web.TCPSite``, with which a silent client could hold a closed socket for 30 s."""
        runner = web.AppRunner(self._routes(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        server = await asyncio.get_running_loop().create_server(
            cast("web.Server", runner.server),
            "127.0.0.1",
            self._port,
            ssl=self._authority.server_context(),
            ssl_shutdown_timeout=SHUTDOWN_SECONDS,
        )
        stack.callback(server.close)
        self._port = server.sockets[0].getsockname()[1]

    def _routes(self) -> web.Application:
        app = web.Application(middlewares=[self._rest.errors], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/gateway", self._gateway.serve)
        app.router.add_get("/gateway/", self._gateway.serve)
        app.router.add_get("/", self._voice_gateway.serve)
        for version in (10, 9):
            app.add_subapp(f"/api/v{version}", self._rest.application())
        return app
