"""Frames that RFC 6455 forbids end their connection with the code it has for that; those it allows are read.

The cases go by the sections of the Autobahn test suite (https://github.com/crossbario/autobahn-testsuite): 1 and 9
framing and size, 2 pings, 3 reserved bits, 4 opcodes, 5 fragments, 6 UTF-8, 7 closing. Where aiohttp deviates, the
case is an expected failure.
"""

import asyncio
import struct

import pytest

from abuse.invariants import LONG, House, no_growth
from abuse.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame, peer, text
from staging import PATIENCE

PROTOCOL_ERROR, BAD_DATA, TOO_BIG = 1002, 1007, 1009
"""RFC 6455, section 7.4.1."""
LARGEST = 65_536
MANY = 10_000
PING_JSON = b'{"action":"ping"}'
KAPPA = "κόσμε".encode()


@pytest.fixture(autouse=True)
def _silent(house: House) -> None:
    """Bad frames are no news for the log."""
    house.lines = 0


def padded(size: int) -> bytes:
    """A ping of so many bytes."""
    return PING_JSON[:-1] + b',"x":"' + b"x" * (size - len(PING_JSON) - 7) + b'"}'


FORBIDDEN = {
    "3 reserved bit 1": (frame(TEXT, PING_JSON, reserved=4), PROTOCOL_ERROR),
    "3 reserved bit 2": (frame(TEXT, PING_JSON, reserved=2), PROTOCOL_ERROR),
    "3 reserved bit 3": (frame(TEXT, PING_JSON, reserved=1), PROTOCOL_ERROR),
    "3 all reserved bits": (frame(BINARY, PING_JSON, reserved=7), PROTOCOL_ERROR),
    "3 reserved bit of a ping": (frame(PING, b"x", reserved=4), PROTOCOL_ERROR),
    "3 reserved bits of a close": (frame(CLOSE, b"\x03\xe8", reserved=7), PROTOCOL_ERROR),
    **{f"4 opcode {opcode}": (frame(opcode), PROTOCOL_ERROR) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "2 ping of 126 bytes": (frame(PING, b"x" * 126), PROTOCOL_ERROR),
    "2 pong of 126 bytes": (frame(PONG, b"x" * 126), PROTOCOL_ERROR),
    "2 ping whose length takes 8 bytes": (frame(PING, b"x", wide=8), PROTOCOL_ERROR),
    "5 ping in fragments": (frame(PING, b"x", fin=False) + frame(CONTINUATION, b"y"), PROTOCOL_ERROR),
    "5 pong in fragments": (frame(PONG, b"x", fin=False) + frame(CONTINUATION, b"y"), PROTOCOL_ERROR),
    "5 close in fragments": (frame(CLOSE, b"\x03\xe8", fin=False), PROTOCOL_ERROR),
    "5 continues nothing": (frame(CONTINUATION, PING_JSON), PROTOCOL_ERROR),
    "5 continues nothing, and goes on": (frame(CONTINUATION, PING_JSON, fin=False), PROTOCOL_ERROR),
    "5 continues what has ended": (
        frame(TEXT, b"{", fin=False) + frame(CONTINUATION, b"}") + frame(CONTINUATION, b"x"),
        PROTOCOL_ERROR,
    ),
    "5 text within a fragmented text": (frame(TEXT, b"{", fin=False) + text("{}"), PROTOCOL_ERROR),
    "5 fragment of another text": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}", fin=False), PROTOCOL_ERROR),
    "6 no UTF-8": (text(b"\xff"), BAD_DATA),
    "6 surrogate": (text(KAPPA + b"\xed\xa0\x80edited"), BAD_DATA),
    "6 overlong": (text(b"\xc0\xaf"), BAD_DATA),
    "6 beyond U+10FFFF": (text(b"\xf4\x90\x80\x80"), BAD_DATA),
    "6 breaks off": (text(KAPPA[:-1]), BAD_DATA),
    "6 split into fragments": (frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION, b"\xff"), BAD_DATA),
    "6 breaks off in the last fragment": (frame(TEXT, KAPPA, fin=False) + frame(CONTINUATION, b"\xce"), BAD_DATA),
    **{
        f"7 close with {code}": (close(code), PROTOCOL_ERROR)
        for code in (0, 999, 1004, 1005, 1016, 1100, 2000, 2999)  # RFC 6455, sections 7.4.1 and 7.4.2
    },
    "7 close of one byte": (frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
    "7 close whose reason is no UTF-8": (close(1000, b"\xce\xff"), BAD_DATA),
    "7 close too long": (close(1000, b"x" * 124), PROTOCOL_ERROR),
    "9 one byte too many": (text(padded(LARGEST + 1)), TOO_BIG),
    "9 far too many": (frame(BINARY, bytes(1 << 20)), TOO_BIG),
    "9 says it is 2^63 - 1": (frame(TEXT, b"x", length=2**63 - 1, wide=8), TOO_BIG),
    "9 says it is 2^64 - 1": (frame(TEXT, b"x", length=2**64 - 1, wide=8), TOO_BIG),
    "9 says it is a GiB": (frame(TEXT, b"x", length=1 << 30), TOO_BIG),
    "9 too many in fragments": (
        frame(TEXT, b" " * 40_000, fin=False) + frame(CONTINUATION, b" " * 40_000, fin=False),
        TOO_BIG,
    ),
}


