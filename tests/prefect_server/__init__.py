"""A real Prefect server with workers and flow runs, for all folders of tests.

The fixtures of tests/conftest.py:

    server   one server for a test process, on a clock of its own (`server.clock`)
    world    a work pool on it with a worker, for all tests that do the worker no harm
    a_world(server, folder, Engine...)          a pool of a test's own
    a_server(folder, start=..., settings=...)   one more, where a date or a kill needs it

How the process of a flow run is started, `Engine` tells. All of these processes are forked
from one that has imported Prefect (`tests.warm`).

A test starts its runs, waits until they are where they should be (`Run.wait_for`,
`Run.wait_until_put_back`, `eventually`), moves the clock to the slot
(`server.clock.move_to`), and waits for their end. Waits are bounded only by what no
machine needs. All tests of a process share the clock: each takes its moments from
`server.clock.now()`, and tests whose date matters have a server of their own.
"""
