"""Kill each write at every file system call that it makes, SQLite's own included, with strace; run by ``make test-crash``.

A child is forked from this process, which has everything imported and warm, stops itself, and goes on once strace is
attached.  strace kills it before the k-th call of one name; all names and all k are tried, one run each, so each call of
the operation is the last one once.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from butler_core import Butler
from tests.crash.operations import OPERATIONS, check, copy, prepare

CALLS = (
    "openat,open,creat,read,pread64,write,pwrite64,writev,pwritev,fsync,fdatasync,syncfs,sync_file_range,ftruncate,truncate,"
    "fallocate,link,linkat,symlink,symlinkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,stat,lstat,fstat,"
    "newfstatat,statx,access,faccessat,faccessat2,readlink,readlinkat,getdents64,fcntl,close,mmap,munmap,lseek,sendfile,"
    "copy_file_range,chmod,fchmod,utimensat,flock,ioctl,getcwd"
)


def start(work: Path, name: str) -> int:
    """Fork a child that stops itself before the operation."""
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise SystemExit(f"{name}: the child ended before it began")
        return pid
    code = 1
    try:
        butler = Butler(work / "repo", run="u/test/first")
        os.kill(os.getpid(), signal.SIGSTOP)
        OPERATIONS[name](butler, work)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def trace(pid: int, *options: str, output: Path | None = None) -> int:
    """Let a stopped child go on under strace; return how it ended."""
    target = ["-o", str(output)] if output else ["-o", os.devnull]
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), *target, *options], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    for line in tracer.stderr:
        if "attached" in line:
            break
    os.kill(pid, signal.SIGCONT)
    _, status = os.waitpid(pid, 0)
    tracer.stderr.read()
    tracer.wait()
    return os.waitstatus_to_exitcode(status)


def count_calls(work: Path, name: str) -> collections.Counter[str]:
    """Count the calls of each name that an operation makes when nothing kills it."""
    with tempfile.NamedTemporaryFile() as log:
        code = trace(start(work, name), "-e", f"trace={CALLS}", output=Path(log.name))
        if code:
            raise SystemExit(f"{name} failed with exit code {code} although nothing killed it")
        text = Path(log.name).read_text(errors="replace")
    return collections.Counter(re.findall(r"^(?:\d+ +)?(\w+)\(", text, re.MULTILINE))


def main() -> int:
    """Try every call of every operation; return how many left something wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("operations", nargs="*", default=list(OPERATIONS), help="which (default: all)")
    names = parser.parse_args().operations
    if shutil.which("strace") is None:
        print("strace is not installed: apt-get install strace", file=sys.stderr)
        return 1
    failures = runs = 0
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as directory:
        template, work = Path(directory, "template"), Path(directory, "work")
        template.mkdir()
        prepare(template)
        for name in names:
            begun = time.monotonic()
            copy(template, work)
            calls = count_calls(work, name)
            total = sum(calls.values())
            for call, count in sorted(calls.items()):
                for k in range(1, count + 1):
                    copy(template, work)
                    code = trace(
                        start(work, name),
                        "-e",
                        f"trace={call}",
                        "-e",
                        f"inject={call}:signal=SIGKILL:when={k}",
                    )
                    runs += 1
                    problems = check(work, name, finished=code == 0)
                    if code not in (0, -signal.SIGKILL):
                        problems.append(f"it ended with {code}")
                    for problem in problems:
                        failures += 1
                        print(f"FAILED {name}, killed at {call} number {k}: {problem}", flush=True)
            print(
                f"{name}: killed at each of {total} calls of {len(calls)} kinds in {time.monotonic() - begun:.0f} s",
                flush=True,
            )
    print(f"{runs - failures if failures < runs else 0} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
