"""Who is asking: what listed proxies say is believed, and nobody else."""

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeffbot.ws.addresses import MAX_HOPS, UNKNOWN, Proxies, bucket_of, parse_networks

LOCAL = Proxies(parse_networks("127.0.0.1, 10.0.0.0/8, ::1, fd00::/8"))
CLIENT = "203.0.113.7"
JUNK = ["", " ", ",,,", "unknown", "_hidden", "a b", "1.2.3.4.5", "[", "[]", "]:", "::::", "\0", "é", "%", "1" * 9000]

addresses = st.ip_addresses().map(str)
hops = st.one_of(addresses, st.sampled_from(JUNK), st.text(max_size=30))
outsiders = st.ip_addresses().filter(lambda address: LOCAL.client_of(str(address), ["9.9.9.9"]) != "9.9.9.9").map(str)


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::1%" + "x" * 1000, "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("unknown", "unknown"),
        ("", ""),
        ("010.0.0.1", "010.0.0.1"),
        ("x" * 5000, "x" * 100),
    ],
)
def test_bucket(address: str, bucket: str) -> None:
    """IPv4 counts whole, also within IPv6; IPv6 by the network of a site; what is neither as itself, cut."""
    assert bucket_of(address) == bucket


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_bucket_of_a_site(address: ipaddress.IPv6Address, host: int) -> None:
    """Whatever the host's half of an IPv6 address is, it counts as the same; another network counts as another."""
    neighbour = ipaddress.IPv6Address(int(address) >> 64 << 64 | host)
    stranger = ipaddress.IPv6Address(int(address) ^ 1 << 64)

    if not any(one.ipv4_mapped for one in (address, neighbour, stranger)):
        assert bucket_of(str(neighbour)) == bucket_of(str(address)) != bucket_of(str(stranger))


@given(st.text())
def test_bucket_of_anything(text: str) -> None:
    """Whatever an address is said to be, its bucket is a short name."""
    assert len(bucket_of(text)) <= 100


# Settings


def test_networks() -> None:
    """Addresses and networks are taken, with commas between them."""
    assert list(map(str, parse_networks(" 127.0.0.1,10.0.0.0/8 , ::1,,2001:db8::/32,"))) == [
        "127.0.0.1/32",
        "10.0.0.0/8",
        "::1/128",
        "2001:db8::/32",
    ]


@pytest.mark.parametrize("text", ["", " ", ","])
def test_no_networks(text: str) -> None:
    """An empty list is none."""
    assert parse_networks(text) == ()


@pytest.mark.parametrize("item", ["proxy", "10.0.0.1/8", "127.0.0.1:80", "10.0.0.0/33", "[::1]", "*", "127.0.0.1 ::1"])
def test_no_network(item: str) -> None:
    """What is none is named, with what is allowed."""
    with pytest.raises(ValueError, match=r"addresses and networks, as in 127\.0\.0\.1") as caught:
        parse_networks(f"127.0.0.1, {item}")

    assert item.partition("/")[0] in str(caught.value)


@pytest.mark.parametrize("item", ["0.0.0.0/0", "::/0"])
def test_everyone(item: str) -> None:
    """Everyone is no proxy: anyone could claim any address then."""
    with pytest.raises(ValueError, match=rf"{item} is everyone's"):
        parse_networks(item)