@pytest.mark.parametrize("case", FORBIDDEN)
async def test_forbidden(house: House, case: str) -> None:
    """What is forbidden ends the connection, with the code for that; whatever was asked before is answered."""
    data, code = FORBIDDEN[case]
    async with peer(house.port) as client:
        await client.send(text({"action": "ping", "id": "before"}) + data + text({"action": "ping", "id": "after"}))

        assert (await client.reply())["id"] == "before"
        assert await client.closed() == code
        assert await client.line.ended() == b""


DEVIATIONS = {
    "5.1 unmasked": (frame(TEXT, PING_JSON, masked=False), PROTOCOL_ERROR),
    "5.1 unmasked ping": (frame(PING, masked=False), PROTOCOL_ERROR),
    "7.9.5 close with 1006": (close(1006), PROTOCOL_ERROR),
    "7.13.2 close with 65535": (close(65_535), PROTOCOL_ERROR),
    "5.4 text within an empty fragment": (frame(TEXT, fin=False) + text(PING_JSON), PROTOCOL_ERROR),
    "5.2 length in more bytes than it takes": (frame(TEXT, PING_JSON, wide=8), PROTOCOL_ERROR),
}


@pytest.mark.xfail(strict=True, reason="aiohttp lets it pass")
@pytest.mark.parametrize("case", DEVIATIONS)
async def test_deviations(house: House, case: str) -> None:
    """What RFC 6455 forbids and aiohttp does not."""
    data, code = DEVIATIONS[case]
    async with peer(house.port) as client:
        await client.send(data + close(1000))

        assert await client.closed() == code


@pytest.mark.parametrize("case", DEVIATIONS)
async def test_deviations_do_no_harm(house: House, case: str) -> None:
    """A connection on which they come is read on, or ended."""
    data, _ = DEVIATIONS[case]
    async with peer(house.port) as client:
        await client.send(data + close(1000))
        await client.line.ended()


ALLOWED = {
    "1 whole": text(PING_JSON),
    "1 binary": frame(BINARY, PING_JSON),
    "1 largest": text(padded(LARGEST)),
    "1 largest, binary": frame(BINARY, padded(LARGEST)),
    "1 length in two bytes": frame(TEXT, padded(126)),
    "5 two fragments": frame(TEXT, PING_JSON[:5], fin=False) + frame(CONTINUATION, PING_JSON[5:]),
    "5 binary fragments": frame(BINARY, PING_JSON[:5], fin=False) + frame(CONTINUATION, PING_JSON[5:]),
    "5 fragment a byte": frame(TEXT, PING_JSON[:1], fin=False)
    + b"".join(frame(CONTINUATION, bytes([byte]), fin=False) for byte in PING_JSON[1:])
    + frame(CONTINUATION),
    "5 largest, in thousands of fragments": frame(TEXT, fin=False)
    + b"".join(frame(CONTINUATION, padded(LARGEST)[at : at + 16], fin=False) for at in range(0, LARGEST, 16))
    + frame(CONTINUATION),
    "5 pong within fragments": frame(TEXT, PING_JSON[:5], fin=False) + frame(PONG) + frame(CONTINUATION, PING_JSON[5:]),
    "2 unasked pongs": frame(PONG, b"x" * 125) * 100 + text(PING_JSON),
    "6 a character in two fragments": frame(TEXT, b'{"action":"ping","x":"\xce', fin=False)
    + frame(CONTINUATION, b'\xba"}'),
    "6 noncharacter": text('{"action":"ping","x":"\uffff\U0010ffff"}'),
}


@pytest.mark.parametrize("case", ALLOWED)
async def test_allowed(house: House, case: str) -> None:
    """What is allowed is read, once, however it is cut up."""
    async with peer(house.port) as client:
        await client.send(ALLOWED[case] + text({"action": "ping", "id": 2}))

        assert (await client.reply())["action"] == "pong"
        assert (await client.reply())["id"] == 2


@pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125)), b"\xff" * 125])
async def test_pings(house: House, payload: bytes) -> None:
    """A ping is answered with what it holds, also between the fragments of a message (RFC 6455, section 5.5.3)."""
    async with peer(house.port) as client:
        await client.send(frame(PING, payload))
        assert await client.pong() == payload

        await client.send(frame(TEXT, PING_JSON[:3], fin=False) + frame(PING, payload))
        assert await client.pong() == payload
        await client.send(frame(CONTINUATION, PING_JSON[3:]))
        assert (await client.reply())["action"] == "pong"


