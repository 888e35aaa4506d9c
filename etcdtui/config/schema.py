"""What a configuration file can say, as frozen dataclasses.

A field made with ``opt`` is a key of the file, under the same name, read by the converter its ``Kind`` names;
a field without is filled in by the loader. Durations are seconds (``float``, 0 = no limit or off), sizes are bytes.
A ``Profile`` is complete: the ``defaults`` section, its preset and its environment have been applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeVar

from etcdtui.config.secrets import Secret
from etcdtui.core.value import Value

T = TypeVar("T")

DEFAULT_ENDPOINT = "127.0.0.1:2379"
PRESETS = ("kubeadm", "k3s", "rke2", "patroni", "env")
ACTIONS = ("put", "delete", "lease", "lock", "maintenance", "member", "auth")
COLORS = ("red", "yellow", "green", "blue", "magenta", "cyan", "white")
LOCKS = ("/locks/**", "/service/*/leader", "/registry/leases/*/*")
NO_MAP: Mapping[str, str] = MappingProxyType({})


class Kind(Enum):
    """How the text of a key becomes its value."""

    TEXT = "text"
    NAME = "name"  # a text without control characters, shown on screen
    BOOL = "true or false"
    SWITCH = "on or off"
    COUNT = "a whole number, 0 or more"
    DURATION = "a duration such as 500ms, 5s or 1m30s (0 = none)"
    SIZE = "a size such as 512KiB or 4MiB"
    COLOR = "a colour name or #rrggbb"
    CHOICE = "one of the listed words"
    CHOICES = "a list of the listed words"
    PATH = "a file path; ~ , ${VAR} and ${VAR:-x} are expanded"
    SECRET = "a secret text"  # noqa: S105 - describes a kind, holds no secret
    TEXTS = "a list of texts"
    ENDPOINTS = "a list of endpoints"
    AUTO_TEXTS = "auto, or a list of texts"
    COMMAND = "a command as a list: program, then arguments (no shell)"
    MAP = "a mapping of text to text"
    SECTION = "a section"
    SECTIONS = "a list of sections"


def opt(kind: Kind, default: T, doc: str, *, choices: tuple[str, ...] = (), section: type | None = None) -> T:
    """A field that is a key of the file; ``doc`` is its one-line description for the JSON schema."""
    meta: dict[str, Any] = {"kind": kind, "doc": doc, "choices": choices, "section": section}
    return field(default_factory=lambda: default, metadata=meta)


class Mask(Value):
    """What is shown as ``********`` until revealed."""

    keys: tuple[str, ...] = opt(
        Kind.TEXTS,
        ("**/token", "**/*password*", "**/*secret*", "/registry/secrets/**"),
        "Key patterns whose values are masked; * stays within a segment, ** does not.",
    )
    fields: tuple[str, ...] = opt(
        Kind.TEXTS,
        ("password", "passwd", "secret", "token", "apiKey", "private_key"),
        "Names of fields inside structured values that are masked.",
    )


class Tls(Value):
    """Files are paths, expanded; empty = not given."""

    cacert: str = opt(Kind.PATH, "", "CA certificates (PEM) the servers are checked against; empty = the system's.")
    cert: str = opt(Kind.PATH, "", "Client certificate (PEM).")
    key: str = opt(Kind.PATH, "", "Private key of the client certificate; refused if others can read it.")
    server_name: str = opt(Kind.TEXT, "", "Name expected in the server's certificate, for tunnels.")
    insecure_skip_verify: bool = opt(Kind.BOOL, False, "Do not check the server's certificate.")
    passphrase_file: str = opt(Kind.PATH, "", "File whose first line opens an encrypted key; else it is asked for.")
    passphrase_command: tuple[str, ...] = opt(Kind.COMMAND, (), "Command whose first line of output opens the key.")
    allow_loose_key: bool = opt(Kind.BOOL, False, "Accept a private key that group or others can read.")

    passphrase: Secret | None = None
    """What a person typed."""

    @property
    def has_files(self) -> bool:
        return bool(self.cacert or self.cert or self.key)


class Login(Value):
    """One user and where its password comes from; at most one source is given."""

    user: str = opt(Kind.TEXT, "", "etcd user name.")
    password_env: str = opt(Kind.TEXT, "", "Name of the environment variable that holds the password.")
    password_file: str = opt(Kind.PATH, "", "File whose first line is the password; refused if others can read it.")
    password_command: tuple[str, ...] = opt(Kind.COMMAND, (), "Command whose first line of output is the password.")
    password_timeout: float = opt(Kind.DURATION, 30.0, "How long password_command may run.")
    keyring: str = opt(Kind.TEXT, "", "Service of the system's keyring that holds it (pip install etcdtui[keyring]).")
    prompt: bool = opt(Kind.BOOL, False, "Ask for the password when connecting.")
    password: Secret | None = opt(Kind.SECRET, None, "The password itself; allowed, warns on load.")

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the keys that say where the password comes from, as far as they are given."""
        names = ("password_env", "password_file", "password_command", "keyring", "prompt")
        given = [name for name in names if getattr(self, name)]
        return (*given, *(["password"] if self.password is not None else []))

    @property
    def asks(self) -> bool:
        """True when a user is named and no source of a password is: the password is asked for at connect."""
        return bool(self.user) and not set(self.sources) - {"prompt"}


