"""A client of the remote control, to read and to change.

python examples/ws_client_example.py <your_discord_user_id>
"""

import asyncio
import json
import sys

import aiohttp

from jeffbot.ws.auth import generate_token

URL = "ws://localhost:8765"


async def ask(socket: aiohttp.ClientWebSocketResponse, **request: str) -> dict[str, object]:
    """Send one request; its reply is the next message."""
    await socket.send_str(json.dumps(request))
    reply: dict[str, object] = json.loads(await socket.receive_str())
    return reply


async def main(user_id: str) -> None:
    """Sign in, then do what is typed."""
    async with aiohttp.ClientSession() as session, session.ws_connect(URL, max_msg_size=0) as socket:
        print((await socket.receive_json())["message"])
        reply = await ask(socket, action="authenticate", token=generate_token(user_id))
        print(json.dumps(reply, indent=2))
        while reply["action"] != "error":
            typed = await asyncio.to_thread(input, "list · play <filename> · random · stop · status · quit > ")
            action, _, filename = typed.strip().partition(" ")
            if action == "quit":
                return
            fields = {"filename": filename.strip()} if action == "play" else {}
            print(json.dumps(await ask(socket, action=action, **fields), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1]))
    except aiohttp.ClientError as error:
        sys.exit(f"{URL}: {error}. Is the bot running?")
    except ValueError as error:
        sys.exit(f"no token could be made: {error}")
    except (KeyboardInterrupt, EOFError):
        pass
