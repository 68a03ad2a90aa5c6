"""Which web pages may use the remote control, and what the log says of others."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.ws.addresses import Scheme
from jeffbot.ws.origins import Origins, Tally, parse_origins

CLOSED = Origins()
OPEN = Origins("https://jeff.example/board/?x#y", parse_origins("http://localhost:3000, chrome-extension://abcdef"))


# Who may


def test_no_origin() -> None:
    """Who sends none is no web page, and may."""
    assert CLOSED.check([], "anything", "http") is None
    assert CLOSED.check([], None, "https") is None


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:8765", "localhost:8765", "http"),
        ("http://LocalHost:8765", "LOCALHOST:8765", "http"),
        ("http://localhost", "localhost", "http"),
        ("http://localhost", "localhost:80", "http"),
        ("http://localhost:80", "localhost", "http"),
        ("https://localhost", "localhost:443", "https"),
        ("http://127.0.0.1:8765", "127.0.0.1:8765", "http"),
        ("http://127.9.9.9:8765", "127.9.9.9:8765", "http"),
        ("http://192.168.1.5:8765", "192.168.1.5:8765", "http"),
        ("https://203.0.113.7", "203.0.113.7", "https"),
        ("http://[::1]:8765", "[::1]:8765", "http"),
        ("http://[0:0:0:0:0:0:0:1]:8765", "[::1]:8765", "http"),
        ("https://[2001:DB8::1]", "[2001:db8:0::1]:443", "https"),
    ],
)
def test_own_page(origin: str, host: str, scheme: Scheme) -> None:
    """A page that came from this server by an address or as localhost may."""
    assert CLOSED.check([origin], host, scheme) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://jeff.example",
        "https://jeff.example:443",
        "HTTPS://Jeff.Example",
        "http://localhost:3000",
        "chrome-extension://abcdef",
    ],
)
@pytest.mark.parametrize("host", [None, "127.0.0.1:8765", "jeff.example", "\0"])
def test_allowed(origin: str, host: str | None) -> None:
    """So may the public address's, and those that are listed, whatever Host is."""
    assert OPEN.check([origin], host, "http") is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://jeff.example",
        "https://jeff.example:8443",
        "https://jeff.example.",
        "https://jeff.example.evil.com",
        "https://evil-jeff.example",
        "https://sub.jeff.example",
        "https://jeffxexample",
        "http://localhost",
        "https://localhost:3000",
        "chrome-extension://abcdefg",
        "moz-extension://abcdef",
    ],
)
def test_near_misses(origin: str) -> None:
    """One that differs from an allowed one in anything may not."""
    assert OPEN.check([origin], "127.0.0.1:8765", "http")


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://localhost:3000", "localhost:8765", "http"),
        ("http://localhost", "localhost:8765", "http"),
        ("http://localhost", "localhost", "https"),
        ("https://localhost", "localhost", "http"),
        ("http://localhost:443", "localhost", "https"),
        ("http://localhost:8765", "127.0.0.1:8765", "http"),
        ("http://127.0.0.1:8765", "127.0.0.2:8765", "http"),
        ("http://[::1]:8765", "[::2]:8765", "http"),
        ("http://192.168.1.5:8765", "192.168.1.6:8765", "http"),
        ("http://127.0.0.1:8765", None, "http"),
        ("http://localhost:8765", "", "http"),
        ("http://localhost:8765", "localhost:8765, localhost:8765", "http"),
        ("http://localhost:8765", "x@localhost:8765", "http"),
    ],
)
def test_other_pages_of_this_machine(origin: str, host: str | None, scheme: Scheme) -> None:
    """A page of another port, scheme or address of the same machine is another's."""
    assert CLOSED.check([origin], host, scheme)