class Auth(Login):
    """Who logs in; ``users`` are others that may, by key ``L``."""

    jwt_token_file: str = opt(Kind.PATH, "", "File with a JWT to send instead of logging in; read again when refused.")
    users: tuple[Login, ...] = opt(Kind.SECTIONS, (), "Other users of this cluster, for key L.", section=Login)
    jwt_token: Secret | None = None

    def as_user(self, name: str) -> Auth:
        """The same with another user: one of ``users`` with its source, or one whose password is asked for.

        An empty name is nobody; all names stay known.
        """
        known = self.all_users
        found = next((login for login in known if login.user == name), Login(user=name, prompt=True))
        own = {f: getattr(found, f) for f in Login.__dataclass_fields__} if name else {}
        return Auth(**own, users=tuple(login for login in known if login.user != name))

    @property
    def all_users(self) -> tuple[Login, ...]:
        """The user of the profile, when it names one, and the others."""
        own = Login(**{f: getattr(self, f) for f in Login.__dataclass_fields__})
        return (*([own] if self.user else []), *self.users)


class Limits(Value):
    """Where a confirmation becomes stricter or work slower."""

    delete_keys: int = opt(Kind.COUNT, 100, "Deleting more keys than this at once needs the strictest confirmation.")
    value_size: int = opt(Kind.SIZE, 512 * 1024, "Larger values are written only after an extra question.")
    census_bytes_per_s: int = opt(Kind.SIZE, 4 * 1024 * 1024, "How fast a census may read; 0 = as fast as it goes.")


class Metrics(Value):
    """Where ``/metrics`` are read. ``urls`` is ``None`` for: where each member is asked, then port 2381 there."""

    urls: tuple[str, ...] | None = opt(
        Kind.AUTO_TEXTS, None, "auto = on each endpoint, then http on port 2381 of its host; or URLs, one a member."
    )
    every: float = opt(Kind.DURATION, 15.0, "How often they are read while Members or Doctor is shown; 0 = never.")


class Kubernetes(Value):
    """Pods that run etcd, each reached by a ``kubectl port-forward`` of its own."""

    context: str = opt(Kind.TEXT, "", "Context of kubectl; empty = the current one.")
    namespace: str = opt(Kind.TEXT, "", "Namespace of the pods; empty = that of the context.")
    selector: str = opt(Kind.TEXT, "", "Label selector of the pods: app=etcd.")
    pod: str = opt(Kind.TEXT, "", "One pod by its name, instead of a selector.")
    port: int = opt(Kind.COUNT, 2379, "Port of etcd's clients in the pods.")

    @property
    def is_given(self) -> bool:
        return bool(self.selector or self.pod)


