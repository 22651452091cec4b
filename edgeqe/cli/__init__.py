"""The command line: ``edgeqe VERB ...``, one module a verb, loaded when it is asked for.

Exit codes: 0 done, 1 a check failed, 2 wrong use or bad input, 3 the asked provider is
not there, 130 interrupted, 141 the reader of the output went away.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from edgeqe import __version__
from edgeqe.errors import EdgeqeError, InputError
from edgeqe.reports.process import clean_end, silence_stdout, whole_streams
from edgeqe.reports.tables import printable

__all__ = ["GROUPS", "VERBS", "main"]

#: Verbs by what they are for, each with what it does, in the order of the help. Each is
#: edgeqe/cli/<verb>.py, whose `command` is the click command.
GROUPS = {
    "Use": {
        "enhance": "Enhance picture files, or a clip.",
        "archive": "Enhance a folder of any size by several workers, resumable.",
        "demo": "Show the gain on a packaged photograph.",
        "models": "List the shipped models.",
        "inspect": "Show a model file's card and graph.",
    },
    "Measure": {
        "bench": "Measure quality, latency and memory, and what to ship.",
        "plan": "Choose each picture's QP and network under limits of size and time.",
        "drift": "Compare the gains of two models; fail where one drifts.",
        "blame": "Say where a drift comes from.",
        "verify": "Check a model file: self-test, tiles, halo, strengths.",
    },
    "Make models": {
        "train": "Train a network from a recipe.",
        "convert": "Convert a network to ONNX or TFLite.",
        "quantize": "Quantize a network to INT8.",
        "prune": "Prune a network's channels and fine-tune the rest.",
        "sign": "Sign a model file with your key.",
    },
    "Look after": {
        "doctor": "Examine this installation and suggest fixes.",
        "targets": "List the target profiles and what of them is installed.",
        "tune": "Find the fastest settings of a target on this device.",
        "warmup": "Build an accelerator's engines before the first picture.",
        "cache": "List or remove the engines that accelerators built.",
    },
}
VERBS = {verb: does for group in GROUPS.values() for verb, does in group.items()}

#: Module that may be absent, and the extra that brings it.
EXTRAS = {
    "PIL": "files",
    "ai_edge_litert": "tflite",
    "cryptography": "trust",
    "cv2": "camera",
    "flatbuffers": "host",
    "jinja2": "bench",
    "keras": "host",
    "matplotlib": "bench",
    "onnx": "host",
    "onnxruntime": "ort",
    "scipy": "bench",
    "skimage": "bench",
    "tensorflow": "host",
}
RUNTIMES = ("ai_edge_litert", "onnxruntime")

INTERRUPTED = 130  # 128 + SIGINT, as shells count it
READER_GONE = 141  # 128 + SIGPIPE
PROVIDER_ABSENT = 3
WRONG_USE = 2


def _stop(message: str, exit_code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # full, or its reader went away
        silence_stdout()
    with suppress(OSError):  # a log on a full disk
        click.echo(f"edgeqe: {printable(' '.join(message.split()))}", err=True)
    raise click.exceptions.Exit(exit_code)


def _stop_quietly() -> NoReturn:
    silence_stdout()
    raise click.exceptions.Exit(READER_GONE)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Turn each expected error into one line on standard error and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except EdgeqeError as error:
        _stop(str(error), error.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "edgeqe"
        message = error.format_message().rstrip(". ")
        _stop(f"{message[:1].lower()}{message[1:]}: see '{path} -h'.", WRONG_USE)
    except (KeyboardInterrupt, click.Abort):
        _stop("interrupted.", INTERRUPTED)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        _stop(
            f"{module} is not installed: run pip install 'edgeqe[{EXTRAS[module]}]'.",
            PROVIDER_ABSENT if module in RUNTIMES else WRONG_USE,
        )
    except OSError as error:
        if error.errno == errno.EPIPE:
            _stop_quietly()
        reason = error.strerror or str(error) or type(error).__name__
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        _stop(f"{where}{reason}.", WRONG_USE)
    except MemoryError:
        _stop("this machine's memory is used up: use smaller inputs or fewer at once.", WRONG_USE)


class VerbGroup(click.Group):
    """A group that imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb and give its command, or None for another word."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"edgeqe.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs in their groups, without importing any."""
        widest = max(map(len, VERBS))
        for group, verbs in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(verb.ljust(widest), does) for verb, does in verbs.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is an error that names the nearest."""
        if args[0] not in VERBS:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS)
            quoted = " or ".join(f"'{verb}'" for verb in near)
            hint = f"did you mean {quoted}?" if near else "see 'edgeqe -h'."
            raise InputError(f"unknown verb '{args[0]}': {hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the verb; without any words, show the help."""
        with _errors_in_one_line():
            if not args:
                click.echo(ctx.get_help(), err=True)
                raise click.exceptions.Exit(WRONG_USE)
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        with _errors_in_one_line():
            return super().invoke(ctx)

    def main(self, args: Sequence[str] | None = None, *extra: Any, **more: Any) -> Any:
        """Run the command line; see `click.Command.main`."""
        more.setdefault("prog_name", "edgeqe")
        with whole_streams(), clean_end():
            return super().main(args, *extra, **more)


def _set_log_level() -> None:
    level = os.environ.get("EDGEQE_LOG_LEVEL", "").upper()
    if not level:
        return
    import logging

    known = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if level not in known:
        raise InputError(
            f"EDGEQE_LOG_LEVEL is '{level.lower()}': use one of {', '.join(known).lower()}."
        )
    logging.basicConfig(format="%(name)s: %(message)s")
    logging.getLogger("edgeqe").setLevel(level)


@click.group(
    "edgeqe",
    cls=VerbGroup,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'edgeqe VERB -h' explains a verb. Exit codes: 0 done, 1 a check failed, "
    "2 wrong use or bad input, 3 the asked provider is not there.",
)
@click.version_option(__version__, message="edgeqe %(version)s")
def main() -> None:
    """Remove compression artefacts from pictures, in a stated amount of memory."""
    _set_log_level()
