"""A database file as a cluster that stands still: a saved snapshot, or the file of a stopped member.

``opened_file.py`` opens and proves it, ``revisions.py`` finds what is in it, ``store.py`` answers as a member would.
"""
