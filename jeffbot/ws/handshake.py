"""Whether a request is the handshake of a WebSocket (RFC 6455, section 4.2.1), which aiohttp takes less strictly."""

import base64
import binascii

from aiohttp import HttpVersion11, hdrs, web

VERSION = "13"
_KEY_BYTES = 16


def asks_for_websocket(request: web.Request) -> bool:
    """Whether it is meant as one."""
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def objection(request: web.Request) -> web.Response | None:
    """What is answered to one that is none; None: it is one."""
    versions = request.headers.getall(hdrs.SEC_WEBSOCKET_VERSION, [])
    if versions and versions != [VERSION]:
        return web.Response(
            status=426,  # RFC 6455, section 4.4
            headers={hdrs.SEC_WEBSOCKET_VERSION: VERSION, hdrs.UPGRADE: "websocket"},
            text=f"This server speaks version {VERSION} of the WebSocket protocol.\n",
        )
    fits = request.method == hdrs.METH_GET and request.version >= HttpVersion11 and not request.body_exists
    if fits and versions and _is_upgrade(request) and _has_one_key(request):
        return None
    return web.Response(status=400, text="This is no WebSocket handshake (RFC 6455, section 4.2.1).\n")


def without_protocols(request: web.Request) -> web.Request:
    """The request without subprotocols: we have none, and aiohttp warns in the log of each who offers any."""
    if hdrs.SEC_WEBSOCKET_PROTOCOL not in request.headers:
        return request
    headers = request.headers.copy()
    headers.popall(hdrs.SEC_WEBSOCKET_PROTOCOL)
    return request.clone(headers=headers)


def _is_upgrade(request: web.Request) -> bool:
    wanted = ",".join(request.headers.getall(hdrs.CONNECTION, [])).lower().split(",")
    return "upgrade" in {item.strip() for item in wanted}


def _has_one_key(request: web.Request) -> bool:
    keys = request.headers.getall(hdrs.SEC_WEBSOCKET_KEY, [])
    try:
        return len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == _KEY_BYTES
    except (ValueError, binascii.Error):
        return False