@pytest.mark.parametrize(
    "name",
    [
        "evil.com",
        "evil.com:8765",
        "jeff.lan:8765",
        "localhost.",
        "localhost.evil.com",
        "evil.localhost",
        "localhost.localdomain",
        "xlocalhost",
        "127.0.0.1.evil.com",
        "127.0.0.1.",
        "127.0.0.1.nip.io:8765",
        "127.0.0.01",
        "127.1",
        "2130706433",
        "0x7f000001",
        "1.2.3.4.5",
        "999.1.1.1",
        "none",
        "-",
    ],
)
def test_names_prove_nothing(name: str) -> None:
    """A name that is also Host, as after DNS rebinding, is not enough."""
    assert CLOSED.check([f"http://{name}"], name, "http")
    assert CLOSED.check([f"http://{name}"], None, "http")


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "NULL",
        "*",
        "http://",
        "http:///",
        "//127.0.0.1",
        "127.0.0.1",
        "localhost",
        "file://",
        "file:///",
        "about:blank",
        "http://evil@127.0.0.1",
        "http://evil:x@127.0.0.1",
        "http://127.0.0.1@evil",
        "http://127.0.0.1/",
        "http://127.0.0.1/x",
        "http://127.0.0.1?x",
        "http://127.0.0.1#x",
        "http://127.0.0.1\\x",
        "http://127.0.0.1 http://127.0.0.1",
        "http://127.0.0.1, http://127.0.0.1",
        " http://127.0.0.1",
        "http://127.0.0.1\n",
        "http://127.0.0.1:",
        "http://127.0.0.1:x",
        "http://127.0.0.1:-80",
        "http://127.0.0.1:65616",
        "http://127.0.0.1:000080",
        "http://127.0.0.1:٨٠",
        "http://[127.0.0.1]",
        "http://[::1",
        "http://::1",
        "http://[::1%25eth0]",
        "http://[:::]",
        "http://127.0.0.%31",
        "http://１27.0.0.1",  # noqa: RUF001 - a look-alike
        "http://localhoſt",  # noqa: RUF001 - a letter that is "s" for who asks in upper case
        "http://\u212alocalhost",
        "ht\u212ap://127.0.0.1",
        "http://127.0.0.1\0",
        "x" * 100_000,
    ],
)
def test_no_origins(origin: str) -> None:
    """What is no origin as browsers write it may not, whatever Host is."""
    for origins in (CLOSED, OPEN):
        for host in ("127.0.0.1", "[::1]", "localhost", origin.partition("://")[2], origin, None):
            for scheme in ("http", "https"):
                assert origins.check([origin], host, scheme)


def test_letters_that_become_ascii() -> None:
    """A letter that becomes another one in lower case is not that other one."""
    listed = Origins(allowed=["https://kay.example"])

    assert listed.check(["https://Kay.example"], None, "http") is None
    assert listed.check(["https://\u212aay.example"], None, "http")


@pytest.mark.parametrize("origins", [["https://jeff.example"] * 2, ["https://jeff.example", "null"], ["", ""]])
def test_many_origins(origins: list[str]) -> None:
    """Two origins are refused, also where each alone would do."""
    assert "2 Origin headers" in str(OPEN.check(origins, "127.0.0.1", "http"))


@given(st.text() | st.text("ahtps1.@:/[]%\n ", max_size=20).map("http://".__add__), st.none() | st.text())
def test_anything(origin: str, host: str | None) -> None:
    """Whatever both are, there is an answer of bounded length; without a host nobody may."""
    said = CLOSED.check([origin], host, "http")

    assert said is None or len(said) < 1500
    assert CLOSED.check([origin], None, "http")


# What the log says


def test_how_to_allow() -> None:
    """The sentence names the origin, and both settings that would allow it."""
    said = str(CLOSED.check(["http://jeff.lan:8765"], "jeff.lan:8765", "http"))

    assert '"http://jeff.lan:8765"' in said
    assert "JEFFBOT_PUBLIC_URL" in said
    assert "JEFFBOT_ALLOWED_ORIGINS" in said


@pytest.mark.parametrize("origin", ["null", "file://", "http://evil@127.0.0.1"])
def test_cannot_be_allowed(origin: str) -> None:
    """Of one that no setting allows it does not say that one does."""
    said = str(CLOSED.check([origin], None, "http"))

    assert origin in said
    assert "JEFFBOT" not in said


