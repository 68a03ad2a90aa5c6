"""Files that are fetched without authorization (Discord: Reference, "Image Formatting"; Soundboard, "Sound Files")."""

from urllib.parse import quote

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
            return _gone()
        return _download(file)

    async def _sound(self, request: web.Request) -> web.Response:
        wanted = snowflake(request.match_info["sound_id"]) or 0
        for guild in self._rooms.world.guilds.values():
            if sound := guild.sounds.get(wanted):
                kind = "audio/ogg" if sound.data.startswith(b"OggS") else "audio/mpeg"
                return _download(File(sound.name, sound.data, kind))
        return _gone()


def _gone() -> web.Response:
    """A known route without a file: nothing that a client should not have asked for."""
    return web.Response(status=404, text="404: Not Found")


def _download(file: File) -> web.Response:
    """A file to keep: shown by a browser, a page among them could use what else this origin serves."""
    headers = {
        "Content-Type": file.content_type or "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=file.data, headers=headers)
