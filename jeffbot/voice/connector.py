"""The HTTP connections of voice."""

import aiohttp
import nextcord
from nextcord.gateway import DiscordClientWebSocketResponse

from ..models import Seconds

LEAVE_TIMEOUT: Seconds = 1.0
"""How long saying goodbye may take before the connection is dropped."""


class VoiceConnector:
    """Opens WebSockets to voice gateways, apart from Nextcord's connections.

    aiohttp allows a session 100 connections, and Nextcord shares one session for everything: its 99th voice
    connection would wait for ever. This one has no limit. It trusts what the host's connector trusts.
    """

    def __init__(self, client: nextcord.Client) -> None:
        self._client = client
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def connect(self, url: str) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to a voice gateway.

        Raises:
            aiohttp.ClientError: It cannot be reached.
        """
        if self._closed:
            raise aiohttp.ClientConnectionError("shutting down")
        http = self._client.http
        if self._session is None or self._session.closed:
            trust = getattr(http._connector, "_ssl", True)
            connector = aiohttp.TCPConnector(limit=0, ssl=True if trust is None else trust)
            self._session = aiohttp.ClientSession(connector=connector, ws_response_class=DiscordClientWebSocketResponse)
        return await self._session.ws_connect(
            url,
            max_msg_size=0,
            autoclose=False,
            compress=15,
            proxy=getattr(http, "_proxy", None),
            proxy_auth=getattr(http, "_proxy_auth", None),
            timeout=aiohttp.ClientWSTimeout(ws_close=LEAVE_TIMEOUT),  # pyright: ignore[reportCallIssue]
        )

    async def close(self) -> None:
        """Drop every connection that is left, and let no more be made."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
