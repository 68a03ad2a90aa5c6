"""What is looked at in the host when the extension is loaded."""

import logging
import subprocess
import sys
from pathlib import Path

import dave
import nextcord
import pytest
from nextcord import voice_client
from nextcord.ext import commands

import jeffbot
from jeffbot.errors import SettingsError
from jeffbot.host import check_host, check_packages

CIPHERS = ("aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize")


def make_bot(**intents: bool) -> commands.Bot:
    """A bot with these intents."""
    return commands.Bot(intents=nextcord.Intents(**intents))


async def test_what_voice_is_made_with(caplog: pytest.LogCaptureFixture) -> None:
    """One line of the log names the packages, the DAVE version and the ciphers in use."""
    caplog.set_level(logging.INFO, "jeffbot.host")
    check_host(make_bot(guilds=True, voice_states=True), CIPHERS)

    (record,) = caplog.records
    for words in (f"Nextcord {nextcord.__version__}", f"dave.py {dave.__version__} (DAVE 1)", "PyNaCl ", *CIPHERS):
        assert words in record.getMessage()


@pytest.mark.parametrize("lacking", ["guilds", "voice_states"])
async def test_missing_intent(lacking: str) -> None:
    """A bot that would not see who is where is refused, by the intent's name."""
    with pytest.raises(SettingsError, match=f"without the intent {lacking}"):
        check_host(make_bot(**{"guilds": True, "voice_states": True, lacking: False}), CIPHERS)


@pytest.mark.parametrize(
    ("thing", "name", "value", "remedy"),
    [
        (nextcord, "version_info", nextcord.VersionInfo(3, 1, 9, "final", 0, "None"), "pip install -U 'nextcord>=3.2'"),
        (voice_client, "has_nacl", False, "pip install PyNaCl"),
        (voice_client, "has_dave", False, "pip install dave.py"),
        (dave, "get_max_supported_protocol_version", lambda: 0, "pip install -U dave.py"),
    ],
    ids=["nextcord", "PyNaCl", "dave.py", "DAVE 0"],
)
def test_packages_that_cannot_work(
    monkeypatch: pytest.MonkeyPatch, thing: object, name: str, value: object, remedy: str
) -> None:
    """A package with which nobody would hear the bot is refused, with what to do."""
    monkeypatch.setattr(thing, name, value)

    with pytest.raises(SettingsError) as caught:
        check_packages()
    assert remedy in str(caught.value)


@pytest.mark.parametrize(("missing", "remedy"), [("nacl", "pip install PyNaCl"), ("dave", "pip install dave.py")])
def test_told_before_imports_fail(missing: str, remedy: str) -> None:
    """Loading without a package says which, instead of failing at its import."""
    program = f"""
import sys
sys.modules[{missing!r}] = None
from nextcord.ext import commands
commands.Bot().load_extension("jeffbot.cogs.sound")
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={"PYTHONPATH": str(Path(jeffbot.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("jeffbot.errors.SettingsError")
    assert remedy in last
