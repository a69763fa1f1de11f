# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: a command each, and their options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TextIO

from pyroscope_native import config_file, settings, values
from pyroscope_native.config import Config
from pyroscope_native.errors import CommandError, ConfigError
from pyroscope_native.log import set_level
from pyroscope_native.settings_table import BY_NAME, SETTINGS, Setting
from pyroscope_native.support import reason_unsupported
from pyroscope_native.version import VERSION

USAGE_ERROR = 2
_INTERRUPTED = 130
"""As shells report it."""
_LONGEST_S = 7 * 24 * 3600
"""What can be asked for; it can be left open instead."""

_GROUPS = {
    "profiling": "profiling",
    "labels": "names and labels",
    "output": "output",
    "server": "server",
    "delivery": "delivery to the server",
    "serving": "serving",
}
"""Titles of the groups of `run`'s options."""

_OF_RUN_ALONE = ("group_by", "serve_address")
"""Settings that mean nothing to `attach`."""

_RUN_USAGE = """pyroscope-native run [options] SCRIPT [arguments]
       pyroscope-native run [options] -m MODULE [arguments]
       pyroscope-native run [options] -c CODE [arguments]"""

_RUN_EPILOG = """examples:
  pyroscope-native run app.py
  pyroscope-native run -o slow.html -m mypackage.tool --input data.csv
  pyroscope-native run --server-address http://localhost:4040 --tag env=prod app.py
  pyroscope-native run --group-by endpoint app.py
  pyroscope-native run -m gunicorn -w 4 shop:app

What no option says is taken from the environment (PYROSCOPE_SERVER_ADDRESS, …), then
from the file; docs/configuration.md has all of them. Passwords and tokens can be said
there only.

Arguments, exit code and output are the program's own. Its children are profiled
as themselves. At the end a summary is printed on stderr."""

_ATTACH_EPILOG = """examples:
  pyroscope-native attach 4711                         half a minute, to a page and a pprof
  pyroscope-native attach 4711 --duration 5 -o now.html
  pyroscope-native attach 4711 --duration 0 --server-address http://localhost:4040

The program goes on, and is left as it was found. It takes CPython 3.14 or later on both
sides, of the same version, and the right to write to the process."""

_VIEW_EPILOG = """examples:
  pyroscope-native view pyroscope-app-1234.pb.gz              top functions as text
  pyroscope-native view cpu.pb.gz -o cpu.html                 flame graph
  pyroscope-native view cpu.pb.gz -o cpu.speedscope.json
  pyroscope-native view cpu.pb.gz --group-by endpoint
  pyroscope-native view cpu.pb.gz --filter endpoint=/checkout --filter endpoint=/cart
  pyroscope-native view cpu.pb.gz --filter tenant= -o untenanted.html
  pyroscope-native view cpu.pb.gz --compare endpoint=/checkout endpoint=/cart"""

_MERGE_EPILOG = """examples:
  pyroscope-native merge web-1.pb.gz web-2.pb.gz -o web.pb.gz
  pyroscope-native merge *.pb.gz -o all.html
  pyroscope-native merge --label-files host web-1.pb.gz web-2.pb.gz -o web.html

Labels are kept. What is equal in several files becomes one, so the sum is little larger
than the largest of them."""

