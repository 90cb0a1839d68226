"""What is started instead of an interpreter: has a process forked, and stands for it.

This is to start within milliseconds: it imports only what is built in.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import os
import sys

__all__ = ["main"]

_PASSED_ON = [
    number
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM,
                   _signal.SIGUSR1, _signal.SIGUSR2)
    if _signal.getsignal(number) != _signal.SIG_IGN
]  # fmt: skip
# Variables of the interpreter that a fork follows; with others, it is started itself.
_FOLLOWED = {
    "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONTZPATH", "PYTHONUNBUFFERED",
}  # fmt: skip
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")
_WORD = 4
# That a process may be started with; the pipes of multiprocessing have low numbers.
_FILES = 64


def main(real: str, path: str, locale: tuple[str | None, ...]) -> None:
    """Do what the interpreter does with these arguments.

    Args:
        real: the interpreter.
        path: of the host's socket.
        locale: the host's.
    """
    environment = dict(os.environ)
    numbers = [0, 1, 2, *filter(_is_passed, range(3, _FILES))]
    if not _is_understood(environment, locale):
        os.execv(real, [real, *sys.argv[1:]])  # noqa: S606  as it was called
    here, witness = _socket.socketpair()
    lives, ends = os.pipe()
    if not (second := os.fork()):
        os.close(ends)
        _watch(here, lives)
    host = _socket.socket(_socket.AF_UNIX)
    host.connect(path)
    job = (os.getpid(), environment, os.getcwd(), sys.argv, numbers)  # noqa: PTH109
    text = marshal.dumps(job)
    files = b"".join(
        number.to_bytes(_WORD, sys.byteorder) for number in (*numbers, witness.fileno())
    )
    passed = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)]
    host.sendmsg([len(text).to_bytes(8, "big")], passed)
    host.sendall(text)
    _pass_on(host)
    witness.close()
    answer = host.recv(_WORD, _socket.MSG_WAITALL)
    os.close(ends)
    os.waitpid(second, 0)
    _end(int.from_bytes(answer, "big", signed=True) if answer else -_signal.SIGKILL)


def _is_understood(environment: dict[str, str], locale: tuple[str | None, ...]) -> bool:
    if tuple(environment.get(name) for name in _LOCALE) != locale:
        return False
    special = {name for name in environment if name.startswith("PYTHON")} - _FOLLOWED
    arguments = sys.argv[1:]
    if special or not arguments:
        return False
    if arguments[0] in {"-m", "-c"}:
        return len(arguments) > 1
    return os.path.isfile(arguments[0])  # noqa: PTH113


def _is_passed(number: int) -> bool:
    """Whether it is an open file that was meant for this process."""
    try:
        return os.get_inheritable(number)
    except OSError:
        return False


def _pass_on(to: _socket.socket) -> None:
    """Tell the other end of each signal that comes to this process."""
    for number in _PASSED_ON:
        _signal.signal(number, lambda number, _: to.send(bytes([number])))


def _watch(host: _socket.socket, lives: int) -> None:
    """Of signals that come here too, tell the host that the whole group gets them.

    This is the only other process of the group: one that was sent to the first process
    alone does not come here. After a SIGKILL the host misses the word of farewell.
    """
    _pass_on(host)
    os.read(lives, 1)
    host.send(b"\0")
    os._exit(0)


def _end(status: int) -> None:
    if status < 0:
        if -status != _signal.SIGKILL:
            _signal.signal(-status, _signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
