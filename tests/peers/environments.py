"""Builds the environments in which other Discord libraries run: ``python tests/peers/environments.py [LIBRARY...]``.

Each is a folder in ``$PEERS`` (by default ``.peers`` in the checkout), and built again only when what it was built
from has changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
STAMP = ".built-from"


class Peer(NamedTuple):
    """A Discord library, and the program that uses it."""

    name: str
    program: Path
    pins: Path
    """Exact versions of all that the environment holds."""
    build: Callable[["Peer"], None]
    interpreter: str
    """Path in the environment."""

    @property
    def folder(self) -> Path:
        """Its environment."""
        return Path(os.environ.get("PEERS") or HERE.parents[1] / ".peers").resolve() / self.name

    @property
    def command(self) -> Sequence[Path]:
        """Runs its program."""
        return self.folder / self.interpreter, self.program

    @property
    def fingerprint(self) -> str:
        """Changes with what the environment is made from."""
        return f"{hashlib.sha256(self.pins.read_bytes()).hexdigest()} for Python {sys.version}"

    @property
    def built(self) -> bool:
        """Whether the environment is there and up to date."""
        stamp = self.folder / STAMP
        return stamp.is_file() and stamp.read_text() == self.fingerprint


def make(peer: Peer) -> str:
    """Build one environment, if need be.

    Returns:
        What was done, for people.

    Raises:
        subprocess.CalledProcessError: A package could not be had; its ``stderr`` says why.
    """
    if peer.built:
        return f"{peer.name} is there"
    began = time.monotonic()
    shutil.rmtree(peer.folder, ignore_errors=True)
    peer.build(peer)
    (peer.folder / STAMP).write_text(peer.fingerprint)
    return f"{peer.name} built in {time.monotonic() - began:.0f} s"


def _build_python(peer: Peer) -> None:
    _run(sys.executable, "-m", "venv", "--without-pip", peer.folder)
    _run(sys.executable, "-m", "pip", "--python", peer.folder, "install", "--quiet", "--requirement", peer.pins)


def _build_node(peer: Peer) -> None:
    """The package ``node`` brings its own Node, npm of whatever Node there is only fetches.

    Without Davey, @discordjs/voice would make do without end-to-end encryption.
    """
    peer.folder.mkdir(parents=True)
    shutil.copy(peer.pins, peer.folder)
    _run("npm", "install", "--prefix", peer.folder, "--no-package-lock", "--no-audit", "--no-fund")
    _run(
        peer.folder / peer.interpreter,
        "--eval",
        "require('@snazzah/davey'); require('@discordjs/voice')",
        cwd=peer.folder,
    )


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=cwd)


def _python(name: str) -> Peer:
    return Peer(name, HERE / f"{name}_bot.py", HERE / f"requirements-{name}.txt", _build_python, "bin/python")


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "discordjs",
            HERE / "discordjs" / "bot.js",
            HERE / "discordjs" / "package.json",
            _build_node,
            "node_modules/.bin/node",
        ),
        _python("nextcord"),
        _python("discord_py"),
        _python("py_cord"),
        _python("disnake"),
    )
}


def main(names: Iterable[str]) -> None:
    """Build the named environments, or all, two at a time, the largest first."""
    with ThreadPoolExecutor(2) as pool:
        for outcome in pool.map(make, [PEERS[name] for name in names] or PEERS.values()):
            sys.stdout.write(f"{outcome}\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.stderr}\n{error}")