_DOCTOR_EPILOG = """examples:
  pyroscope-native doctor
  pyroscope-native doctor --server-address http://localhost:4040 --json
  pyroscope-native doctor --application-name shop --reset-fuse"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    _take_any_text(sys.stdout)
    words = list(sys.argv[1:] if arguments is None else arguments)
    program: list[str] = []
    if words[:1] == ["run"]:
        own, program = _split(words[1:])
        words = ["run", *own]
    parser = _parser()
    options = parser.parse_args(words)
    options.program = program
    if options.command is None:
        parser.print_help()
        return 0
    try:
        status: int = options.act(options)
        return status
    except ConfigError as error:
        print(f"pyroscope-native {options.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except CommandError as error:
        print(f"pyroscope-native {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; let nothing complain at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _take_any_text(stream: TextIO | None) -> None:
    """Have what its encoding lacks come out as `?`: names may be in any script, and the
    encoding of a Windows pipe, or of the C locale, has few."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of `run` itself, and those of the program.

    What follows the first word that is no option of ours, be it `--`, is the
    program's and none of argparse's business.
    """
    flags = _run_flags()
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return list(words[:at]), list(words[at + 1 :])
        if word == "-" or word[:2] in ("-m", "-c") or not word.startswith("-"):
            break
        holds_value = "=" in word if word.startswith("--") else len(word) > 2
        at += 1 if holds_value or word in flags else 2
    return list(words[:at]), list(words[at:])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyroscope-native",
        description="CPU profiler for Python programs: a flame graph here, or Grafana Pyroscope.",
    )
    parser.add_argument("--version", action="version", version=f"pyroscope-native {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands)
    _add_attach(commands)
    _add_view(commands)
    _add_merge(commands)
    _add_doctor(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="run a program and profile it",
        description="Run a Python program and profile its CPU time.",
        usage=_RUN_USAGE,
        epilog=_RUN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_config(run)
    run.add_argument(
        "--no-children",
        action="store_true",
        help="profile the program's own process only, and leave nothing in its environment",
    )
    _add_settings(run)
    run.set_defaults(act=_run)


def _add_attach(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    attach = commands.add_parser(
        "attach",
        help="profile a program that runs already",
        description="Profile the CPU time of a Python program that runs already.",
        usage="pyroscope-native attach [options] PID",
        epilog=_ATTACH_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attach.add_argument("pid", metavar="PID", type=int, help="id of its process")
    attach.add_argument(
        "--duration",
        metavar="SECONDS",
        default=30,
        help="how long (default 30); 0: until Ctrl-C, or the program's end",
    )
    _add_config(attach)
    _add_settings(attach, without=_OF_RUN_ALONE)
    attach.set_defaults(act=_attach)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        metavar="FILE",
        help="a TOML file with settings (also PYROSCOPE_CONFIGURATION_FILE; default: the table "
        "[tool.pyroscope-native] of ./pyproject.toml, if there is one)",
    )


def _add_settings(command: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    # A group without options is not shown.
    groups = {name: command.add_argument_group(title) for name, title in _GROUPS.items()}
    for setting in SETTINGS:
        if setting.options and setting.name not in without:
            _add_option(groups[setting.group], setting)


def _add_option(group: argparse._ArgumentGroup, setting: Setting) -> None:
    if not setting.metavar:
        group.add_argument(
            *setting.options,
            dest=setting.name,
            action=argparse.BooleanOptionalAction,
            default=None,
            help=setting.meaning,
        )
        return
    group.add_argument(
        *setting.options,
        dest=setting.name,
        metavar=setting.metavar,
        action="append" if setting.repeats else "store",
        help=setting.meaning,
    )


def _run_flags() -> set[str]:
    """Options of `run` that take no value."""
    flags = {"-h", "--help", "--no-children"}
    for setting in SETTINGS:
        if setting.options and not setting.metavar:
            flags |= {*setting.options, *(f"--no-{option[2:]}" for option in setting.options)}
    return flags


def _add_view(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    view = commands.add_parser(
        "view",
        help="show a profile that was written",
        description="Show a profile in pprof format, ours or another's.",
        epilog=_VIEW_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    view.add_argument("file", metavar="FILE.pb.gz")
    view.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="write it as .html, .collapsed, .speedscope.json or .pb.gz",
    )
    view.add_argument(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only samples with this label, for all that is shown and written; KEY= stands for "
        "those without it. May be repeated: of one key any value will do, of different keys all "
        "must be there",
    )
    kinds = view.add_mutually_exclusive_group()
    kinds.add_argument(
        "--text", action="store_true", help="print the top functions (default without -o)"
    )
    kinds.add_argument(
        "--group-by",
        metavar="KEY",
        help="print the values of a label, with the share and the top function of each",
    )
    kinds.add_argument(
        "--compare",
        nargs=2,
        metavar=("KEY=A", "KEY=B"),
        help="print how the functions' shares differ between two values of a label, in per cent "
        "of each one's own total; a page written with -o .html opens with the two side by side",
    )
    view.set_defaults(act=_view)


def _add_merge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    merge = commands.add_parser(
        "merge",
        help="make one profile of several",
        description="Add up profiles in pprof format, of several processes, hosts or times.",
        epilog=_MERGE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    merge.add_argument("files", metavar="FILE.pb.gz", nargs="+")
    merge.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        action="append",
        required=True,
        help="write the sum as .pb.gz, .html, .collapsed or .speedscope.json; may be repeated",
    )
    merge.add_argument(
        "--label-files",
        metavar="KEY",
        default="",
        help="give samples a label of this name that says which file they are from",
    )
    merge.set_defaults(act=_merge)


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="see whether and how profiling works here",
        description="Try out whether this interpreter can be profiled on this machine, and "
        "whether a server takes profiles. Ends with status 0 if all is well, 1 if there is a "
        "problem.",
        epilog=_DOCTOR_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    doctor.add_argument(
        "--server-address",
        metavar="URL",
        help="ask this server, too (also PYROSCOPE_SERVER_ADDRESS)",
    )
    doctor.add_argument(
        "--application-name",
        metavar="NAME",
        help="the application whose fuse is meant (also PYROSCOPE_APPLICATION_NAME)",
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.add_argument(
        "--reset-fuse",
        action="store_true",
        help="forget that the application died inside the profiler, and do no more",
    )
    doctor.set_defaults(act=_doctor)


def _run(options: argparse.Namespace) -> int:
    from pyroscope_native.launch import check_interpreter, check_script, exec_program
    from pyroscope_native.note import Note

    words, name = _program(options.program)
    if not words[0].startswith("-"):
        check_script(words[0])
    arguments, file = settings.absolute(_arguments(options)), _config_file(options.config)
    config = _run_config(arguments, file, name)
    if not config.enabled:
        exec_program(words, None)
    reason = reason_unsupported()
    if reason is not None:
        print(f"pyroscope_native: nothing is profiled: {reason}", file=sys.stderr, flush=True)
        exec_program(words, None)
    check_interpreter()
    with_children = not options.no_children
    parts = ""
    if with_children and config.outputs:
        from tempfile import mkdtemp

        try:
            parts = mkdtemp(prefix="pyroscope-native-")
        except OSError as error:  # as where all is mounted read-only
            told = f"pyroscope_native: the profiles of children are not in the output: {error}"
            print(told, file=sys.stderr, flush=True)
    note = Note(
        name=name,
        arguments={name: value for name, value in arguments.items() if name != "output"},
        config_file=file,
        outputs=config.outputs,
        default_outputs=config.default_outputs,
        spare_output=config.spare_output,
        program_pid=os.getpid(),  # this process becomes the program
        with_children=with_children,
        parts=parts,
    )
    exec_program(words, note)


def _program(words: list[str]) -> tuple[list[str], str]:
    """The interpreter's arguments for the program, and a name for it."""
    if not words:
        raise ConfigError("which program? A script, -m MODULE or -c CODE (see --help)")
    if words[0][:2] == "-m":
        name = words[0][2:] or "".join(words[1:2])
        if not name:
            raise ConfigError("-m needs the name of a module")
        return words, name
    if words[0][:2] == "-c":
        if words == ["-c"]:
            raise ConfigError("-c needs code")
        return words, "python"
    name = os.path.basename(os.path.abspath(words[0]))
    return words, "stdin" if words[0] == "-" else os.path.splitext(name)[0]