class DecoderRule(Value):
    """Which decoder shows the values of the keys that match."""

    match: str = opt(Kind.TEXT, "", "Key pattern.")
    use: str = opt(Kind.NAME, "", "Name of the decoder: json, yaml, text, hex, k8s, protobuf, command, ...")
    set: str = opt(Kind.PATH, "", "Descriptor set file, for protobuf.")
    message: str = opt(Kind.TEXT, "", "Full message name, for protobuf.")
    run: tuple[str, ...] = opt(Kind.COMMAND, (), "Command that gets the value on stdin, for command.")
    timeout: float = opt(Kind.DURATION, 2.0, "How long the command may run.")


class FamilyRule(Value):
    """Keys of one shape, what they are called in words, and what a write to one would do."""

    match: str = opt(Kind.TEXT, "", "Key with variables: {name} is one part between slashes, {rest...} all of the end.")
    name: str = opt(Kind.NAME, "", "Its name in words with these variables; {x|dns}, {x|cidr}, {x|number} rewrite one.")
    family: str = opt(Kind.NAME, "", "Who owns the keys: rules of one family go together.")
    jump: str = opt(Kind.NAME, "", "Word in front of a jump to them: orders for f orders:eu/17.")
    advice: str = opt(Kind.NAME, "", "The safer way than a write, as a sentence.")
    effect: str = opt(Kind.NAME, "", "What a write to such a key does, as a sentence.")


class WatchTrigger(Value):
    """What happens when an event of a watch passes a filter; no values are handed on unless ``values`` asks for it."""

    name: str = opt(Kind.NAME, "", "What it is called where it is told.")
    watch: str = opt(Kind.TEXT, "", "Only in watches of this name or range; empty = in all.")
    filter: str = opt(Kind.TEXT, "", "As on the Watch screen: op:DEL key:leader; empty = every event.")
    bell: bool = opt(Kind.BOOL, False, "Ring the terminal's bell.")
    notify: bool = opt(Kind.BOOL, False, "Have the terminal show a notification (OSC 9).")
    pause: bool = opt(Kind.BOOL, False, "Pause the watch there.")
    run: tuple[str, ...] = opt(
        Kind.COMMAND, (), "Command, a list without a shell; the event is in ETCDTUI_* variables."
    )
    values: bool = opt(Kind.BOOL, False, "Give the command the whole event on its standard input, values too.")
    every: float = opt(Kind.DURATION, 10.0, "Not again before this time has passed.")


class Environment(Value):
    """Colour and strictness shared by profiles. ``name`` is empty for a profile that names none."""

    name: str = ""
    color: str = opt(Kind.COLOR, "", "Colour of the title line.")
    read_only: bool = opt(Kind.BOOL, True, "Profiles start locked against writes.")
    confirm: str = opt(Kind.CHOICE, "ask", "How much a change asks.", choices=("type", "ask", "ask-danger"))
    unlock: str = opt(Kind.CHOICE, "key", "What ! wants: the profile's name typed, or just the key.",
                      choices=("name", "key"))  # fmt: skip
    relock_after: float = opt(Kind.DURATION, 0.0, "Idle time after which writes lock again; 0 = never.")


ENVIRONMENTS: Mapping[str, Environment] = MappingProxyType(
    {
        "prod": Environment("prod", "red", read_only=True, confirm="type", unlock="name", relock_after=900.0),
        "staging": Environment("staging", "yellow", read_only=False, confirm="ask"),
        "dev": Environment("dev", "green", read_only=False, confirm="ask-danger"),
    }
)


