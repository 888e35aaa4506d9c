"""The hashes that etcd makes of a database file: of all of it, and of the keys up to a revision. CRC-32C."""

from __future__ import annotations

from google_crc32c import extend

from etcdtui.client.offline.contents import NEVER
from etcdtui.client.offline.opened_file import KEY_BUCKET, OpenedFile
from etcdtui.client.offline.revisions import COPIED, PUT_SIZE, TOMBSTONE_SIZE
from etcdtui.core.bbolt import Bolt, Leaf, leaf_items

GIVE_BACK = 256
"""Leaves after which the pages that were read are given back."""


def whole_hash(file: OpenedFile) -> int:
    """Over each bucket's name, keys and values in order: what ``etcdutl snapshot status`` calls the hash."""
    bolt = Bolt(file.data, file.size)
    found = 0
    number = 0
    for bucket in bolt.buckets.values():
        found = extend(found, bucket.name)
        for leaf in bolt.leaves(bucket):
            found = _with_leaf(found, bolt, leaf)
            number += 1
            if number % GIVE_BACK == 0:
                file.revisions.give_back()
    return found


def _with_leaf(found: int, bolt: Bolt, leaf: Leaf) -> int:
    """Keys and values of a page follow each other: they go in as one piece where nothing lies between."""
    data, base = (bolt.data[leaf.at : leaf.end], leaf.at) if leaf.end - leaf.at <= COPIED else (bolt.data, 0)
    at, end = leaf.at - base, leaf.end - base
    begin = reached = -1
    for key, _, stop, _ in leaf_items(data, at, leaf.page, end):
        if key != reached:
            if reached >= 0:
                found = extend(found, data[begin:reached])
            begin = key
        reached = stop
    if reached >= 0:
        found = extend(found, data[begin:reached])
    return found


def keys_hash(file: OpenedFile, revision: int, compacted: int) -> int:
    """HashKV: over every record up to a revision, but for those that a compaction takes away."""
    revisions = file.revisions
    view, first, after = revisions.within(b"\0", b"\0", revision)
    held = revisions.until(compacted) if compacted != NEVER else 0
    kept = {number for number in view.records[first:after] if number < held}
    all_of_them = after == first
    found: int = extend(0, KEY_BUCKET)
    places, sizes, tombstones, mains, data = (
        revisions.places, revisions.sizes, revisions.tombstones, revisions.mains, file.data,
    )  # fmt: skip
    for number in range(revisions.until(revision)):
        tombstone = tombstones[number]
        if number < held and ((not all_of_them and number not in kept) or (tombstone and mains[number] == compacted)):
            continue
        place = places[number]
        found = extend(found, data[place - (TOMBSTONE_SIZE if tombstone else PUT_SIZE) : place + sizes[number]])
        if number % (GIVE_BACK * 64) == 0:
            file.revisions.give_back()
    return found