def _arguments(options: argparse.Namespace) -> dict[str, object]:
    """The settings that the options say."""
    return {
        name: value
        for name, value in vars(options).items()
        if name in BY_NAME and value is not None
    }


def _config_file(asked: str | None) -> str:
    return settings.file_to_read(asked) or config_file.find_in_directory()


def _run_config(arguments: dict[str, object], file: str, name: str) -> Config:
    from pyroscope_native.deliver.file import default_base

    defaults = Config(application_name=name, summary=True)
    config = settings.resolve(arguments, defaults=defaults, config_file=file, tolerant=False)
    set_level(config.log_level)
    settings.warn_of_misspelt()
    is_delivered = config.server_address is not None or config.serve_address != ""
    # The process id stays what it is: this process becomes the program.
    base = default_base(config.application_name, os.getpid())
    if config.outputs or not config.enabled:
        return config
    if not is_delivered:
        return config._replace(outputs=(f"{base}.pb.gz", f"{base}.html"), default_outputs=True)
    if config.group_by:
        raise ConfigError("--group-by wants the whole profile: beside a server, give an -o too")
    return config._replace(spare_output=f"{base}.pb.gz" if config.server_address else "")


def _check_supported() -> None:
    """Raises CommandError."""
    reason = reason_unsupported()
    if reason is not None:
        raise CommandError(f"nothing can be profiled: {reason}")


