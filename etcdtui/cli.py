"""The command line. Argparse and dispatch; whatever is heavy is imported only by the path that needs it.

Return codes: 0 all is well; 1 the cluster could not be reached, or the program failed; 2 wrong command line;
3 the configuration has problems or the profile cannot be used; 4 no terminal to draw on; 128+n ended by signal n.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from etcdtui import __version__, demo, shell, ui
from etcdtui import config as configuration
from etcdtui.config.choose import Choice, ChoiceRefused, choose
from etcdtui.config.environ import NAMES, SWITCHES, SettingRefused
from etcdtui.config.folders import config_path, state_folder
from etcdtui.config.launch import Launch
from etcdtui.config.load import load
from etcdtui.config.profile import LOCAL
from etcdtui.config.schema import Config, Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.terminal import terminal_problem
from etcdtui.core.errors import ConfigError, EtcdError, Unauthenticated
from etcdtui.core.safe_text import safe_text
from etcdtui.services import session as sessions
from etcdtui.services import tail
from etcdtui.services.cluster import doctor
from etcdtui.ui.screens import NAMES as SCREENS

if TYPE_CHECKING:  # only named here: a start must not wait for it
    from etcdtui.services.cluster.doctor.report import Report
    from etcdtui.services.session.checkup import Checked, Step
    from etcdtui.services.session.session import Session
    from etcdtui.services.tail.headless import Printed

BOLT_MAGIC, BOLT_HEAD = b"\xed\xda\x0c\xed", 20
"""How a database file of etcd is recognised: the magic number ends its first bytes."""
OK, FAILED, USAGE, BAD_CONFIG, NO_TERMINAL = 0, 1, 2, 3, 4
EPILOG = (
    "A flag wins over the profile, the profile over an ETCDCTL_* variable, a variable over the default; the variables"
    " count only when no profile is named. Return codes: 0 ok, 1 not reached or failed, 2 wrong command line,"
    " 3 bad configuration, 4 no terminal, 128+n signal n. `etcdtui demo` starts a throw-away cluster."
)
ETCDCTL_HELP: Mapping[str, str] = {
    "endpoints": "comma separated endpoints",
    "cacert": "CA certificates the servers are checked against",
    "cert": "client certificate",
    "key": "private key of the client certificate",
    "user": "user name (name:password works and warns)",
    "password": "password; visible in the process list, so prefer the prompt",
    "auth-jwt-token": "JWT to send instead of logging in",
    "insecure-transport": "a bare host is spoken to in plaintext (default true)",
    "insecure-skip-tls-verify": "do not check the server's certificate",
    "insecure-discovery": "accept plaintext endpoints from DNS (default true)",
    "discovery-srv": "domain whose SRV records list the endpoints",
    "discovery-srv-name": "service name suffix of those records",
    "dial-timeout": "how long connecting may take, such as 2s",
    "command-timeout": "how long one request may take, such as 5s",
    "keepalive-time": "silence after which the connection is pinged",
    "keepalive-timeout": "how long the answer to a ping may take",
    "max-request-bytes": "largest request sent",
    "max-recv-bytes": "largest answer accepted",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its code; wrong usage raises ``SystemExit(2)`` as argparse does."""
    os.environ.pop("TEXTUAL_LOG", None)  # it would record every key, typed passwords included
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            if shell.ASKED in os.environ:
                _complete()
            return _demo(words[1:]) if words[:1] == ["demo"] else _start(words)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains again when it ends
        return FAILED
    except KeyboardInterrupt:
        return 130


def _start(words: Sequence[str]) -> int:
    parser = _parser()
    args = parser.parse_args(_spelled_out(words))
    if args.completions:
        print(shell.script(args.completions), end="")
        return OK
    if args.example_config:
        print(shell.companion(shell.EXAMPLE).read_text(encoding="utf-8"), end="")
        return OK
    if args.verify:
        return _verify(Path(args.verify).expanduser(), as_json=args.write_out == "json")
    if args.place and args.prefix:
        parser.error("KEY-OR-PREFIX and --prefix say the same thing; give one")
    config = load(os.environ, path=args.config)
    if config.file_problems or (args.check and config.problems and not args.profile):
        return _fail("\n".join(str(problem) for problem in config.problems), BAD_CONFIG)
    if args.list_profiles:
        print("\n".join(configuration.describe.profile_lines(config)))
        return BAD_CONFIG if config.problems else OK
    if args.print_config:
        print(configuration.describe.config_text(config), end="")
        return BAD_CONFIG if config.problems else OK
    if args.replay:
        return _replay(config, args)
    if args.place and (file := _database(args.place)) is not None:
        if args.check or args.doctor or args.watch is not None:
            parser.error(f"{args.place} is a file: --check, --doctor and --watch are for clusters; see --verify")
        return _snapshot(config, args, file)
    flags = _flags(args)
    try:
        choice = choose(config, args.profile, flags, os.environ)
    except ChoiceRefused as error:
        return _fail(str(error), BAD_CONFIG)
    except SettingRefused as error:
        return _fail(str(error), USAGE)
    launch = _launch(args, config, choice, flags)
    if args.check:
        return _check(launch, thorough=args.verbose, as_json=args.write_out == "json")
    if args.doctor:
        return _doctor(launch, as_json=args.write_out == "json")
    if args.watch is not None:
        return _watch(launch, os.fsencode(args.watch), as_json=args.write_out == "json", fail_on_gap=args.fail_on_gap)
    if problem := terminal_problem(os.environ):
        return _fail(problem, NO_TERMINAL)
    return _load_ui()(launch)