class Common(Value):
    """Keys of ``defaults:`` that every profile may also set for itself."""

    dial_timeout: float = opt(Kind.DURATION, 2.0, "How long connecting may take.")
    command_timeout: float = opt(Kind.DURATION, 5.0, "How long one request may take; 0 = as long as it takes.")
    keepalive_time: float = opt(Kind.DURATION, 10.0, "Silence after which the connection is pinged.")
    keepalive_timeout: float = opt(Kind.DURATION, 6.0, "How long the answer to a ping may take.")
    max_request_bytes: int = opt(Kind.SIZE, 2 * 1024 * 1024, "Largest request sent.")
    max_recv_bytes: int = opt(Kind.SIZE, 2**31 - 1, "Largest answer accepted.")
    refresh: float = opt(Kind.DURATION, 5.0, "How often lists are read again; 0 = by hand.")
    page_size: int = opt(Kind.COUNT, 2500, "Keys asked for at once when a folder is listed, 1 to 10000.")
    separators: tuple[str, ...] = opt(
        Kind.TEXTS, ("/",), 'What splits keys into folders; first match wins; [] or "" = flat.'
    )
    mask: Mask = opt(Kind.SECTION, Mask(), "Values hidden until asked for.", section=Mask)
    audit: str = opt(Kind.PATH, "", "Audit log; empty = audit.jsonl in the state folder.")
    audit_command: tuple[str, ...] = opt(Kind.COMMAND, (), "Command that gets every audit line on stdin.")
    trash: bool = opt(Kind.SWITCH, True, "Keep before-images of deletes of more than one key for 7 days.")
    watch_spill: int = opt(Kind.SIZE, 0, "Older events of a watch kept in a private file, up to this size; 0 = none.")
    quota_bytes: int | None = opt(Kind.SIZE, None, "Backend quota, for servers that do not tell it.")
    keep_revisions: int = opt(Kind.COUNT, 1000, "Revisions a compaction plan keeps.")
    remember_names: bool = opt(Kind.SWITCH, True, "Keep some names of a large store between runs; no masked ones.")


class Defaults(Common):
    """The ``defaults:`` section."""

    theme: str = opt(Kind.NAME, "auto", "Theme name, or auto for dark or light after the terminal.")


class Profile(Common):
    """One cluster and how to behave on it; ``read_only`` is whether it starts locked.

    ``through`` are the ends of its tunnel while that stands: ``host:port`` of an endpoint and what is dialled for it.
    """

    name: str = ""
    preset: str = opt(Kind.CHOICE, "", "Start from the paths and rules of a known installation.", choices=PRESETS)
    environment: str = opt(Kind.NAME, "", "Name of an environment; unknown names are refused.")
    description: str = opt(Kind.NAME, "", "Shown in the profile list.")
    endpoints: tuple[str, ...] = opt(Kind.ENDPOINTS, (), "host:port, http://, https://, unix:// or unixs://.")
    endpoint_map: Mapping[str, str] = opt(Kind.MAP, NO_MAP, "Advertised client URL: how it is reached from here.")
    discover: str = opt(Kind.CHOICE, "false", "Also use advertised client URLs when they answer.",
                        choices=("false", "reachable"))  # fmt: skip
    ssh: tuple[str, ...] = opt(
        Kind.TEXTS,
        (),
        "Jump host, as ssh takes it: user@host or a Host of its config; or a list that ends with it.",
    )
    kubernetes: Kubernetes = opt(
        Kind.SECTION, Kubernetes(), "Members that kubectl port-forward reaches.", section=Kubernetes
    )
    discovery_srv: str = opt(Kind.TEXT, "", "Domain whose DNS SRV records list the endpoints.")
    discovery_srv_name: str = opt(Kind.TEXT, "", "Service name suffix of those records.")
    insecure_discovery: bool = opt(Kind.BOOL, True, "Accept discovered plaintext endpoints.")
    insecure_transport: bool = opt(Kind.BOOL, True, "A bare host without TLS files is spoken to in plaintext.")
    tls: Tls = opt(Kind.SECTION, Tls(), "TLS files and checks.", section=Tls)
    auth: Auth = opt(Kind.SECTION, Auth(), "Login.", section=Auth)
    namespace: str = opt(Kind.TEXT, "", "Prefix added to every key on the wire and hidden on screen.")
    start: tuple[str, ...] | None = opt(Kind.AUTO_TEXTS, None, "auto, or the prefixes and keys to open on.")
    read_only: bool = opt(Kind.BOOL, True, "Start locked; may only be stricter than the environment.")
    override_environment: bool = opt(Kind.BOOL, False, "Let read_only: false win over the environment.")
    allow: tuple[str, ...] = opt(Kind.CHOICES, ACTIONS, "Kinds of writes this profile may ever do.", choices=ACTIONS)
    protect: tuple[str, ...] = opt(Kind.TEXTS, (), "Key patterns never writable from here.")
    allow_kubernetes_writes: bool = opt(Kind.BOOL, False, "Allow deleting what kube-apiserver manages.")
    limits: Limits = opt(Kind.SECTION, Limits(), "Safety limits.", section=Limits)
    metrics: Metrics = opt(Kind.SECTION, Metrics(), "Measuring over HTTP.", section=Metrics)
    bookmarks: Mapping[str, str] = opt(Kind.MAP, NO_MAP, "Name to key or prefix.")
    locks: tuple[str, ...] = opt(
        Kind.TEXTS, LOCKS, "Patterns of names of locks, besides what leases tell; * stays within a segment, ** not."
    )
    watches: Mapping[str, str] = opt(Kind.MAP, NO_MAP, "Name to what is watched: a key, /prefix/, prefix*, * or a..b.")
    triggers: tuple[WatchTrigger, ...] = opt(Kind.SECTIONS, (), "What happens on events of watches.",
                                             section=WatchTrigger)  # fmt: skip
    decoders: tuple[DecoderRule, ...] = opt(Kind.SECTIONS, (), "Decoders by key pattern; first match wins.",
                                            section=DecoderRule)  # fmt: skip
    families: tuple[FamilyRule, ...] = opt(Kind.SECTIONS, (), "Names in words for keys of your own programs.",
                                           section=FamilyRule)  # fmt: skip
    env: Environment = field(default_factory=Environment)
    where: str = ""
    through: Mapping[str, str] = field(default_factory=lambda: NO_MAP)
    notices: tuple[str, ...] = ()

    @property
    def is_tls(self) -> bool:
        """True when at least one endpoint is spoken to in TLS."""
        bare_tls = self.tls.has_files or not self.insecure_transport
        if self.kubernetes.is_given and not self.endpoints:
            return self.tls.has_files or self.tls.insecure_skip_verify
        return any(e.startswith(("https://", "unixs:")) or ("://" not in e and bare_tls) for e in self.endpoints)

    @property
    def is_unchecked(self) -> bool:
        """True when TLS is spoken to a server whose certificate nobody checks."""
        return self.is_tls and self.tls.insecure_skip_verify