def test_hostile_origin_in_the_log() -> None:
    """What a stranger sends stays on one line, and short."""
    forged = CLOSED.check(["http://x\n2026-01-01 ERROR all is lost\x1b[2J" + "y" * 10_000], None, "http")
    long = CLOSED.check(["http://" + "y" * 10_000], None, "http")

    assert str(forged).isprintable()
    assert len(str(forged)) < 400
    assert len(str(long)) < 400


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def tally(time: Time, caplog: pytest.LogCaptureFixture) -> Tally:
    caplog.set_level(logging.DEBUG, "jeffbot.ws.origins")
    return Tally(time)


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_tally(tally: Tally, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    """The first refusal is told at once, those of the next minute with the one after it, and each at DEBUG."""
    for number in range(100):
        tally.refused(f"refused {number}")
        time.now += 0.5
    assert lines(caplog, logging.WARNING) == ["refused 0"]

    time.now = 1060
    tally.refused("refused 100")
    assert lines(caplog, logging.WARNING) == ["refused 0", "refused 100 (and 99 others before it)"]
    assert lines(caplog, logging.DEBUG) == [f"refused {number}" for number in range(101)]
    time.now = 1119.9
    tally.refused("refused 101")
    assert len(lines(caplog, logging.WARNING)) == 2


def test_flush(tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    """What has not been told when the server closes is told then, once."""
    tally.flush()
    assert not caplog.records
    for number in range(3):
        tally.refused(f"refused {number}")
    tally.flush()
    tally.flush()

    assert lines(caplog, logging.WARNING) == ["refused 0", "refused 2 (and 1 others before it)"]


def test_percent_in_a_sentence(tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    """A sentence is not taken for a format."""
    tally.refused("refused %s %d")

    assert lines(caplog, logging.WARNING) == lines(caplog, logging.DEBUG) == ["refused %s %d"]


# Settings


def test_parse_origins() -> None:
    """Origins are listed with commas between them, and kept as browsers write them."""
    assert parse_origins(" HTTPS://Example.org/,http://[0::1]:80, http://localhost:3000,, app://jeff ") == (
        "https://example.org",
        "http://[::1]",
        "http://localhost:3000",
        "app://jeff",
    )
    assert parse_origins("") == parse_origins(" , ") == ()


@given(st.from_regex(r"(http|https|app)://([a-z0-9.-]{1,9}|\[[0-9a-f]{1,4}::[0-9]\])(:[0-9]{1,4})?", fullmatch=True))
def test_listed_is_allowed(text: str) -> None:
    """Whatever can be listed is allowed as it was written and as it is kept, and lists as itself."""
    [kept] = parse_origins(text)

    assert parse_origins(kept) == (kept,)
    for origins in (Origins(allowed=[text]), Origins(allowed=[kept])):
        assert origins.check([text], None, "http") is None
        assert origins.check([kept], None, "http") is None


@pytest.mark.parametrize(
    "item", ["*", "null", "example.org", "https://*.example.org", "https://example.org/x", "file://"]
)
def test_unlistable(item: str) -> None:
    """What is no origin is named, with what one looks like."""
    with pytest.raises(ValueError, match=r"origins, as in https://example\.org") as caught:
        parse_origins(f"https://example.com, {item}")

    assert repr(item) in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "jeff.example", "wss://jeff.example", "https://", "https://u:p@jeff.example/", "ftp://x:80"]
)
def test_bad_public_url(url: str) -> None:
    """So is a public address that is none of the web."""
    with pytest.raises(ValueError, match=r"a web address, as in https://"):
        Origins(url)


@pytest.mark.parametrize("tail", ["", "/", "/a/b", "?a=b", "#c", ":443", ":443/a@b"])
def test_public_url(tail: str) -> None:
    """Of the public address only the origin counts."""
    assert Origins("https://jeff.example" + tail).check(["https://jeff.example"], None, "http") is None
