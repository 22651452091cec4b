"""``edgeqe targets``: the target profiles, and what of them is installed here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeqe.targets.profile import Backend, Peak, Profile


@click.command("targets")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List the shipped targets, or show all that one says.

    NAME is a target, auto, cpu, or the path of a profile (.toml).
    """
    from edgeqe.hardware.machine import read_hardware
    from edgeqe.runtimes.selection import profile_for
    from edgeqe.targets.reading import read_profile, shipped_profiles

    features = read_hardware().cpu_features
    if name is not None:
        profile = profile_for(name)
        if as_json:
            report = {"schema_version": 2, "target": profile_facts(profile, features)}
            click.echo(json.dumps(report))
        else:
            click.echo("\n".join(profile_lines(profile, features)))
        return
    profiles = [read_profile(shipped) for shipped in shipped_profiles()]
    auto = profile_for("auto")
    if as_json:
        facts = {profile.name: profile_facts(profile, features) for profile in profiles}
        means = auto.name if auto in profiles else auto.source
        click.echo(json.dumps({"schema_version": 2, "auto": means, "targets": facts}))
    else:
        click.echo("\n".join(table_lines(profiles, auto, features)))


def table_lines(
    profiles: Collection[Profile], auto: Profile, features: Collection[str]
) -> Iterator[str]:
    """One line a target, with the first backend that is installed; then why one has none."""
    yield f"{'name':14}{'installed here':30}description"
    notes = []
    for profile in profiles:
        absent = absences(profile, features)
        backends = [
            backend.provider
            for backend, why in zip(profile.backends, absent, strict=True)
            if not why
        ]
        mark = "  *" if profile == auto else ""
        yield f"{profile.name + mark:14}{backends[0] if backends else '-':30}{profile.description}"
        if not backends:
            reasons = "; ".join(dict.fromkeys(absent))
            notes.append(f"{profile.name}: {reasons}; 'edgeqe targets {profile.name}' says more")
    yield "* what auto means here" if auto in profiles else f"auto means {auto.source} here"
    yield from notes
    yield "'edgeqe doctor' runs each provider: one that is installed may still not work."


def profile_lines(profile: Profile, features: Collection[str]) -> Iterator[str]:
    """All that a profile says, and which of its backends are installed."""
    window, threads = profile.window, profile.threads
    yield f"{profile.name}: {profile.description}"
    yield from _row("file", profile.source, indent=0)
    yield from _row("threads", str(threads) if threads else "one a processor", indent=0)
    sides = f"{window.smallest or 'the least'} to {window.largest or 'any'} pixels a side"
    yield from _row("window", sides + (", one shape for all" if window.fixed else ""), indent=0)
    if profile.on_accelerator:
        yield from _row("on the CPU", f"{profile.most_on_cpu:.0%} of the MACs at most", indent=0)
    for network, precisions in profile.precision.items():
        yield from _row("precision", f"{network}: {', '.join(precisions)}", indent=0)
    yield "backends, tried in this order:"
    absent = absences(profile, features)
    for number, (backend, why) in enumerate(zip(profile.backends, absent, strict=True), 1):
        mends = why and _installing_helps(profile, backend, features)
        yield from _backend_lines(number, backend, why, backend.fix if mends else "")
    yield "peaks, for estimates:" if profile.peaks else "no peaks: estimates are not possible"
    used = profile.peak(features)
    for number, peak in enumerate(profile.peaks, 1):
        yield from _peak_lines(number, peak, peak is used)


def profile_facts(profile: Profile, features: Collection[str]) -> dict[str, Any]:
    """A profile for JSON: its fields, with ``absent`` ('' if installed) beside each backend."""
    facts = asdict(profile)
    for backend, why in zip(facts["backends"], absences(profile, features), strict=True):
        backend["absent"] = why
    used = profile.peak(features)
    for peak, known in zip(facts["peaks"], profile.peaks, strict=True):
        peak["used_here"] = known is used
    return facts


def absences(profile: Profile, features: Collection[str]) -> list[str]:
    """Why each backend of a profile is not installed here; '' where it is."""
    from edgeqe.hardware.machine import read_hardware
    from edgeqe.runtimes.selection import reason_absent
    from edgeqe.targets.detect import foreign

    other = foreign(profile, read_hardware().machine)
    elsewhere = f"this machine is no {other}" if other else ""
    return [reason_absent(backend, features) or elsewhere for backend in profile.backends]


def _installing_helps(profile: Profile, backend: Backend, features: Collection[str]) -> bool:
    """Whether this machine is of the profile's architecture and has what a backend needs."""
    from edgeqe.hardware.machine import read_hardware
    from edgeqe.targets.detect import foreign

    lacking = backend.needs and set(backend.needs).isdisjoint(features)
    return not lacking and not foreign(profile, read_hardware().machine)


def _backend_lines(number: int, backend: Backend, absent: str, fix: str) -> Iterator[str]:
    yield f"{number}  {backend.runtime}, {backend.provider}"
    yield from _row("precisions", ", ".join(backend.precisions))
    yield from _row("installed", f"no: {absent}" if absent else "yes")
    yield from _row("fix", fix)
    yield from _row("needs", " or ".join(backend.needs))
    for key, value in backend.options.items():
        yield from _row("option", f"{key} = {json.dumps(value)}")


def _peak_lines(number: int, peak: Peak, used: bool) -> Iterator[str]:
    speeds = ", ".join(f"{name} {value:g}" for name, value in peak.gigamacs.items())
    unit = "GMAC/s a core" if peak.per_core else "GMAC/s"
    yield f"{number}  {speeds} {unit}; {peak.gigabytes:g} GB/s"
    yield from _row("needs", " or ".join(peak.needs))
    yield from _row("used", "by estimates that are made here" if used else "")
    yield from _row("assumed", _shares(peak.assumed))
    yield from _row("source", peak.source)


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{precision} {share:.0%}" for precision, share in shares.items())


def _row(name: str, text: str, indent: int = 3) -> Iterator[str]:
    """One indented line; none where there is nothing to say."""
    if text:
        yield f"{'':{indent}}{name:12}{text}"