def _complete() -> None:
    """Answer the shell's question for completions, and end."""
    parser = _parser()
    if " demo" in os.environ.get("COMP_LINE", ""):
        parser.add_argument("--members", choices=tuple("1234567"))
    names = ("--config", "--replay", "--log", "--cacert", "--cert", "--key")
    shell.answer(
        parser,
        {
            **dict.fromkeys(names, shell.files()),
            "--profile": shell.profile_names,
            "--theme": shell.theme_names,
            "--screen": shell.these(*SCREENS.values()),
            "place": shell.these("demo"),
            **{f"--{name}": shell.these("true", "false") for name in SWITCHES},
        },
    )


def _flags(args: argparse.Namespace) -> dict[str, str]:
    """The settings given by etcdctl's names."""
    return {name: value for name in NAMES if (value := getattr(args, name.replace("-", "_"))) is not None}


def _demo(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("etcdtui demo", description="A throw-away cluster with living sample data.")
    parser.add_argument("--members", type=_members, default=3, metavar="N", help="1 to 7 members (default 3)")
    _add_look(parser)
    args = parser.parse_args(words)
    if problem := terminal_problem(os.environ):
        return _fail(problem, NO_TERMINAL)
    config = load(os.environ)
    if config.file_problems:
        config = Config(notices=tuple(str(problem) for problem in config.file_problems[:3]))
    launch = _look(Launch(config=config, notices=config.notices), args)
    code: int = demo.run.run(launch, _load_ui, members=args.members)
    return code


def _load_ui() -> Callable[[Launch], int]:
    """The user interface; nothing of it, of Textual or of gRPC is imported before this is called."""
    run: Callable[[Launch], int] = ui.run.run_app
    return run


def _members(text: str) -> int:
    if text not in tuple("1234567"):
        raise argparse.ArgumentTypeError("a number from 1 to 7")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "etcdtui", description="A terminal UI for etcd v3.", epilog=EPILOG, allow_abbrev=False
    )
    parser.add_argument(
        "place", nargs="?", default="", metavar="KEY-OR-PREFIX", help="where to open; or a database file: FILE.db"
    )
    parser.add_argument("-p", "--profile", default="", metavar="NAME", help="profile of the configuration")
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file")
    locks = parser.add_mutually_exclusive_group()
    locks.add_argument("--read-only", action="store_true", help="refuse every write")
    locks.add_argument("--write", action="store_true", help="start unlocked; production still asks")
    parser.add_argument("--prefix", default="", metavar="P", help="open there, as KEY-OR-PREFIX does")
    parser.add_argument("--rev", type=_revision, default=0, metavar="N", help="look at this revision")
    _add_look(parser)
    tools = parser.add_argument_group("without a screen").add_mutually_exclusive_group()
    tools.add_argument("--check", action="store_true", help="validate, connect, say what would be done")
    tools.add_argument(
        "--doctor", action="store_true", help="examine the cluster: 0 ok, 1 warnings, 2 critical, 3 unknown"
    )
    tools.add_argument("--watch", metavar="PREFIX", help="print every change below PREFIX, from --rev or now on")
    tools.add_argument("--list-profiles", action="store_true", help="list the profiles")
    tools.add_argument("--print-config", action="store_true", help="the configuration as understood, without secrets")
    tools.add_argument("--example-config", action="store_true", help="a configuration with every key and a comment")
    tools.add_argument("--completions", choices=shell.SHELLS, help="what the shell reads to complete these words")
    tools.add_argument("--version", action="version", version=f"etcdtui {__version__}")
    tools.add_argument(
        "--verify", default="", metavar="FILE.db", help="prove a snapshot and print what etcdutl snapshot status prints"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="--check tells every step of every connection")
    parser.add_argument("--replay", default="", metavar="FILE", help="open a recording of Watch, without a cluster")
    parser.add_argument("--fail-on-gap", action="store_true", help="--watch ends with 1 where something is missing")
    parser.add_argument("-w", "--write-out", choices=("text", "json"), default="text", help="form of what is printed")
    etcdctl = parser.add_argument_group("as in etcdctl")
    for name, text in ETCDCTL_HELP.items():
        short = ("-d",) if name == "discovery-srv" else ()
        etcdctl.add_argument(*short, f"--{name}", metavar="V", help=text)
    etcdctl.add_argument("--debug", action="store_true", help="more in the log file")
    etcdctl.add_argument("--hex", action="store_true", help="show values as hexadecimal at first")
    return parser