class Problem(Value):
    """One thing wrong, as ``file:line: sentence``; ``profile`` is the profile it breaks, empty for the whole file.

    ``included`` is true for a problem of an included file, which can only add.
    """

    file: str
    line: int
    text: str
    profile: str = ""
    included: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class BrokenProfile(Value):
    """A profile that cannot be used, and why."""

    name: str
    problems: tuple[Problem, ...]


class Config(Value):
    """Everything read. ``problems`` holds all of them; those of a profile are also on its ``BrokenProfile``.

    ``file`` is the path used, empty when there is none; ``found`` are installations of etcd seen on this host.
    """

    version: int = opt(Kind.COUNT, 1, "Version of this file's format: 1.")
    defaults: Defaults = opt(Kind.SECTION, Defaults(), "What every profile starts from.", section=Defaults)
    environments: Mapping[str, Environment] = field(default_factory=lambda: ENVIRONMENTS)
    profiles: tuple[Profile, ...] = ()
    include: tuple[str, ...] = opt(Kind.TEXTS, (), "More files with profiles and environments; ~ and * are expanded.")
    keymap: Mapping[str, str] = opt(Kind.MAP, NO_MAP, "Action id to its keys, comma separated.")
    broken: tuple[BrokenProfile, ...] = ()
    found: tuple[Profile, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    file: str = ""

    @property
    def file_problems(self) -> tuple[Problem, ...]:
        """Problems of the file as a whole; with any of them nothing of it should be trusted."""
        return tuple(p for p in self.problems if not p.profile and not p.included)

    @property
    def included_problems(self) -> tuple[Problem, ...]:
        """Problems of included files that break no profile; their rest is used."""
        return tuple(p for p in self.problems if not p.profile and p.included)

    def profile(self, name: str) -> Profile | None:
        """The usable profile of that name, from the file first, then from what was found on this host."""
        return next((p for p in (*self.profiles, *self.found) if p.name == name), None)
