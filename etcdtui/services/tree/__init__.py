"""The tree of keys without a terminal: read, kept true, walked, filtered, and the value under the cursor."""
