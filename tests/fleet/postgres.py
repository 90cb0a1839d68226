"""A PostgreSQL cluster of one's own, under a temporary folder, on a loopback port."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import sweeper
from tests.prefect_server.server import free_port
from tests.prefect_server.waiting import eventually

__all__ = ["a_database", "why_no_postgres"]

_USER = "postgres"
_SETTINGS = {
    # Nothing here has to outlive the machine.
    "fsync": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
}


def _programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; Debian keeps it off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).resolve())
    return found[-1].parent if found else None


def why_no_postgres() -> str | None:
    """What is missing for a cluster here, or None."""
    if _programs() is None:
        return "there is no PostgreSQL; install Debian's package postgresql"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(_USER)
        except KeyError:
            return f"PostgreSQL does not run as root, and there is no user {_USER!r}"
    return None


@contextmanager
def a_database() -> Iterator[str]:
    """A new cluster with one empty database, as a SQLAlchemy URL; gone with the block."""
    programs = _programs()
    assert programs is not None, why_no_postgres()
    # Not under pytest's folder, which only its owner may enter.
    folder = sweeper.a_folder()
    server: subprocess.Popen[bytes] | None = None
    try:
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(folder, user.pw_uid, user.pw_gid)
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data, log, port = folder / "data", folder / "log", free_port()
        _run([programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-N"], as_user)
        options = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [
                    programs / "postgres",
                    "-D",
                    data,
                    "-p",
                    str(port),
                    "-k",
                    folder,
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
                **as_user,
            )
        at = ["-h", "127.0.0.1", "-p", str(port), "-U", _USER]
        ready: list[Any] = [programs / "pg_isready", *at, "-q"]
        eventually(
            lambda: subprocess.run(ready, check=False).returncode == 0,
            within=30,
            what=f"PostgreSQL answers; its log: {log.read_text(errors='replace')}",
        )
        _run([programs / "createdb", *at, "prefect"], {})
        yield f"postgresql+asyncpg://{_USER}@127.0.0.1:{port}/prefect"
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _run(arguments: list[Any], options: dict[str, Any]) -> None:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd="/",
        **options,
    )
    assert done.returncode == 0, f"{arguments[0]}: {done.stdout}{done.stderr}"


def _stop(server: subprocess.Popen[bytes]) -> None:
    # SIGINT closes connections first; SIGQUIT does not wait for anything.
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)