def _add_look(parser: argparse.ArgumentParser) -> None:
    """Flags of the screen, which the demo takes as well."""
    parser.add_argument("--screen", type=_screen, default="keys", metavar="NAME", help=", ".join(SCREENS.values()))
    parser.add_argument("--theme", default="", metavar="NAME", help="theme, or auto")
    parser.add_argument("--dry-run", action="store_true", help="build and show changes, send none")
    parser.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR does)")
    parser.add_argument("--ascii", action="store_true", help="lines of ASCII characters")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_argument("--log", default="", metavar="FILE", help="log file (default: in the state folder)")


def _screen(text: str) -> str:
    name = SCREENS.get(int(text), text) if text in tuple("123456789") else text
    if name not in SCREENS.values():
        raise argparse.ArgumentTypeError(f"one of {', '.join(SCREENS.values())}")
    return name


def _revision(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:20]) < 2**63):
        raise argparse.ArgumentTypeError("a revision is a whole number")
    return int(text)


def _spelled_out(words: Sequence[str]) -> list[str]:
    """Switches such as ``--insecure-transport`` take ``=false`` but never the next word, as with etcdctl."""
    end = words.index("--") if "--" in words else len(words)
    bare = {f"--{name}" for name in SWITCHES}
    return [f"{word}=true" if word in bare and at < end else word for at, word in enumerate(words)]


def _launch(args: argparse.Namespace, config: Config, choice: Choice, flags: Mapping[str, str]) -> Launch:
    profile = choice.profile
    if profile is not None and args.read_only:
        profile = replace(profile, read_only=True)
    notices = [*(str(problem) for problem in config.included_problems), *config.notices, *choice.notices]
    if "password" in flags or ":" in flags.get("user", ""):
        notices.append("a password on the command line can be seen by everybody on this host (ps); prefer the prompt")
    launch = Launch(
        config=config,
        profile=profile,
        read_only=args.read_only,
        write=args.write,
        prefix=args.place or args.prefix,
        rev=args.rev,
        hex=args.hex,
        debug=args.debug,
        provenance=choice.provenance,
        notices=tuple(notices),
    )
    return _look(launch, args)


def _look(launch: Launch, args: argparse.Namespace) -> Launch:
    return replace(
        launch,
        screen=args.screen,
        theme=args.theme or launch.config.defaults.theme,
        no_color=args.no_color or bool(os.environ.get("NO_COLOR")),
        ascii=args.ascii,
        mouse=not args.no_mouse,
        dry_run=args.dry_run,
        log_file=args.log,
    )


def _check(launch: Launch, *, thorough: bool, as_json: bool) -> int:
    """Say what a start would do, connect once, and leave nothing behind."""
    looks = configuration.themes
    themes = looks.load_themes(looks.packaged_folder(), config_path(os.environ).parent / "themes")
    if problems := ui.bindings.keymap_problems(launch.config.keymap) or looks.unknown_theme(launch.theme, themes):
        return _fail("\n".join(problems), BAD_CONFIG)
    said = [("config", launch.config.file or "none")]
    said += [("note", notice) for notice in (*launch.notices, *(launch.profile.notices if launch.profile else ()))]
    profile = launch.profile
    if profile is None:
        names = ", ".join(p.name for p in (*launch.config.profiles, *launch.config.found))
        said.append(("profile", f"you would pick one of: {names}; name one with -p to check its connection"))
    else:
        said += _about(profile, launch)
    if as_json:
        return _check_as_json(launch, said)
    for word, text in said:
        _say(word, text)
    if profile is None:
        return OK
    try:
        checked = asyncio.run(_checked(profile, launch, thorough=thorough, tell=_say_step))
    except EtcdError as error:
        return _fail(safe_text(str(error), limit=2000).text, _code_of(error))
    if checked.code:
        return _fail(safe_text(checked.words, limit=4000).text, checked.code)
    _say("connect", checked.words)
    return OK


