"""Which sounds of a library a recording contains, told by nothing but the decoded PCM."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from .files import read_pcm
from .matching import BIN, CHUNK, RATE, Fit, Scene, Template, View, audibility, energies, fit
from .opus import Pcm

SUFFIXES = frozenset({".aac", ".aiff", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".webm"})
"""Of the files in a folder that are sounds."""
THRESHOLD = 0.4
"""Lowest score of a match. In 850 random trials of one sound or two, up to 6 dB apart, through Opus at 64 to 128 kbit/s
with and without losses, what was there scored 0.48 and more; of what was not, only near copies reached 0.25."""
_ENOUGH_SECONDS = 0.4
"""Of a sound's beginning, this much must be heard ..."""
_ENOUGH_SHARE = 0.75
"""... but for this part, of which packets may be lost."""
_NEARLY = 0.8
"""As strong as the strongest, if it has this share of its strength."""


@dataclass(frozen=True, slots=True)
class Match:
    """A sound that was heard."""

    name: str
    score: float
    """What share it explains of what was heard while it lasted and no other sound explains; ``THRESHOLD`` to 1."""
    starts_at: float
    """Seconds into the recording at which it begins to be audible; negative if that was before the recording."""


class Fingerprints:
    """A library of sounds that can be told apart by ear."""

    def __init__(self) -> None:
        self._templates: list[Template] = []

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Of all sound files in a folder and below it, named by their path in it, with slashes.

        Raises:
            FFmpegMissingError: There is nothing to read them with.
            UnreadableFileError: One is no sound.
        """
        fingerprints = cls()
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for path, pcm in zip(paths, pool.map(read_pcm, paths), strict=True):
                fingerprints.add(path.relative_to(folder).as_posix(), pcm)
        return fingerprints

    @property
    def names(self) -> list[str]:
        """Of all sounds, in the order they were added."""
        return [template.name for template in self._templates]

    def add(self, name: str, pcm: Pcm) -> None:
        """Take a sound into the library; a silent one will never be heard."""
        self._templates.append(Template(name, pcm))

    def add_file(self, name: str, path: Path) -> None:
        """Take a sound file into the library.

        Raises:
            FFmpegMissingError: There is nothing to read it with.
            UnreadableFileError: It is no sound.
        """
        self.add(name, read_pcm(path))

    def recognise(self, pcm: Pcm) -> list[Match]:
        """The sounds that are heard, also several at once, the best match first.

        A sound played twice is matched twice; of two that are alike, only one is matched. Time grows with the length
        of the library times that of the recording, and that of the library times that of each match: 5 s against
        12 sounds take 0.2 s, against 1000 sounds 15 s.
        """
        fits = _Search(self._templates, Scene(pcm)).found()
        matches = [
            Match(fit.template.name, fit.score, (fit.start + fit.shift) / RATE)
            for fit in fits
            if fit.score >= THRESHOLD
        ]
        return sorted(matches, key=lambda match: match.score, reverse=True)


class _Search:
    """Finds sounds one after the other, the strongest first, and takes each away from what is left to explain."""

    def __init__(self, templates: list[Template], scene: Scene) -> None:
        self._templates = templates
        self._scene = scene
        self._longest = _whole_bins(max(map(len, templates), default=0))
        self._first, self._last = -self._longest, _whole_bins(len(scene))
        shape = (len(templates), (self._last - self._first) // BIN)
        self._strengths = np.zeros(shape, np.float32)
        self._places = np.zeros(shape, np.intp)
        self._found: list[Fit] = []

    def found(self) -> list[Fit]:
        """Every sound that is heard."""
        self._survey(0, len(self._scene))
        while self._strengths.any():
            convincing = [candidate for candidate in self._candidates() if self._convinces(candidate)]
            if convincing:
                self._explain(max(convincing, key=_worth))
        return self._found

    def _candidates(self) -> list[Fit]:
        """The strongest template where it is strongest, and where it is nearly as strong: a tone is so in many places.

        They are not looked at again.
        """
        n = int(self._strengths.max(axis=1).argmax())
        bins = np.flatnonzero(self._strengths[n] >= _NEARLY * self._strengths[n].max())
        self._strengths[n, bins] = 0.0
        return [fit(self._scene, self._templates[n], int(place)) for place in self._places[n, bins]]

    def _convinces(self, candidate: Fit) -> bool:
        again = any(
            known.template is candidate.template and abs(known.start - candidate.start) < BIN for known in self._found
        )
        return not again and candidate.score >= THRESHOLD and candidate.seconds >= _enough(candidate.template)

    def _explain(self, new: Fit) -> None:
        """Take it away, then fit it and those it overlaps anew, each without the others."""
        self._found.append(new)
        self._scene.add(new.start, -new.signal)
        touched = [n for n, fit in enumerate(self._found) if fit.start < new.end and new.start < fit.end]
        for n in touched:
            self._found[n] = self._fitted_anew(self._found[n])
        self._survey(min(self._found[n].start for n in touched), max(self._found[n].end for n in touched))

    def _fitted_anew(self, old: Fit) -> Fit:
        """Take it away in another way, if that explains more."""
        self._scene.add(old.start, old.signal)
        new = fit(self._scene, old.template, old.start)
        better = max(new, old, key=lambda fit: self._scene.gain(fit.start, fit.signal))
        self._scene.add(better.start, -better.signal)
        return better

    def _survey(self, first: int, last: int) -> None:
        """Look where sounds may be of which a part is heard between two samples of the scene."""
        start = max(first // BIN * BIN - self._longest, self._first)
        end = min(_whole_bins(last), self._last)
        view = View(self._scene, start, end + self._longest)
        bins = slice((start - self._first) // BIN, (end - self._first) // BIN)
        for n, template in enumerate(self._templates):
            self._strengths[n, bins], self._places[n, bins] = view.survey(template, start, end)


def _worth(fit: Fit) -> tuple[int, int]:
    """For how long it explains what is heard, in packets; of equals the latest, since sounds are cut at their ends."""
    return round(fit.score * fit.seconds * RATE / CHUNK), fit.start


def _whole_bins(samples: int) -> int:
    return -(-samples // BIN) * BIN


def _enough(template: Template) -> float:
    """The seconds of a sound that must be heard, not counting what is quiet."""
    chunks = template.signal.reshape(-1, CHUNK)[: round(_ENOUGH_SECONDS * RATE / CHUNK)]
    weights = audibility(energies(chunks))
    return float(_ENOUGH_SHARE * weights.sum() / weights.max(initial=1e-9)) * CHUNK / RATE
