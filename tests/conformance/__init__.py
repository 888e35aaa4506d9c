"""Conformance: what a client of etcd must do, line by line, on every server version.

A test carries the number of its line; several numbers where one situation shows several lines. With ``ETCD_BINARIES``
every test runs once per version; what a version answers differently is part of the expectation.
"""
