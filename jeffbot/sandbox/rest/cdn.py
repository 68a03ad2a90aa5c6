"""Files that are fetched without authorization (Discord: Reference, "Image Formatting"; Soundboard, "Sound Files")."""

from aiohttp import web

from ..attachments import ROUTE, File
from .call import Rooms, snowflake

SOUND_ROUTE = "/soundboard-sounds/{sound_id}"


class Cdn:
    """What Discord has on a host of its own.

    Args:
        rooms: Where attachments and guilds' sounds are.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def mount(self, app: web.Application) -> None:
        """Serve attachments and sounds."""
        app.router.add_get(ROUTE, self._attachment)
        app.router.add_get(SOUND_ROUTE, self._sound)

    async def _attachment(self, request: web.Request) -> web.Response:
        file = self._rooms.attachments.find(snowflake(request.match_info["attachment_id"]) or 0)
        if file is None or file.name != request.match_info["filename"]:
            raise web.HTTPNotFound
        return _download(file)

    async def _sound(self, request: web.Request) -> web.Response:
        wanted = snowflake(request.match_info["sound_id"]) or 0
        for guild in self._rooms.world.guilds.values():
            if sound := guild.sounds.get(wanted):
                kind = "audio/ogg" if sound.data.startswith(b"OggS") else "audio/mpeg"
                return _download(File(sound.name, sound.data, kind))
        raise web.HTTPNotFound


def _download(file: File) -> web.Response:
    headers = {"Content-Type": file.content_type or "application/octet-stream", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=file.data, headers=headers)
