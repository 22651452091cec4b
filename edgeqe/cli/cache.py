"""``edgeqe cache``: the engines that accelerators built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgeqe.runtimes.engine_cache import CachedEngine


@click.group("cache")
def command() -> None:
    """List or remove the engines that accelerators built."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_engines(as_json: bool) -> None:
    """List the engines, the latest used first."""
    import json

    from edgeqe.runtimes.engine_cache import cache_folder, engines

    found = engines()
    if as_json:
        report = {"schema_version": 1, "folder": str(cache_folder())}
        click.echo(json.dumps({**report, "engines": [_facts(e) for e in found]}, indent=2))
        return
    click.echo(f"{cache_folder()}: {len(found)} engines, {_mib(sum(e.size for e in found))}")
    for engine in found:
        click.echo(f"  {engine.path.name}  {_mib(engine.size)}  {_what(engine)}")


@command.command("prune")
@click.option("--older-than", "days", type=click.FloatRange(min=0), default=30.0,
              show_default=True, metavar="DAYS", help="Not used for so long; 0 for all.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as JSON.")
def prune_engines(days: float, as_json: bool) -> None:
    """Remove engines that were not used for a while, and builds that were broken off."""
    import json

    from edgeqe.runtimes.engine_cache import prune

    gone = prune(days)
    if as_json:
        click.echo(
            json.dumps({"schema_version": 1, "removed": [_facts(e) for e in gone]}, indent=2)
        )
        return
    for engine in gone:
        click.echo(f"removed {engine.path.name}  {_mib(engine.size)}  {_what(engine)}")
    click.echo(f"{len(gone)} removed, {_mib(sum(e.size for e in gone))}")


def _facts(engine: CachedEngine) -> dict[str, Any]:
    return {
        "path": str(engine.path),
        "bytes": engine.size,
        "used": engine.used,
        "key": dict(engine.key),
    }


def _what(engine: CachedEngine) -> str:
    """One line of what an engine is of."""
    if not engine.key:
        return "being built, or broken off"
    key = engine.key
    devices = key.get("devices") or ["no device named"]
    where = ", ".join(map(str, devices)) if isinstance(devices, list) else str(devices)
    return f"{key.get('model')} {key.get('precision')}, window {key.get('window')}, {where}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
