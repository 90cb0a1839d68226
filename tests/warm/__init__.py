"""Python processes that are forked from one which has imported Prefect already.

Importing Prefect takes more of a processor than all that most processes of tests do. So
they are started with `python` instead of ``sys.executable``: a command which is used like
an interpreter (`launcher`) and asks the one host of the test process (`host`) to fork. The
fork makes itself what a fresh interpreter would be (`fresh`): environment, clock, folder,
streams, ``sys.path``, ``sys.argv``, ``__main__``, settings and logging of Prefect; its
``sys.executable`` is that command, so what it starts is forked as well.

The command stays, and stands for its fork: it passes signals on, also those to its group,
and ends as the fork ends; when it is killed, the fork is. Both have the command line and
the environment that they were started with in ``/proc``. What differs is the parent of a
fork, and that its group has only what it started: see `processes`.

What is not forked, and why, `real` lists.
"""

from tests.warm.processes import client_of, fork_of, host, parent_of, python

__all__ = ["client_of", "fork_of", "host", "parent_of", "python"]
