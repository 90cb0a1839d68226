"""A wall clock that a test moves forward, for a server and all that belongs to it.

    clock = WallClock(folder / "clock", datetime(2026, 3, 28, 18, tzinfo=timezone.utc))
    environment |= clock.environment()     # of a server, worker, planner, command, ...
    clock.move_to(slot)                    # all of them have that time when this returns

Every Python process with that environment, and whatever it starts, reads this clock in
``datetime``, ``time``, pendulum and whenever, in SQLite's own functions and in the times of
its log. The clock goes on with the machine's monotonic one, which stays as it is: polling,
time-outs, ``sleep`` and event loops go on in real seconds, and a ``sleep`` that has begun
does not end earlier when the clock is moved. Times of files, and PostgreSQL, stay real.

``with clock.here():`` puts the test's own process on the clock, for what it calls itself.
"""

from tests.clock.wall_clock import WallClock

__all__ = ["WallClock"]
