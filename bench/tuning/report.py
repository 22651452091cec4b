"""What a tuning found, in words: a table and a verdict, or plain values for JSON."""

from __future__ import annotations

import datetime
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import edgeqe
from edgeqe.bench.report import MIB
from edgeqe.bench.stamp import processor
from edgeqe.bench.tuning.settings import Setting
from edgeqe.bench.tuning.trials import Outcome, TuningTrial
from edgeqe.bench.tuning.verdict import WORTH
from edgeqe.reports.tables import counted, table
from edgeqe.targets.profile import Profile

#: Version of the JSON layout; a reader must refuse one that it does not know.
SCHEMA_VERSION = 1
#: Load average a processor from which on other programs are in the way.
BUSY = 0.3


@dataclass(frozen=True)
class Tuning:
    """A search, and what it was asked."""

    model: str
    profile: Profile
    limit: int
    """Memory limit, bytes."""
    max_drop: float
    """dB."""
    size: tuple[int, int]
    """Height and width of the picture, pixels."""
    versions: str
    """Of the runtimes, such as ``onnxruntime 1.20.1``."""
    processors: int
    load: float
    """Load average of the minute before: programs that wanted to run; 0 unknown."""
    outcome: Outcome
    losses: Mapping[tuple[int, str], float]
    """dB by backend and form."""
    left_out: Mapping[tuple[int, str], str]
    """Backends and forms that drift too far, in words."""
    absent: Mapping[int, str]
    """Backends that are not installed, and why."""
    command: str
    """Command line that this came of."""

    def sentences(self) -> list[str]:
        """The verdict."""
        outcome = self.outcome
        verdict, last = outcome.verdict, outcome.last_pixels
        times = f"{1 + verdict.gain:.2f} times"
        figures = (
            f"{verdict.rounds} rounds in turns on {last / 1e6:.2f} Mpx spread by "
            f"{verdict.spread:.1%}, the default differs from itself by {verdict.twin:.1%}"
        )
        if verdict.kind == "noisy":
            seems = f"the winner seems {times} as fast as the default"
            if outcome.winner == outcome.default:
                seems = "nothing seems faster than the default"
            said = [
                f"Too noisy to tell: {seems} ({figures}).",
                "The default stays. Close other programs, hold the clock, or give more --seconds.",
            ]
        elif verdict.kind == "default":
            said = [f"The default stays: nothing is faster by {WORTH:.0%} or more ({figures})."]
        elif verdict.kind == "drift":
            said = [
                f"The default's form drifts too far. The fastest of the others is "
                f"{times} as fast as it ({figures})."
            ]
        else:
            said = [f"{times} as fast as the default ({figures})."]
        if last < outcome.search_pixels:
            said.append("The last race ran on a smaller picture, because the default is slow.")
        if self.load > BUSY * self.processors:
            said.append(
                f"The machine was busy before (load average {self.load:.1f} on {self.processors} "
                "processors): a load that is steady is no noise, and what is fastest beside it "
                "need not be so alone."
            )
        chosen = outcome.chosen
        return [*said, f"Chosen: {', '.join(self.words(chosen))}."]

    def words(self, setting: Setting) -> list[str]:
        """A setting in words."""
        backend = self.profile.backends[setting.backend]
        return [
            backend.runtime,
            backend.provider,
            setting.form or "form of the file",
            counted(setting.threads, "thread"),
            f"windows {bounds(setting)}",
        ]

    def comments(self, date: datetime.date) -> list[str]:
        """Head of the profile: what was measured, on what, by which command."""
        height, width = self.size
        return [
            f"Made by: {self.command}",
            f"On {date.isoformat()}, {processor()}, {counted(self.processors, 'processor')}, "
            f"{platform.system()} {platform.machine()}",
            f"edgeqe {edgeqe.__version__}, Python {platform.python_version()}, {self.versions}",
            f"Measured: {width}x{height} RGB, uint8 to uint8, memory limit {self.limit / MIB:g} "
            f"MiB, forms that lose at most {self.max_drop:g} dB",
            *self.sentences(),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        outcome = self.outcome
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "edgeqe-tune",
            "command": self.command,
            "model": self.model,
            "target": self.profile.name,
            "profile": self.profile.source,
            "edgeqe": edgeqe.__version__,
            "python": platform.python_version(),
            "cpu": processor(),
            "processors": self.processors,
            "load_before": self.load,
            "runtimes": self.versions,
            "memory_limit_bytes": self.limit,
            "max_drop_db": self.max_drop,
            "height": self.size[0],
            "width": self.size[1],
            "verdict": outcome.verdict.kind,
            "ratio": 1.0 + outcome.verdict.gain,
            "default_against_itself": outcome.verdict.twin,
            "spread": outcome.verdict.spread,
            "rounds": outcome.verdict.rounds,
            "search_pixels": outcome.search_pixels,
            "last_pixels": outcome.last_pixels,
            "default": self._facts(outcome.default),
            "chosen": self._facts(outcome.chosen),
            "trials": [self._trial_facts(trial) for trial in outcome.trials],
            "drifting": [
                {"form": form, "provider": self.profile.backends[backend].provider, "why": why}
                for (backend, form), why in self.left_out.items()
            ],
            "absent": {
                self.profile.backends[backend].provider: why for backend, why in self.absent.items()
            },
        }

    def _facts(self, setting: Setting) -> dict[str, Any]:
        backend = self.profile.backends[setting.backend]
        return {
            "runtime": backend.runtime,
            "provider": backend.provider,
            "form": setting.form,
            "threads": setting.threads,
            "smallest": setting.smallest,
            "largest": setting.largest,
            "loss_db": self.losses.get((setting.backend, setting.form)),
        }

    def _trial_facts(self, trial: TuningTrial) -> dict[str, Any]:
        return {
            **self._facts(trial.setting),
            "window": list(trial.window) if any(trial.window) else None,
            "megapixels_per_second": statistics.median(trial.rates) if trial.rates else None,
            "ratio": trial.ratio or None,
            "spread": trial.spread,
            "rounds": len(trial.ratios),
            "note": trial.note,
        }


