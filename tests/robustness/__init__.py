"""Random traffic of several clients on a cluster in trouble, and whether what they saw was true.

``run.py`` makes a history: ``traffic.py`` talks to a cluster of three members, ``faults.py`` kills, freezes and moves
them meanwhile. ``check.py`` judges it afterwards: ``store.py`` whether all calls fit one order of revisions that agrees
with real time, ``register.py`` the same for each key without trusting any revision, ``promises.py`` what a watch
promises. ``mutations.py`` spoils good histories, which must then be caught.

``make test`` runs a short history; ``python -m bench.robustness`` long ones.
"""
