"""The page on which people sign in to applications, and let bots into their guilds (Discord: OAuth2; RFC 6749)."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from ..errors import ApiError, SandboxError
from ..interactions.applications import Application
from ..world.guild import Guild
from ..world.permissions import Permission
from ..world.values import Role, User
from .call import Rooms, snowflake
from .forms.fields import INT64
from .grants import SCOPES, Permit
from .oauth2 import read_fields

PATH = "/oauth2/authorize"
_INSTALL: Final = frozenset({"bot", "applications.commands"})
"""Scopes that need no token, and so no redirect ("Bot Authorization Flow")."""
_METHODS = ("plain", "S256")
"""RFC 7636, section 4.3."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class AuthorizationRefusedError(SandboxError):
    """The person is told, and not sent anywhere: who asks cannot be trusted (RFC 6749, section 4.1.2.1)."""


class SentBackError(Exception):
    """The application is told by a redirect.

    Args:
        error: A code of RFC 6749, section 4.1.2.1.
        description: For its developer.
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True)
class Wish:
    """What an application asks a person for; nothing of it has been checked but who asks and where they sit."""

    application: Application
    redirect_uri: str | None
    query: Mapping[str, str]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Without any, the default install settings count ("Bot Authorization Flow")."""
        return tuple(dict.fromkeys(self.query.get("scope", "").split())) or ("bot", "applications.commands")

    @property
    def is_install(self) -> bool:
        """It is only about letting a bot in: nobody is sent back."""
        return "response_type" not in self.query and _INSTALL.issuperset(self.scopes)

    @property
    def permissions(self) -> int:
        """What the bot's own role shall grant."""
        return snowflake(self.query.get("permissions", "")) or 0

    def check(self) -> None:
        """Look at what is asked for.

        Raises:
            SentBackError: It cannot be had like this.
        """
        kind = self.query.get("response_type")
        if not SCOPES.issuperset(self.scopes):
            raise SentBackError("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
        if self.permissions > INT64:
            raise SentBackError("invalid_request", f"permissions should be less than or equal to {INT64}.")
        if kind not in ("code", "token") and not self.is_install:
            error = "unsupported_response_type" if kind else "invalid_request"
            raise SentBackError(error, "The response type must be code or token.")
        if self.query.get("code_challenge_method", "plain") not in _METHODS:
            raise SentBackError("invalid_request", "Transform algorithm not supported.")
        if self.application.public_client and kind == "code" and not self.query.get("code_challenge"):
            raise SentBackError("invalid_request", "Code challenge required.")

    def answer(self, parameters: Mapping[str, str], *, fragment: bool = False) -> str:
        """The address to send the person to, with an answer to the application.

        Raises:
            AuthorizationRefusedError: There is nowhere to send them.
        """
        if self.redirect_uri is None:
            raise AuthorizationRefusedError(
                parameters.get("error_description", "This application has no redirect URI.")
            )
        said = dict(parameters) | ({"state": self.query["state"]} if "state" in self.query else {})
        address = _address(self.redirect_uri)
        return f"{address.with_fragment(None)}#{urlencode(said)}" if fragment else str(address.update_query(said))


class AuthorizePage:
    """The page, and the same without a browser.

    Args:
        rooms: Where people, applications and tokens are.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def show(self, request: web.Request) -> web.Response:
        """What is asked for, and by whom; with a form to agree to it as somebody, or not."""
        try:
            wish = self._wish(request.query)
            try:
                wish.check()
            except SentBackError as error:
                return _redirect(wish.answer({"error": error.error, "error_description": str(error)}))
        except AuthorizationRefusedError as error:
            return _page(f"<h1>This does not work</h1><p>{html.escape(str(error))}</p>", status=400)
        return _page(_form(wish, self._people(), list(self._rooms.world.guilds.values())))

    async def decide(self, request: web.Request) -> web.Response:
        """What somebody has decided."""
        try:
            form = dict((await read_fields(request)).data)
            if form.get("decision") != "authorize":
                return _redirect(self.decline(str(request.url)))
            person = self._person(str(form.get("user_id")))
            address = self.agree(str(request.url), person, self._guild(str(form.get("guild_id"))))
        except (AuthorizationRefusedError, ApiError) as error:
            return _page(f"<h1>This does not work</h1><p>{html.escape(str(error))}</p>", status=400)
        return _redirect(address) if address else _page("<h1>Authorized</h1><p>You may close this page.</p>")

    def agree(self, url: str, person: User, guild: Guild | None = None) -> str | None:
        """Agree to what a URL asks for.

        Args:
            url: Of the page, as the application has made it.
            person: Who agrees.
            guild: Where the bot is let in; needed for the scope ``bot`` unless the URL names one.

        Returns:
            Where Discord sends the browser, with the code in it; None: nowhere, a bot was let in and that is all.

        Raises:
            AuthorizationRefusedError: The application or the redirect URI is unknown, or the person may not let bots
                in there.
        """
        wish = self._wish(_address(url).query)
        try:
            wish.check()
        except SentBackError as error:
            return wish.answer({"error": error.error, "error_description": str(error)})
        chosen = self._let_in(wish, person, guild) if "bot" in wish.scopes else None
        permit = Permit(wish.application, person, wish.scopes, chosen)
        return None if wish.is_install else self._answer(wish, permit)

    def decline(self, url: str) -> str:
        """Where Discord sends the browser of somebody who does not agree."""
        described = "The resource owner or authorization server denied the request"
        return self._wish(_address(url).query).answer({"error": "access_denied", "error_description": described})

    def _wish(self, query: Mapping[str, str]) -> Wish:
        """Who asks, and where people would be sent.

        Raises:
            AuthorizationRefusedError: Nobody known, or to an address that is not registered.
        """
        client_id = snowflake(query.get("client_id", ""))
        application = None if client_id is None else self._rooms.application(client_id)
        if application is None:
            raise AuthorizationRefusedError("Unknown application.")
        registered = application.redirect_uris
        redirect_uri = query.get("redirect_uri") or (registered[0] if registered else None)
        if redirect_uri not in (None, *registered):
            raise AuthorizationRefusedError("Invalid OAuth2 redirect_uri: it is not one of the application's.")
        return Wish(application, redirect_uri, query)

    def _answer(self, wish: Wish, permit: Permit) -> str:
        query = wish.query
        if query["response_type"] == "token":
            grant = self._rooms.grants.issue(permit, refreshable=False)
            said = {
                "token_type": "Bearer",
                "access_token": grant.access_token,
                "expires_in": str(round(grant.lifetime)),
                "scope": " ".join(permit.scopes),
            }
            return wish.answer(said, fragment=True)
        method = query.get("code_challenge_method", "plain")
        uri = wish.redirect_uri or ""
        said = {"code": self._rooms.grants.issue_code(permit, uri, query.get("code_challenge") or None, method)}
        if permit.guild:
            said |= {"guild_id": str(permit.guild.id), "permissions": str(wish.permissions)}
        return wish.answer(said)

    def _let_in(self, wish: Wish, person: User, guild: Guild | None) -> Guild:
        """Make the bot a member, with a role of its own for the permissions that were asked for."""
        named = self._guild(wish.query.get("guild_id", ""))
        fixed = wish.query.get("disable_guild_select", "").lower() in ("true", "1")
        chosen = named if fixed or guild is None else guild
        bot = wish.application.user
        if chosen is None:
            raise AuthorizationRefusedError("Choose the guild into which the bot is let.")
        if not chosen.may(person, Permission.MANAGE_GUILD):
            raise AuthorizationRefusedError(f"{person.name} may not let bots into {chosen.name}.")
        if not wish.application.bot_public and person is not wish.application.owner:
            raise AuthorizationRefusedError("Only its owner may let this bot in.")
        if bot.id not in chosen.members:
            roles: tuple[Role, ...] = ()
            if wish.permissions:
                role = chosen.add_role(bot.name, Permission(wish.permissions))
                chosen.change_role(role, managed=True)
                roles = (role,)
            chosen.add_member(bot, roles=roles)
        return chosen

    def _people(self) -> list[User]:
        return [user for user in self._rooms.world.users.values() if not user.bot]

    def _person(self, user_id: str) -> User:
        for person in self._people():
            if str(person.id) == user_id:
                return person
        raise AuthorizationRefusedError("There is no such person.")

    def _guild(self, guild_id: str) -> Guild | None:
        known = (guild for guild in self._rooms.world.guilds.values() if str(guild.id) == guild_id)
        return next(known, None)


def _address(url: str) -> URL:
    try:
        return URL(url)
    except ValueError as error:
        raise AuthorizationRefusedError(f"This is no URL: {error}.") from error


def _redirect(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def _page(content: str, status: int = 200) -> web.Response:
    style = "body{font:16px/1.5 system-ui;max-width:34em;margin:4em auto;padding:0 1em}button{font:inherit;margin:.5em}"
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Authorize</title><style>{style}</style>"
    return web.Response(text=f"{head}<main>{content}</main>", content_type="text/html", status=status, headers=_HEADERS)


def _form(wish: Wish, people: list[User], guilds: list[Guild]) -> str:
    scopes = "".join(f"<li><code>{html.escape(scope)}</code></li>" for scope in wish.scopes)
    to = f"<p>You will be sent to <code>{html.escape(wish.redirect_uri)}</code>.</p>" if wish.redirect_uri else ""
    options = "".join(f"<option value={person.id}>{html.escape(person.name)}</option>" for person in people)
    choice = f"<p><label>Continue as <select name=user_id>{options}</select></label></p>"
    if "bot" in wish.scopes:
        named = wish.query.get("guild_id", "")
        options = "".join(
            f"<option value={guild.id}{' selected' * (str(guild.id) == named)}>{html.escape(guild.name)}</option>"
            for guild in guilds
        )
        choice += f"<p><label>Add it to <select name=guild_id>{options}</select></label></p>"
    return (
        f"<h1>{html.escape(wish.application.user.name)}</h1><p>asks on a local Discord for</p><ul>{scopes}</ul>{to}"
        f"<form method=post>{choice}<button name=decision value=authorize>Authorize</button>"
        "<button name=decision value=cancel>Cancel</button></form>"
    )
