"""How files come into the library and out of it, as the settings have it; for the soundboard and the CLI alike."""

from pathlib import Path

from .audio.bank import SoundBank
from .audio.formats import sniff
from .errors import UnplayableSoundError
from .library.bin import Bin
from .library.folder import SoundsFolder
from .library.ingest import Checked, Ingest, IngestError, IngestLimits
from .service.files import Fetch, Fetched, Files
from .settings import Settings


def files_of(settings: Settings, folder: SoundsFolder, bank: SoundBank) -> Files:
    """What moves files for one soundboard."""

    def check(file: Path) -> Checked:
        try:
            duration, level = bank.check(file)
        except UnplayableSoundError as error:
            raise IngestError(f"This cannot be played: {error.reason}. Send another file") from error
        return Checked(duration, level.loudness)

    limits = IngestLimits(max_bytes=settings.upload_mib << 20, max_seconds=settings.upload_seconds)
    ingest = Ingest(folder, sniff=sniff, check=check, limits=limits)
    return Files(
        ingest, Bin(settings.data_dir / "bin"), settings.data_dir, _fetch(settings) if settings.downloads else None
    )


def _fetch(settings: Settings) -> Fetch:
    async def fetch(url: str) -> Fetched:
        from .library.download import DownloadLimits, download  # noqa: PLC0415 - only where links are switched on

        limits = DownloadLimits(max_bytes=settings.upload_mib << 20)
        return await download(url, settings.data_dir, limits, sniff=sniff)

    return fetch
