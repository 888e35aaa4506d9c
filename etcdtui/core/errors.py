"""Everything that can go wrong, as one tree.

::

    EtcdError
    ├── ConfigError                 bad options, profile or endpoint string; nothing was sent
    ├── ClosedError                 the client was closed
    ├── WriteRefused                our own guard said no; nothing was sent
    ├── InvalidArgument
    │   ├── EmptyKey  DuplicateKey  TooManyOps  RequestTooLarge  LeaseProvided  ValueProvided
    │   └── BadArgument             found by the client, also a ``ValueError``; nothing was sent
    ├── KeyNotFound
    ├── Compacted                   .compact_revision when the server told it
    ├── FutureRevision
    ├── StaleRead                   only from the guard against going back in time
    ├── LeaseNotFound  LeaseExists  LeaseTtlTooLarge
    ├── NoSpace                     NOSPACE alarm; may have been applied
    ├── Corrupt
    ├── NoLeader  NotLeader
    │   └── NoElectionLeader        of an election among clients, not of the cluster
    ├── LearnerRefused
    ├── Throttled                   apply backlog; nothing applied
    ├── Membership
    │   ├── MemberNotFound  LearnerNotReady  UnhealthyCluster
    ├── Downgrade
    ├── AuthManagement              user or role exists / not found / not granted
    ├── Unauthenticated
    │   └── InvalidToken
    ├── AuthFailed
    ├── AuthNotEnabled
    ├── PermissionDenied
    ├── NotSupported                the server is too old for the call
    ├── OldCluster
    ├── ClusterMismatch             endpoints lead to different clusters
    ├── Unavailable
    │   ├── TlsError
    │   │   └── TlsFileError        a certificate or key file is no good; also a ``ConfigError``
    │   │       └── PassphraseWanted
    │   ├── NotEtcd                 something else answers there, or another port of etcd's
    │   └── LeaderChanged  NotCapable
    ├── DeadlineExceeded
    ├── MessageTooLarge
    ├── WatchCancelled
    ├── WatchOverflow               the reader was too slow for its bounded buffer
    ├── KeepAliveLost
    ├── Locked  NotOwner  SessionExpired
    ├── SnapshotError
    ├── BadSnapshot                 a file that is no whole snapshot
    └── ServerError                 a text this table does not know

Every one carries ``message`` (what failed, the server's words), ``endpoint``, ``code`` (gRPC status name),
``applied`` (``"no"`` or ``"maybe"``), ``retryable``; the class gives ``title`` and ``hint`` for people.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Applied = Literal["no", "maybe"]


class EtcdError(Exception):
    """The root. ``str()`` is one sentence: what failed, where, and what to do."""

    title: ClassVar[str] = "request failed"
    hint: ClassVar[str] = ""
    default_retryable: ClassVar[bool] = False
    default_applied: ClassVar[Applied] = "no"

    def __init__(
        self,
        message: str = "",
        *,
        endpoint: str = "",
        code: str = "",
        applied: Applied | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.endpoint = endpoint
        self.code = code
        self.applied: Applied = self.default_applied if applied is None else applied
        self.retryable = self.default_retryable if retryable is None else retryable

    def __str__(self) -> str:
        where = f" ({self.endpoint})" if self.endpoint else ""
        maybe = " The write may have been applied." if self.applied == "maybe" else ""
        hint = f" {self.hint}" if self.hint else ""
        text = self.message
        head = text if text.lower().startswith(self.title.lower()) else f"{self.title}: {text}"
        return f"{head}{where}.{maybe}{hint}" if not head.endswith(".") else f"{head}{where}{maybe}{hint}"


class ConfigError(EtcdError):
    title = "bad configuration"


class ClosedError(EtcdError):
    title = "the client is closed"


class WriteRefused(EtcdError):
    title = "not written"
    hint = "Nothing was sent."


class InvalidArgument(EtcdError):
    title = "the server refused the request"


class EmptyKey(InvalidArgument):
    title = "the key is empty"
    hint = "etcd has no empty key; the smallest is the single byte 0x00."


class DuplicateKey(InvalidArgument):
    title = "a key is written twice in one transaction"


class TooManyOps(InvalidArgument):
    title = "too many operations in one transaction"
    hint = "Split it: the default limit is 128 (--max-txn-ops)."


class RequestTooLarge(InvalidArgument):
    title = "the request is larger than the server accepts"
    hint = "The default limit is 1.5 MiB (--max-request-bytes on the server)."


class LeaseProvided(InvalidArgument):
    title = "a lease was given together with ignore_lease"


class ValueProvided(InvalidArgument):
    title = "a value was given together with ignore_value"


class BadArgument(InvalidArgument, ValueError):
    title = "the request makes no sense"
    hint = "Nothing was sent."


class KeyNotFound(EtcdError):
    title = "the key does not exist"


class Compacted(EtcdError):
    """History below ``compact_revision`` is gone (0 when the server did not say how far)."""

    title = "that revision has been compacted away"
    hint = "Read again at the current revision."

    def __init__(self, message: str = "", *, compact_revision: int = 0, endpoint: str = "", code: str = "") -> None:
        super().__init__(message, endpoint=endpoint, code=code)
        self.compact_revision = compact_revision


class FutureRevision(EtcdError):
    title = "that revision does not exist yet"
    hint = "A lagging member may answer so for a moment; ask another one or a lower revision."


class StaleRead(EtcdError):
    title = "the members that answer are behind what was already read"
    hint = "Read without serializable, or wait until they have caught up."
    default_retryable = True


class LeaseNotFound(EtcdError):
    title = "the lease does not exist"
    hint = "It expired or was revoked."


class LeaseExists(EtcdError):
    title = "a lease with that ID exists already"


class LeaseTtlTooLarge(InvalidArgument):
    title = "the lease TTL is too large"
    hint = "The limit is 9,000,000,000 seconds."


class NoSpace(EtcdError):
    title = "the database is full (NOSPACE)"
    hint = "Writes stay refused until space is freed (compact, defragment each member) and the alarm is disarmed."
    default_applied = "maybe"


class Corrupt(EtcdError):
    title = "the cluster raised a CORRUPT alarm"
    hint = "Do not disarm it: compare HashKV of the members and replace the one that differs."


class NoLeader(EtcdError):
    title = "the cluster has no leader"
    hint = "Reads can go on serializably (stale); writes wait until a majority of members is up."
    default_retryable = True


class NoElectionLeader(NoLeader):
    title = "nobody leads this election"
    hint = ""
    default_retryable = False


class NotLeader(EtcdError):
    title = "this member is not the leader"


class LearnerRefused(EtcdError):
    title = "a learner does not serve this request"
    hint = "Ask a voting member."
    default_retryable = True


class Throttled(EtcdError):
    title = "the server has too many requests in flight"
    hint = "Nothing was applied; try again in a moment."
    default_retryable = True


class Membership(EtcdError):
    title = "the membership change was refused"


class MemberNotFound(Membership):
    title = "no such member"


class LearnerNotReady(Membership):
    title = "the learner has not caught up with the leader yet"
    hint = "Try again when its lag is small."
    default_retryable = True


class UnhealthyCluster(Membership):
    title = "the cluster is not healthy enough for a membership change"
    hint = "Members must have been connected for some seconds; a dead one must be removed first."
    default_retryable = True


class Downgrade(EtcdError):
    title = "the downgrade request was refused"


class AuthManagement(EtcdError):
    title = "the change of users or roles was refused"


class Unauthenticated(EtcdError):
    title = "the server wants a login"
    hint = "Give a user and password in the profile, or --user."


class InvalidToken(Unauthenticated):
    title = "the server does not accept the auth token"
    hint = "Log in again; a token given by hand must be replaced by hand."


class AuthFailed(EtcdError):
    title = "wrong user name or password"
    hint = "etcd does not tell which of the two."


class AuthNotEnabled(EtcdError):
    title = "authentication is not enabled on this cluster"


class PermissionDenied(EtcdError):
    title = "permission denied"
    hint = "Your roles do not cover all of it."


class NotSupported(EtcdError):
    title = "this server does not support the call"
    hint = "It needs a newer etcd."


class OldCluster(EtcdError):
    title = "the cluster runs an older etcd than allowed"


class ClusterMismatch(EtcdError):
    title = "the endpoints lead to different clusters"
    hint = "Compare the cluster IDs; a tunnel may lead to another cluster than its name says."


class Unavailable(EtcdError):
    title = "no answer from the server"
    default_retryable = True


class TlsError(Unavailable):
    title = "TLS failed"
    default_retryable = False


class TlsFileError(TlsError, ConfigError):
    title = "a certificate or key file cannot be used"


class PassphraseWanted(TlsFileError):
    title = "the private key is encrypted"


class NotEtcd(Unavailable):
    title = "no etcd for clients answers there"
    default_retryable = False


class LeaderChanged(Unavailable):
    title = "the leader changed during the request"


class NotCapable(Unavailable):
    title = "the cluster has not decided its version yet"


class DeadlineExceeded(EtcdError):
    title = "no answer in time"
    default_retryable = True


class MessageTooLarge(EtcdError):
    title = "the message is larger than the limit"
    hint = "Raise max_request_bytes or max_recv_bytes, or ask for less at once."


class WatchCancelled(EtcdError):
    title = "the server ended the watch"


class WatchOverflow(WatchCancelled):
    """``next_revision`` is where a new watch misses nothing that was not delivered."""

    title = "the reader of the watch was too slow"
    hint = "Watch again from next_revision."

    def __init__(self, message: str = "", *, next_revision: int = 0, endpoint: str = "") -> None:
        super().__init__(message, endpoint=endpoint)
        self.next_revision = next_revision


class KeepAliveLost(EtcdError):
    title = "the lease could not be renewed in time"
    hint = "It has probably expired."


class Locked(EtcdError):
    title = "the lock is held by another session"


class NotOwner(EtcdError):
    title = "the lock or leadership is no longer held"


class SessionExpired(EtcdError):
    title = "the session's lease is gone"


class SnapshotError(EtcdError):
    title = "the snapshot is not complete"
    hint = "No file was kept; start again."


class BadSnapshot(EtcdError):
    title = "the file cannot be opened as a snapshot"


class ServerError(EtcdError):
    title = "the server reported an error"
    default_applied = "maybe"