def _about(profile: Profile, launch: Launch) -> list[tuple[str, str]]:
    """What a start with the profile would mean, line by line."""
    begins = f"starts {configuration.describe.mode(profile)}{_modes(launch)}"
    said = [("profile", f"{profile.name}, environment {profile.environment or 'none'}, {begins}")]
    if profile.namespace:
        said.append(("namespace", f"{profile.namespace} before every key; nothing outside of it is reached"))
    where = ", ".join(profile.endpoints)
    if profile.kubernetes.is_given:
        where = f"pods {profile.kubernetes.pod or profile.kubernetes.selector} by kubectl port-forward"
    elif profile.discovery_srv:
        where = f"DNS SRV of {profile.discovery_srv}{f', else {where}' if where else ''}"
    said.append(("endpoints", where + (f" through ssh {profile.ssh[-1]}" if profile.ssh else "")))
    said.append(("transport", _transport(profile)))
    said.append(("login", configuration.describe.login_words(profile.auth)))
    return said + [("from", f"{setting}: {source}") for setting, source in launch.provenance]


def _check_as_json(launch: Launch, said: Sequence[tuple[str, str]]) -> int:
    """The same as one object, for scripts: what is used, each step, whether it is ok, the exit status."""
    import json  # rarely wanted, and slow to import

    told: dict[str, object] = {"notes": [text for word, text in said if word in ("note", "from")]}
    told |= {word: text for word, text in said if word not in ("note", "from")}
    code, words, steps = OK, "", []
    if launch.profile is not None:
        try:
            checked = asyncio.run(_checked(launch.profile, launch, thorough=True))
            code, words, steps = checked.code, checked.words, [_as_data(step) for step in checked.steps]
        except EtcdError as error:
            code, words = _code_of(error), str(error)
    told |= {"ok": code == OK, "code": code, "words": safe_text(words, limit=4000).text, "steps": steps}
    print(json.dumps(told, indent=1))
    return code


def _as_data(step: Step) -> dict[str, object]:
    return {
        "area": step.area,
        "endpoint": step.endpoint,
        "verdict": step.verdict.name.lower(),
        "words": safe_text(step.words, limit=2000).text,
        "todo": step.todo,
        "seconds": round(step.seconds, 4),
    }


def _say_step(step: Step) -> None:
    took = f" {step.seconds * 1000:.1f} ms" if step.seconds else ""
    where = f" {step.endpoint}" if step.endpoint else ""
    todo = f" {step.todo}" if step.todo and step.verdict.name in ("FAIL", "WARN") else ""
    _say(step.area, f"{step.verdict.value}{where}: {step.words}{took}{todo}")


def _code_of(error: EtcdError) -> int:
    """What the profile says wrong is told apart from what a cluster does."""
    return BAD_CONFIG if isinstance(error, ConfigError) else FAILED


async def _checked(
    profile: Profile, launch: Launch, *, thorough: bool, tell: Callable[[Step], object] = lambda _: None
) -> Checked:
    memory = configuration.clusters.ClusterMemory(state_folder(), learns=False)
    password = _asked_password(profile)
    overrides = sessions.session.Overrides(read_only=True, dry_run=launch.dry_run, password=password, clusters=memory)
    checked: Checked = await sessions.checkup.run_check(profile, overrides, thorough=thorough, tell=tell)
    return checked


def _modes(launch: Launch) -> str:
    """What the flags change about writing."""
    locked = launch.profile is not None and launch.profile.read_only
    unlocks = ", and --write unlocks it (production asks)" if launch.write and locked else ""
    return unlocks + (", and --dry-run sends no change" if launch.dry_run else "")


def _transport(profile: Profile) -> str:
    if not profile.endpoints and not profile.kubernetes.is_given:
        return "as DNS says"
    if not profile.is_tls:
        return "PLAINTEXT"
    return "TLS, and the server's certificate is NOT checked" if profile.is_unchecked else "TLS"


def _say(word: str, text: str) -> None:
    print(f"{word:<10} {safe_text(text, limit=2000).text}")