# The client


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (CLIENT, [], CLIENT),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", [CLIENT], CLIENT),
        ("::1", [CLIENT], CLIENT),
        ("::ffff:127.0.0.1", [CLIENT], CLIENT),
        ("::ffff:203.0.113.7", [], CLIENT),
        ("127.0.0.1", ["2001:DB8::0001"], "2001:db8::1"),
        ("127.0.0.1", [f"6.6.6.6, {CLIENT}"], CLIENT),
        ("127.0.0.1", [f"6.6.6.6, {CLIENT}, 10.1.2.3"], CLIENT),
        ("127.0.0.1", ["6.6.6.6", CLIENT, "10.1.2.3, fd00::1"], CLIENT),
        ("127.0.0.1", [f"{CLIENT}, , ,10.1.2.3,"], CLIENT),
        ("127.0.0.1", ["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        ("127.0.0.1", [f"{CLIENT}:50123"], CLIENT),
        ("127.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("127.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("127.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("127.0.0.1", ["6.6.6.6, junk, 10.1.2.3"], "10.1.2.3"),
        (None, [CLIENT], UNKNOWN),
        ("", [CLIENT], UNKNOWN),
        ("/run/jeff.sock", [CLIENT], "/run/jeff.sock"),
        ("x" * 500, [CLIENT], "x" * 100),
    ],
)
def test_client(peer: str | None, forwarded: Sequence[str], client: str) -> None:
    """The list is read from the right, past listed proxies, to the first address that is none; junk ends it."""
    assert LOCAL.client_of(peer, forwarded) == client


@pytest.mark.parametrize("forwarded", [*([junk] for junk in JUNK), JUNK, []])
def test_junk(forwarded: Sequence[str]) -> None:
    """Behind junk there is nobody: the request is the proxy's."""
    assert LOCAL.client_of("10.1.1.1", forwarded) == "10.1.1.1"


@given(outsiders, st.lists(hops))
def test_strangers_are_not_believed(peer: str, forwarded: list[str]) -> None:
    """Whatever someone who is no listed proxy says, his address is his own."""
    assert LOCAL.client_of(peer, forwarded) == LOCAL.client_of(peer, [])
    assert Proxies().client_of("127.0.0.1", [*forwarded, CLIENT]) == "127.0.0.1"


@given(st.lists(hops), outsiders, st.lists(st.sampled_from(["10.1.1.1", "::1", "::ffff:10.2.2.2"]), max_size=5))
def test_clients_do_not_choose(claimed: list[str], client: str, chain: list[str]) -> None:
    """What a client sends before its request comes to the listed proxies changes nothing, in one line or in many."""
    honest = LOCAL.client_of("127.0.0.1", [client, *chain])

    assert honest == LOCAL.client_of(client, [])
    assert LOCAL.client_of("127.0.0.1", [*claimed, client, *chain]) == honest
    assert LOCAL.client_of("127.0.0.1", [",".join([*claimed, client, *chain])]) == honest


def test_long_lists() -> None:
    """Of a long list only the right end is read, so proxies that never end are the client themselves."""
    proxies = [f"10.0.{number // 256}.{number % 256}" for number in range(10_000)]

    assert LOCAL.client_of("127.0.0.1", [", ".join([CLIENT, *proxies])]) == proxies[-MAX_HOPS]
    assert LOCAL.client_of("127.0.0.1", [CLIENT, *proxies]) == proxies[-MAX_HOPS]
    assert LOCAL.client_of("127.0.0.1", [*proxies, CLIENT]) == CLIENT


# Scheme and host


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        (["https"], "https"),
        (["http"], "http"),
        (["HTTPS"], "https"),
        (["wss"], "https"),
        (["ws"], "http"),
        (["http, https"], "https"),
        (["https", "http"], "http"),
        (["https,"], "https"),
    ],
)
def test_scheme(said: Sequence[str], scheme: str) -> None:
    """The nearest listed proxy says how the client asked; others say nothing."""
    assert LOCAL.scheme_of("127.0.0.1", said, secure=scheme == "http") == scheme
    for stranger in (CLIENT, None, ""):
        assert LOCAL.scheme_of(stranger, said, secure=False) == "http"
        assert LOCAL.scheme_of(stranger, said, secure=True) == "https"


@pytest.mark.parametrize("said", [[], [""], ["ftp"], ["https; x"], ["https http"], *([junk] for junk in JUNK)])
def test_no_scheme(said: Sequence[str]) -> None:
    """Where it does not say, or nothing that there is, our own counts."""
    assert LOCAL.scheme_of("::1", said, secure=True) == "https"
    assert LOCAL.scheme_of("::1", said, secure=False) == "http"


@pytest.mark.parametrize(
    ("said", "host"),
    [
        (["jeff.example"], "jeff.example"),
        (["jeff.example:8443"], "jeff.example:8443"),
        (["[2001:db8::1]:443"], "[2001:db8::1]:443"),
        (["evil.example, jeff.example"], "jeff.example"),
        (["evil.example", "jeff.example"], "jeff.example"),
    ],
)
def test_host(said: Sequence[str], host: str) -> None:
    """Likewise which host it asked for."""
    assert LOCAL.host_of("127.0.0.1", said, "inner:8765") == host
    assert LOCAL.host_of("127.0.0.1", said, None) == host
    assert LOCAL.host_of(CLIENT, said, "inner:8765") == "inner:8765"
    assert LOCAL.host_of(None, said, None) is None


@pytest.mark.parametrize(
    "said", [[], [""], ["a b"], ["a/b"], ["u@a"], ["a:b"], ["a:1:2"], ["a\nb"], ["é"], ["[::1"], ["a" * 300]]
)
def test_no_host(said: Sequence[str]) -> None:
    """What is no host is not taken for one."""
    assert LOCAL.host_of("127.0.0.1", said, "inner") == "inner"


@given(st.none() | addresses | st.text(), st.lists(st.text()))
def test_anything(peer: str | None, lines: list[str]) -> None:
    """Whatever a header holds, something is made of it."""
    assert LOCAL.client_of(peer, lines)
    assert LOCAL.scheme_of(peer, lines, secure=False) in {"http", "https"}
    assert LOCAL.host_of(peer, lines, "inner")
