"""Keeps a private container engine, and takes it away with everything that it made.

    unshare --mount --pid --fork --kill-child --mount-proc python keeper.py FOLDER

As the first process of its own process namespace: whatever the engine starts ends with
this process, and its mounts vanish with the mount namespace. It ends when its standard
input is closed, which happens too when the process that started it is killed.
"""

from __future__ import annotations

import contextlib
import select
import shutil
import subprocess
import sys
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def remove_traces(folder: Path) -> None:
    """The mounts below the folder, its control groups and the folder itself."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if (mounted := line.split(" ")[1]).startswith(f"{folder}/"):
            subprocess.run(["umount", "-n", "-l", mounted], check=False)
    for top in [_CGROUPS / folder.name, *_CGROUPS.glob(f"*/{folder.name}")]:
        groups = [path for path in top.rglob("*") if path.is_dir()]
        for group in [*sorted(groups, reverse=True), top]:
            with contextlib.suppress(OSError):
                group.rmdir()
    shutil.rmtree(folder, ignore_errors=True)


def _engine_command(folder: Path) -> list[str]:
    """The engine with everything in ``folder``, without networks of its own."""
    config = folder / "daemon.json"
    config.write_text("{}")
    return [
        "dockerd",
        "--config-file", str(config),
        "--host", f"unix://{folder}/engine.sock",
        "--data-root", f"{folder}/data",
        "--exec-root", f"{folder}/exec",
        "--pidfile", f"{folder}/pid",
        "--cgroup-parent", f"/{folder.name}",
        "--exec-opt", "native.cgroupdriver=cgroupfs",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        # It would switch on the machine's forwarding.
        "--ip-forward=false",
        "--host-gateway-ip", "127.0.0.1",
    ]  # fmt: skip


def _remove_containers(folder: Path) -> None:
    import docker

    with contextlib.closing(
        docker.DockerClient(base_url=f"unix://{folder}/engine.sock", timeout=20)
    ) as client:
        for container in client.containers.list(all=True, ignore_removed=True):
            with contextlib.suppress(docker.errors.APIError):
                container.remove(force=True, v=True)


def _keep(folder: Path) -> None:
    # What the engine leaves in /run, too, vanishes with the namespace.
    subprocess.run(["mount", "-n", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    with (folder / "engine.log").open("wb") as log:
        engine = subprocess.Popen(
            _engine_command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    while engine.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], 0.5)
        if readable:
            break
    else:
        # It could not start; whoever started us reads the log and removes the traces.
        sys.exit(1)
    with contextlib.suppress(Exception):
        _remove_containers(folder)
    engine.terminate()
    try:
        engine.wait(15)
    except subprocess.TimeoutExpired:
        engine.kill()
    remove_traces(folder)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
