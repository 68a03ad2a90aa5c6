"""The sandbox: a Discord on this machine's loopback interface, and the doors through which a test moves it."""

import asyncio
import contextlib
import ssl
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from aiohttp import web

from .attachments import Attachments
from .composing import Composer
from .control.control import Control
from .control.door import Door
from .findings import Findings
from .gateway.gateway import Gateway
from .gateway.intents import NO_INTENTS, Intents
from .gateway.session import Session
from .interactions.answers import Answers
from .interactions.applications import Application
from .interactions.interactions import Interactions
from .options import Options
from .people import Person
from .rest.app import ROUTES
from .rest.authorize import PATH as AUTHORIZE_PATH
from .rest.authorize import AuthorizePage
from .rest.body import MAX_BODY_BYTES
from .rest.call import Rooms
from .rest.cdn import Cdn
from .rest.faults import Fault
from .rest.grants import Grants
from .rest.serving import BASES, Rest
from .tls import Authority
from .voice.call import Call
from .voice.connections import VoiceConnection
from .voice.gateway import VoiceGateway
from .voice.server import VoiceServer
from .world.guild import Guild
from .world.payloads import Json
from .world.values import Channel, Message, User
from .world.world import World

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
        self.attachments = Attachments(self.world.next_id)
        """The files of messages."""
        self._port = port
        self._applications: list[Application] = []
        self._by_token: dict[str, Application] = {}
        self.findings = Findings(self.world.touch)
        """What Discord tolerates but good clients do not do; a test asserts that it is empty, or what is in it."""
        self._voice = VoiceServer(self.world, self.options, self.findings, self._announce)
        self._voice_gateway = VoiceGateway(self._voice, self.options, self.findings)
        self._gateway = Gateway(self.world, self.options, self.findings, self._application_of)
        self._interactions = Interactions(
            self.world, self.options, self.attachments, self._gateway.dispatch, self.application
        )
        self._composer = Composer(self.attachments)
        answers = Answers(self.world, self.options, self._composer, self._interactions)
        rooms = Rooms(
            self.world,
            self.options,
            self.findings,
            self._gateway,
            answers,
            Grants(self.options, time.monotonic),
            self.attachments,
            self._composer,
            self.application,
        )
        self._rest = Rest(rooms, self._application_of, ROUTES)
        self._cdn = Cdn(rooms)
        self.authorize_page = AuthorizePage(rooms)
        """Where people sign in to applications; also without a browser."""
        self.control = Control(self)
        """What programs in other languages control it by."""
        self._door = Door(self.control)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jeffbot-sandbox-")))
            self._authority = Authority(folder)
            await self._voice.open()
            stack.callback(self._voice.close)
            await self._listen(stack)
            self.attachments.origin = f"https://127.0.0.1:{self._port}"
            self._gateway.url = f"wss://127.0.0.1:{self._port}/gateway"
            self._voice.endpoints = (f"localhost:{self._port}", f"127.0.0.1:{self._port}")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gateway.disconnect_all()
        self._voice_gateway.disconnect_all()
        self._door.close()
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

    def add_application(
        self,
        name: str,
        *,
        privileged: Intents = NO_INTENTS,
        redirect_uris: Iterable[str] = (),
        public_client: bool = False,
    ) -> Application:
        """An application with its bot user and token; let it into guilds with ``add_guild`` or ``add_member``.

        Args:
            name: Its bot's name.
            privileged: The privileged intents that it may identify with (Discord: Gateway, "Privileged Intents").
            redirect_uris: Where people may be sent after signing in, each exactly as the application names it (OAuth2).
            public_client: It can keep no secret and needs none, but a code challenge (RFC 7636).
        """
        application = Application(self.world, name, privileged, redirect_uris, public_client=public_client)
        self._applications.append(application)
        self.world.users[application.id] = application.user
        return application

    def add_user(self, name: str, *, id: int | None = None) -> Person:  # noqa: A002 - the field's word
        """A person."""
        person = Person(id or self.world.next_id(), name, self.world, self._interactions, self._composer)
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
            owner: Who may do everything; by default a user of their own; owners are members.
        """
        guild = self.world.add_guild(name, owner or User(self.world.next_id(), f"owner of {name}"))
        bots = [application.user for application in applications]
        for user in [guild.owner, *members, *bots]:
            if user.id not in guild.members:
                guild.add_member(user)
        return guild

    # What there is

    @property
    def applications(self) -> list[Application]:
        """All of them, oldest first."""
        return list(self._applications)

    def application(self, application_id: int) -> Application | None:
        """An application by its id, which is its bot's, too."""
        return next((application for application in self._applications if application.id == application_id), None)

    def message(self, message_id: int) -> Message | None:
        """A message by its id, also one that only one person sees."""
        places = [self.world.channels.values(), self.world.directs.values()]
        posted = (message for each in places for place in each for message in (*place.messages, *place.hidden))
        return next((message for message in posted if message.id == message_id), None)

    # What happened

    def voice(self, guild: Guild, application: Application) -> VoiceConnection | None:
        """The bot's open voice connection in a guild."""
        return next((voice for voice in reversed(self.history(guild, application)) if voice.connected), None)

    def history(self, guild: Guild, application: Application) -> list[VoiceConnection]:
        """All voice connections the bot has had in a guild, oldest first."""
        return self._voice.connections(guild, application.user)

    def call(self, channel: Channel) -> Call | None:
        """The call in a voice channel that a bot is in: its listeners, and its group of end-to-end encryption."""
        return self._voice.call(channel)

    def sessions(self, application: Application) -> list[Session]:
        """The bot's sessions at the main gateway, connected or resumable, oldest first."""
        return self._gateway.sessions_of(application)

    # What goes wrong

    def inject(
        self,
        method: str,
        path: str,
        *,
        status: int | None = 429,
        times: int = 1,
        retry_after: float = 1.0,
        is_global: bool = False,
        body: Json | None = None,
    ) -> None:
        """Have the next requests of this kind fail.

        Args:
            method: ``*`` for any.
            path: Below the API's base, such as ``/channels/*/messages``; ``*`` stands for anything.
            status: 429 closes the bucket for ``retry_after`` seconds; None drops the connection without an answer.
            times: How many requests fail.
            retry_after: Seconds; of a 429.
            is_global: The 429 is for all requests of the client.
            body: Answered in place of Discord's own words.
        """
        self._rest.faults.append(Fault(method, path, status, times, retry_after, is_global, body))

    def drop_gateway(self, application: Application, *, resume: bool = True, code: int | None = None) -> None:
        """Break the bot's connections to the main gateway, of all shards.

        Args:
            application: Whose.
            resume: Its sessions can be resumed; else they are forgotten, and the bot leaves voice.
            code: What the connections are closed with; None: their TCP connections are cut.
        """
        self._gateway.drop(application, resume=resume, code=code)

    def ask_reconnect(self, application: Application) -> None:
        """Have Discord ask the bot to reconnect and resume (Discord: Gateway Events, "Reconnect")."""
        self._gateway.ask_reconnect(application)

    def ask_heartbeat(self, application: Application) -> None:
        """Have Discord ask for a heartbeat; if none comes it is a finding (Discord: Gateway, "Heartbeat Requests")."""
        self._gateway.ask_heartbeat(application)

    def invalidate_session(self, application: Application, *, resumable: bool = False) -> None:
        """Have Discord call the bot's session invalid (Discord: Gateway Events, "Invalid Session")."""
        self._gateway.invalidate(application, resumable=resumable)

    def change_region(self, channel: Channel) -> None:
        """Send the bots of a voice channel to another voice server, in the order of ``Options.order``."""
        self._voice.move_server(channel)

    @property
    def lags(self) -> list[float]:
        """How long, in seconds, the latest 100 000 voice packets waited for this process; on Linux only."""
        return self._voice.lags

    @property
    def unknown_routes(self) -> list[str]:
        """Method and path of every REST request that the sandbox does not know; a test asserts it is empty."""
        return self._rest.unknown_routes

    def messages(self, guild: Guild) -> list[Message]:
        """What is in the guild's channels, oldest first; answers to commands among them."""
        posted = [message for channel in guild.channels for message in channel.messages]
        return sorted(posted, key=lambda message: message.id)

    async def bot_ready(self, application: Application, *commands: str, timeout: float = 10) -> None:  # noqa: ASYNC109
        """Wait until the bot is logged in, has been sent its guilds, and has registered these commands."""
        await self.until(
            lambda: (
                any(session.connected for session in self.sessions(application))
                and application.commands.names() >= set(commands)
            ),
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
        found = self._by_token.get(token)
        if found is None or found.token != token:
            self._by_token = {application.token: application for application in self._applications}
        return self._by_token.get(token)

    def _announce(self, guild: Guild, user: User, payload: Json) -> None:
        for application in self._applications:
            if application.user is user:
                self._gateway.dispatch(application, guild, "VOICE_SERVER_UPDATE", payload)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        """Serve HTTPS.

        Not by ``web.TCPSite``, with which a silent client could hold a closed socket for 30 s; and without middlewares,
        of which aiohttp keeps the latest 1024 in the process, and with them every sandbox that is long closed.
        """
        runner = web.AppRunner(self._routes(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        served = cast("web.Server", runner.server)
        served.request_handler = self._rest.answering(served.request_handler)
        server = await asyncio.get_running_loop().create_server(
            served,
            "127.0.0.1",
            self._port,
            ssl=self._authority.server_context(),
            ssl_shutdown_timeout=SHUTDOWN_SECONDS,
        )
        stack.callback(server.close)
        self._port = server.sockets[0].getsockname()[1]

    def _routes(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/gateway", self._gateway.serve)
        app.router.add_get("/gateway/", self._gateway.serve)
        app.router.add_get("/", self._voice_gateway.serve)
        for base in ("", *BASES):
            app.router.add_get(base + AUTHORIZE_PATH, self.authorize_page.show)
            app.router.add_post(base + AUTHORIZE_PATH, self.authorize_page.decide)
        self._cdn.mount(app)
        self._door.mount(app)
        self._rest.mount(app)
        return app
