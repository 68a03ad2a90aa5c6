"""What the server tells of itself."""

from ... import __version__
from .. import replies, requests
from ..desk import Call, Desk

ASYNCAPI_PATH = "asyncapi.json"
OPENAPI_PATH = "openapi.json"


def server_info() -> replies.ServerInfo:
    """Who serves: for those who have signed in."""
    return replies.ServerInfo(name="jeffbot", version=__version__)


async def describe(desk: Desk, call: Call, _request: requests.Request) -> replies.Description:
    """Tell what this server can do: its actions with their scopes, its topics, and where its documents are."""
    from ..actions import ACTIONS  # noqa: PLC0415 - the table that this is in
    from ..feed import Topic  # noqa: PLC0415

    actions = (
        replies.ActionInfo(action.name, action.scope, action.change_scope, action.description)
        for action in ACTIONS.values()
    )
    return replies.Description(
        server=server_info(),
        actions=tuple(actions),
        topics=tuple(Topic),
        features=desk.features,
        asyncapi=call.link(ASYNCAPI_PATH),
        openapi=call.link(OPENAPI_PATH),
    )
