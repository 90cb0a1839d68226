"""Flow runs that are forked from a process which has imported Prefect already.

Importing Prefect takes more of a processor than all that a short flow run does. Where the
process of a run is not what a test is about, its worker starts `client`, which asks `host`
to fork: the run has a process of its own with the worker's environment, folder and output,
executes ``prefect.engine`` from its first line on, and its exit status is the client's.
"""