def _attach(options: argparse.Namespace) -> int:
    _check_supported()
    from pyroscope_native.attach import attach

    duration_s = values.duration("duration", options.duration, least=0, most=_LONGEST_S)
    config = _attach_config(options)
    return attach(options.pid, config, duration_s=duration_s)


def _attach_config(options: argparse.Namespace) -> Config:
    from pyroscope_native.deliver.file import check_output, default_base

    arguments = settings.absolute(_arguments(options))
    if {"output", "server_address"} <= arguments.keys():
        raise ConfigError("-o and --server-address exclude each other")
    defaults = Config(application_name="", summary=True)
    config = settings.resolve(
        arguments, defaults=defaults, config_file=_config_file(options.config), tolerant=False
    )
    set_level(config.log_level)
    settings.warn_of_misspelt()
    if "output" in arguments:
        return config._replace(server_address=None)
    if config.server_address is not None:
        return config._replace(outputs=())
    if not config.outputs:
        check_output(f"{default_base(config.application_name, options.pid)}.pb.gz")
        return config._replace(default_outputs=True)
    return config


def _view(options: argparse.Namespace) -> int:
    from pyroscope_native.view import view

    return view(
        options.file,
        output=options.output,
        as_text=options.text,
        filters=options.filter,
        group_by=options.group_by,
        compare=options.compare,
    )


def _merge(options: argparse.Namespace) -> int:
    from pyroscope_native.merge import merge

    return merge(options.files, outputs=options.output, file_label=options.label_files)


def _doctor(options: argparse.Namespace) -> int:
    from pyroscope_native.doctor import examine, reset_fuse

    config = settings.resolve(
        settings.absolute(_arguments(options)),
        defaults=Config(application_name=""),
        config_file=_config_file(None),
        tolerant=False,
    )
    settings.warn_of_misspelt()
    if options.reset_fuse:
        if not config.application_name:
            raise ConfigError("--reset-fuse wants the --application-name of what died")
        _check_supported()
        print(reset_fuse(config))
        return 0
    findings = examine(config)
    problems = [finding for finding in findings if finding.status == "problem"]
    if options.json:
        import json

        print(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.status:8} {finding.subject:14} {finding.words}")
            if finding.remedy:
                print(f"{'':23} -> {finding.remedy}")
        plural = "" if len(problems) == 1 else "s"
        print(f"\n{len(problems)} problem{plural}" if problems else "\nall is well")
    return 1 if problems else 0
