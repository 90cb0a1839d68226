"""See the delay task free a worker: a real server, worker and flow run, for a minute.

Everything lives in one temporary folder and on loopback. Nothing here imports Prefect but
`flows`, which the demo's worker runs; so nothing here can touch the user's profile.
"""
