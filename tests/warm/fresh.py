"""Makes a fork what an interpreter would be that has just been started, but for imports."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import multiprocessing.spawn
import os
import random
import runpy
import signal
import sys
import threading
import time
import types
import zoneinfo
from pathlib import Path

from tests.clock.travel import import_time_machine
from tests.warm.jobs import CLIENT, Job

__all__ = ["become", "die_with", "execute", "prepare"]

_PR_SET_PDEATHSIG = 1
# Of those of /proc/self/stat behind the name of the program: arg_start and what follows.
_PLACES = slice(45, 49)
_generators: list[random.Random] = []


def prepare() -> None:
    """Find, before the first fork, what each of them has to make anew."""
    import_time_machine()
    objects = gc.get_objects()
    _generators.extend(each for each in objects if isinstance(each, random.Random))


def die_with(host: int) -> None:
    """Let this process be killed when its parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host:
        os._exit(1)


class Space:
    """The memory in which the kernel keeps arguments and environment, shown in /proc.

    The host was started with more of both than a fork needs.
    """

    def __init__(self) -> None:
        stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        self._places = [int(word) for word in stat[_PLACES]]

    def show(self, arguments: list[str], environment: dict[str, str]) -> None:
        """Show others these; our marks first, where there is not room for all."""
        ours = {name: text for name, text in environment.items() if "CA_TEST" in name}
        pairs = [f"{name}={text}" for name, text in (ours | environment).items()]
        first, last, *environ = self._places
        # Without a NUL at its end, a command line ends at the first one.
        _write(first, last, " ".join(arguments).encode(errors="surrogateescape"), b"\1")
        text = "\0".join(pairs).encode(errors="surrogateescape")
        _write(environ[0], environ[1], text, b"\0")


def _write(start: int, end: int, text: bytes, last: bytes) -> None:
    room = end - start - 2
    padded = text[:room].ljust(room + 1, b"\0") + last
    ctypes.memmove(start, padded, len(padded))


def become(job: Job, *, executable: str, space: Space) -> None:
    """Let this process be the one that a client wants to have started."""
    os.setsid()
    os.environ.clear()
    os.environ.update(job.environment | {CLIENT: f"{os.getpid()} {job.client}"})
    os.chdir(job.folder)
    _take(job.files)
    space.show([executable, *job.arguments], dict(os.environ))
    _open_streams(unbuffered=bool(job.environment.get("PYTHONUNBUFFERED")))
    sys.dont_write_bytecode = bool(job.environment.get("PYTHONDONTWRITEBYTECODE"))
    time.tzset()
    zoneinfo.reset_tzpath()
    _reseed()
    sys.executable = executable
    multiprocessing.spawn.set_executable(executable)
    sys.orig_argv = [executable, *job.arguments]
    _lay_path(job)
    _configure_prefect()


def _take(files: dict[int, int]) -> None:
    """Give each file its number, which another one of them may have so far."""
    above = max(files) + 1
    for number, file in files.items():
        files[number] = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, above)
        os.close(file)
    for number, file in files.items():
        os.dup2(file, number)
        os.close(file)


def _open_streams(*, unbuffered: bool) -> None:
    """New ones, as an interpreter makes them; nothing is in those of the host."""
    encoding = sys.stdout.encoding
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        raw = io.FileIO(number, mode, closefd=False)
        through = unbuffered and mode == "w"
        buffer = raw if through else open(number, f"{mode}b", closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            buffer,
            encoding,
            "backslashreplace" if name == "stderr" else getattr(sys, name).errors,
            line_buffering=name == "stderr" or raw.isatty(),
            write_through=through,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _reseed() -> None:
    """Random numbers that no other fork has; Python itself sees to its own generator."""
    for each in _generators:
        each.seed()
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()


def _lay_path(job: Job) -> None:
    """``sys.path``, and what a test's clock hooks into it."""
    first, *rest = job.arguments
    start = "" if first == "-c" else job.folder
    if first not in {"-c", "-m"}:
        start = os.path.dirname(os.path.realpath(first))  # noqa: PTH120
    told = os.environ.get("PYTHONPATH", "")
    sys.path[:1] = [start, *(part for part in told.split(os.pathsep) if part)]
    sys.argv = ["-c" if first == "-c" else "-m" if first == "-m" else first, *rest]
    if first in {"-c", "-m"}:
        del sys.argv[1]
    if told:
        sys.modules.pop("sitecustomize", None)
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("sitecustomize")


def _configure_prefect() -> None:
    """Settings and logging, which Prefect reads from the environment at its import."""
    import prefect.context
    import prefect.logging.configuration as logging

    prefect.context.GLOBAL_SETTINGS_CONTEXT = prefect.context.root_settings_context()
    if hasattr(logging.load_logging_config, "cache_clear"):
        logging.load_logging_config.cache_clear()
    logging.PROCESS_LOGGING_CONFIG.clear()
    logging.setup_logging()


def execute(arguments: list[str]) -> None:
    """Execute a module, code or a script as ``__main__``, and end this process so."""
    status = 1
    try:
        _run(arguments)
        status = 0
    except SystemExit as end:
        status = _status(end.code)
    except BaseException as error:  # noqa: BLE001  as an interpreter reports it
        trace = _within(error)
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, KeyboardInterrupt):
            status = -signal.SIGINT
    # What an interpreter does first when it ends. It then forgets all that it imported.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _within(error: BaseException) -> types.TracebackType | None:
    """Its traceback without what stands in this module."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _status(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def _run(arguments: list[str]) -> None:
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    first = arguments[0]
    if first == "-m":
        name = arguments[1]
        # Others import it too, and Python warns of what it executes a second time.
        for each in (name, f"{name}.__main__"):
            sys.modules.pop(each, None) if _is_executed(each) else None
        runpy._run_module_as_main(name)  # type: ignore[attr-defined]
        return
    if first == "-c":
        code = compile(arguments[1], "<string>", "exec")
    else:
        main.__file__ = first
        code = compile(Path(first).read_bytes(), first, "exec")
    exec(code, main.__dict__)  # noqa: S102  that is what an interpreter does


def _is_executed(name: str) -> bool:
    """Whether that is what is executed, and not the package around it."""
    module = sys.modules.get(name)
    return module is not None and not hasattr(module, "__path__")