async def test_pings_in_a_row(house: House) -> None:
    """Ten pings that come together get ten pongs, in order (Autobahn, 2.10)."""
    async with peer(house.port) as client:
        await client.send(b"".join(frame(PING, b"%d" % number) for number in range(10)))

        assert [await client.pong() for _ in range(10)] == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_codes_that_may_be_sent(house: House, code: int) -> None:
    """A client that closes is answered in kind, and the connection ends (RFC 6455, section 5.5.1)."""
    async with peer(house.port) as client:
        await client.send(close(code, b"bye " + b"x" * 119))

        assert await client.closed() in {code, 1000}
        assert await client.line.ended() == b""


@pytest.mark.parametrize(
    "after", [text(PING_JSON), frame(PING, b"x"), close(1000), b"\xff" * 100, frame(TEXT, b"{", fin=False)]
)
async def test_after_a_close(house: House, after: bytes) -> None:
    """What comes after a close frame is not read (RFC 6455, section 5.5.1)."""
    async with peer(house.port) as client:
        await client.send(close(1000) + after)

        assert await client.closed() == 1000
        assert await client.line.ended() == b""


async def test_close_without_a_code(house: House) -> None:
    """A close frame needs no code."""
    async with peer(house.port) as client:
        await client.send(frame(CLOSE))

        assert await client.closed() in {1000, 1005}


async def test_byte_by_byte(house: House) -> None:
    """A frame may come a byte at a time."""
    async with peer(house.port) as client:
        for byte in frame(TEXT, PING_JSON):
            await client.send(bytes([byte]))
            await asyncio.sleep(0)

        assert (await client.reply())["action"] == "pong"


@pytest.mark.parametrize("cut", [1, 3, 8, 20])
async def test_frame_that_breaks_off(house: House, cut: int) -> None:
    """A client that vanishes in the middle of a frame leaves nothing behind."""
    async with peer(house.port) as client:
        await client.send(text(padded(300))[:cut])


async def test_flood_of_pings(house: House) -> None:
    """Ten thousand pings at once cost their sender the time, and nobody else."""
    async with peer(house.port) as client:
        await client.send(frame(PING, b"x") * MANY + frame(PING, b"last"))

        async with asyncio.timeout(3 * PATIENCE):
            await client.line.reader.readuntil(b"\x8a\x04last")
        assert await client.is_alive()


async def test_flood_of_pings_unread(house: House) -> None:
    """Of pings whose pongs nobody reads, none but the last is kept to be answered."""
    async with peer(house.port) as client:
        for _ in range(10):
            await client.send(frame(PING, b"x" * 125) * (MANY // 20))
        await client.send(frame(PING, b"last"))
        async with asyncio.timeout(3 * PATIENCE):
            await client.line.reader.readuntil(b"\x8a\x04last")


@pytest.mark.parametrize("piece", [frame(CONTINUATION, fin=False), frame(PONG), frame(PONG, b"x" * 125)])
async def test_flood_of_nothing(house: House, piece: bytes) -> None:
    """Frames that say nothing cost nothing that lasts."""
    async with peer(house.port) as client:
        await client.send(frame(TEXT, PING_JSON, fin=False))
        for _ in range(10):
            await client.send(piece * (MANY // 10))
            await asyncio.sleep(0)
        await client.send(frame(CONTINUATION))

        assert (await client.reply())["action"] == "pong"


async def test_never_ending_fragments(house: House) -> None:
    """A message that does not end is as long as any other may be."""
    async with peer(house.port) as client:
        await client.send(frame(TEXT, b" ", fin=False) + frame(CONTINUATION, b" " * 100, fin=False) * 700)

        assert await client.closed() == TOO_BIG


async def test_many_messages_at_once(house: House) -> None:
    """Thousands of messages in one go are answered, each and in order."""
    async with peer(house.port) as client:
        await client.send(b"".join(text({"action": "ping", "id": number}) for number in range(1000)))

        assert [(await client.reply())["id"] for _ in range(1000)] == list(range(1000))


async def test_nothing_grows(house: House) -> None:
    """Whatever frames are sent, often: they leave no memory behind."""

    async def all_of_them() -> None:
        for data in [*(data for data, _ in FORBIDDEN.values()), *ALLOWED.values()]:
            async with peer(house.port) as client:
                await client.send(data + struct.pack(">BBI", 0x88, 0x80, 0))
                await client.line.ended()

    for _ in range(2):
        await all_of_them()
    house.log.records.clear()
    with no_growth(mebibytes=8):
        for _ in range(30 if LONG else 3):
            await all_of_them()
            house.log.records.clear()
