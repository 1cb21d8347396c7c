"""The peer's environment, made when it is missing, and how processes of either side are run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
"""The project's root."""
CACHE = ROOT / ".bench"
"""What outlives a run; git ignores it."""
PEER_VERSION = "30.2026.4300"
MODULES = {"peer": "lsst.daf.butler", "ours": "butler_core"}


class SideError(Exception):
    """A side's process, or the making of its environment, failed."""


def run(command: Sequence[str | Path], request: Any = None) -> str:
    """Run a command in the project's root and return what it prints; a request goes to it as JSON."""
    # Modules are compiled once, as in any installation that is used: otherwise each import would be a compilation.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        input=None if request is None else json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        text = " ".join(str(part) for part in command)
        raise SideError(f"{text} ended with {done.returncode}:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def find_peer(given: Path | None) -> Path:
    """Return the interpreter that has the peer: the one that is given, or that of an environment of our own."""
    python = given.absolute() if given else _make_peer(CACHE / "peer")
    code = "import importlib.metadata; print(importlib.metadata.version('lsst-daf-butler'))"
    version = run([python, "-c", code]).strip()
    if version != PEER_VERSION:
        raise SideError(f"{python} has lsst-daf-butler {version}; the benchmarks are against {PEER_VERSION}.")
    return python


def _make_peer(directory: Path) -> Path:
    python, done = directory / "bin" / "python", directory / ".installed"
    if not done.exists():
        print(f"making {directory.relative_to(ROOT)} with lsst-daf-butler {PEER_VERSION}", file=sys.stderr)
        requirement = f"lsst-daf-butler=={PEER_VERSION}"
        if _has_uv():
            run(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, directory])
            run(["uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python, requirement])
        else:
            run([sys.executable, "-m", "venv", "--clear", directory])
            run([python, "-m", "pip", "install", "--quiet", requirement])
        done.touch()
    return python


def _has_uv() -> bool:
    # Asking for its version tells whether it runs: a shim may stand in for a uv that is not installed.
    return (
        shutil.which("uv") is not None
        and not subprocess.run(["uv", "--version"], capture_output=True, check=False).returncode
    )
