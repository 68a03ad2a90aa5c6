"""Press a sound and hear what becomes of it.

TOKEN=$(jeffbot token YOUR_DISCORD_USER_ID) python examples/python.py airhorn
"""

import asyncio
import os
import sys

from jeffbot.client import RemoteClient, Resync


async def main(sound: str) -> None:
    """Play it, and tell how it ends."""
    url = os.environ.get("JEFFBOT_URL", "ws://localhost:8765")
    async with RemoteClient(url, os.environ["TOKEN"]) as client, client.events("playback") as events:
        playing = await client.play(sound)
        print(f"playing {playing.title} in {playing.channel}")
        async for event in events:
            if isinstance(event, Resync):  # some events were missed: look how things are
                print((await client.status()).now_playing)
            elif event.name == "playback.ended" and event.data["playback_id"] == playing.playback_id:
                print(event.data["reason"])
                return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2] or ["airhorn"]))