def _doctor(launch: Launch, *, as_json: bool) -> int:
    """Examine the cluster and print the report; what keeps it from being looked at is a report too."""
    report: Report
    name = launch.profile.name if launch.profile else ""
    try:
        if launch.profile is None:
            raise ConfigError("several profiles could be meant; name one with -p")
        report = asyncio.run(_examined(launch.profile, launch))
    except EtcdError as error:
        report = doctor.report.failed_report(str(error), time.time(), name)
    written = doctor.report.report_json if as_json else doctor.report.report_text
    print(written(report), end="\n" if as_json else "")
    return report.exit_status


async def _examined(profile: Profile, launch: Launch) -> Report:
    password = _asked_password(profile)
    overrides = sessions.session.Overrides(read_only=True, dry_run=launch.dry_run, password=password)
    report: Report = await sessions.examining.run_doctor(profile, overrides)
    return report


def _replay(config: Config, args: argparse.Namespace) -> int:
    """Show a recording."""
    if not Path(args.replay).expanduser().is_file():
        return _fail(f"there is no file {safe_text(args.replay, limit=1000).text}", BAD_CONFIG)
    if problem := terminal_problem(os.environ):
        return _fail(problem, NO_TERMINAL)
    profile = Profile(name=Path(args.replay).name)
    return _load_ui()(_look(Launch(config=config, profile=profile, replay=args.replay, debug=args.debug), args))


def _database(place: str) -> Path | None:
    """The database file that a place names, if it does: one of that name, or one that begins like one."""
    path = Path(place).expanduser()
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            magic = file.read(BOLT_HEAD)[-4:]
    except OSError:
        return None
    return path if path.suffix == ".db" or path.name == "db" or magic == BOLT_MAGIC else None


def _snapshot(config: Config, args: argparse.Namespace, file: Path) -> int:
    """Show a database file; the profile or the endpoints named beside it lend their looks, and are what the file is
    compared with."""
    flags = _flags(args)
    try:
        choice = choose(config, args.profile or ("" if flags else LOCAL), flags, {})
    except ChoiceRefused as error:
        return _fail(str(error), BAD_CONFIG)
    except SettingRefused as error:
        return _fail(str(error), USAGE)
    if problem := terminal_problem(os.environ):
        return _fail(problem, NO_TERMINAL)
    args.place = ""
    launch = replace(_launch(args, config, choice, flags), snapshot=str(file), write=False)
    return _load_ui()(launch)


def _verify(path: Path, *, as_json: bool) -> int:
    """Print what a database file is, after all of it was read."""
    try:
        verified = sessions.proving.verify(path)
    except EtcdError as error:
        return _fail(safe_text(str(error), limit=1000).text, FAILED)
    print(sessions.proving.as_json(verified) if as_json else sessions.proving.as_text(verified))
    return OK


def _watch(launch: Launch, prefix: bytes, *, as_json: bool, fail_on_gap: bool) -> int:
    """Print every change below a prefix until the reader goes away."""
    if launch.profile is None:
        return _fail("several profiles could be meant; name one with -p", BAD_CONFIG)
    for notice in (*launch.notices, *launch.profile.notices):
        print(f"etcdtui: {safe_text(notice, limit=1000).text}", file=sys.stderr)
    try:
        printed = asyncio.run(_printed(launch.profile, launch, prefix, as_json, fail_on_gap))
    except ConfigError as error:
        return _fail(safe_text(str(error), limit=1000).text, BAD_CONFIG)
    except EtcdError as error:
        return _fail(safe_text(str(error), limit=1000).text, FAILED)
    return _fail(printed.words, printed.code) if printed.words else printed.code


async def _printed(profile: Profile, launch: Launch, prefix: bytes, as_json: bool, fail_on_gap: bool) -> Printed:
    overrides = sessions.session.Overrides(read_only=True, password=_asked_password(profile))
    session: Session = await sessions.session.Session.open(profile, overrides)
    try:
        done: Printed = await tail.headless.print_tail(
            session,
            prefix,
            launch.rev,
            as_json=as_json,
            fail_on_gap=fail_on_gap,
            out=sys.stdout.fileno(),
            note=lambda words: print(f"etcdtui: {words}", file=sys.stderr, flush=True),
        )
        return done
    finally:
        await session.aclose()


def _asked_password(profile: Profile) -> Secret | None:
    """The password that a profile wants typed; raises ``ConfigError`` where nobody can type."""
    if not profile.auth.asks:
        return None
    if not sys.stdin.isatty():
        raise Unauthenticated("the password has to be asked for, and standard input is not a terminal")
    import getpass

    return Secret(getpass.getpass(f"password of {safe_text(profile.auth.user, limit=60).text}: "))


def _fail(text: str, code: int) -> int:
    print(f"etcdtui: {text}", file=sys.stderr)
    return code