def bounds(setting: Setting) -> str:
    """Bounds of the windows in words."""
    if not setting.smallest and not setting.largest:
        return "as planned"
    if setting.smallest == setting.largest:
        return str(setting.largest)
    return f"{setting.smallest or 'least'} to {setting.largest or 'any'}"


def format_tuning(tuning: Tuning) -> str:
    """Whole text: what was tried, what was left out and why, and the verdict."""
    outcome, cells = tuning.outcome, []
    for trial in outcome.trials:
        runtime, provider, form, _, _ = tuning.words(trial.setting)
        marks = ["default"] if trial.setting == outcome.default else []
        marks += ["chosen"] if trial.setting == outcome.chosen else []
        measured = bool(trial.rates)
        cells.append(
            [
                runtime,
                provider,
                form,
                str(trial.setting.threads),
                bounds(trial.setting),
                "x".join(map(str, trial.window)) if any(trial.window) else "",
                f"{statistics.median(trial.rates):.3f}" if measured else "-",
                f"{trial.ratio:.2f}" if trial.ratios else "-",
                f"{trial.spread:.1%}" if trial.spread else "-",
                ", ".join(marks),
            ]
        )
    notes = left_out_lines(tuning)
    losses = [
        f"{tuning.profile.backends[backend].runtime} {form} {loss:.3f} dB"
        for (backend, form), loss in tuning.losses.items()
    ]
    headers = ["runtime", "provider", "form", "threads", "windows", "large picture's", "Mpx/s"]
    headers += ["x default", "spread", ""]
    height, width = tuning.size
    lines = [
        f"{tuning.model} on {tuning.profile.name}: {width}x{height} RGB, uint8 to uint8, memory "
        f"limit {tuning.limit / MIB:g} MiB",
        "",
        *table([headers, *cells], range(3)),
        "",
    ]
    if outcome.search_pixels < height * width:
        lines += [f"Tried on {outcome.search_pixels / 1e6:.2f} Mpx, which fits in the time.", ""]
    if losses:
        lines += [f"PSNR lost against float32: {', '.join(losses)}.", ""]
    if notes:
        lines += ["Left out:", *notes, ""]
    return "\n".join([*lines, *tuning.sentences()])


def left_out_lines(tuning: Tuning) -> list[str]:
    """What was not measured, one line a reason."""
    why: dict[str, list[str]] = {}
    for trial in tuning.outcome.trials:
        if trial.note:
            why.setdefault(trial.note, []).append(", ".join(tuning.words(trial.setting)))
    for (backend, form), reason in tuning.left_out.items():
        why.setdefault(reason, []).append(f"{tuning.profile.backends[backend].runtime} {form}")
    for index, reason in tuning.absent.items():
        why.setdefault(reason, []).append(tuning.profile.backends[index].provider)
    return [
        f"- {what[0]}{f' and {len(what) - 1} more' if len(what) > 1 else ''}: {reason}"
        for reason, what in why.items()
    ]
