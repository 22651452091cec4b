"""``edgeqe warmup``: build an accelerator's engines before the first picture."""

from __future__ import annotations

import click


@click.command("warmup")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--target", default="auto", show_default=True,
              help="Target's name, or the path of a profile.")  # fmt: skip
@click.option("--memory-limit", default="64MiB", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(models: tuple[str, ...], target: str, memory_limit: str, as_json: bool) -> None:
    """Build the engines of MODELs for a target, run each one's self-test, and keep them.

    All shipped models if none is given. An accelerator takes minutes for an engine; the cache
    serves later programs ('edgeqe cache list'). The window, and so the engine, depends on the
    memory limit: give the one that the program will use.
    """
    import json
    import time

    from edgeqe import Enhancer
    from edgeqe.cli.networks import model_file
    from edgeqe.cli.progress import waiting
    from edgeqe.errors import CheckError
    from edgeqe.model.catalogue import shipped_models
    from edgeqe.runtimes.engine_cache import engines

    before, rows = {engine.path for engine in engines()}, []
    for model in models or tuple(shipped_models()):
        started = time.monotonic()
        with (
            waiting(f"{model}: building and proving the engine", hide=as_json),
            Enhancer(model_file(model), target=target, memory_limit=memory_limit) as enhancer,
        ):
            info, test = enhancer.info, enhancer.self_test()
        after = {engine.path for engine in engines()}
        rows.append(
            {
                "model": info.model,
                "precision": info.precision,
                "target": info.target,
                "provider": info.provider,
                "window": list(info.window),
                "seconds": round(time.monotonic() - started, 2),
                "engines built": len(after - before),
                "self-test": test.passed,
            }
        )
        before = after
        if not as_json:
            click.echo(
                f"{info.model} {info.precision} on {info.provider}, windows of "
                f"{info.window[0]}x{info.window[1]}: ready in {rows[-1]['seconds']} s, "
                f"{rows[-1]['engines built']} engines built, "
                f"self-test {'passed' if test.passed else 'FAILED'}"
            )
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "models": rows}, indent=2))
    failed = [str(row["model"]) for row in rows if not row["self-test"]]
    if failed:
        raise CheckError(f"the self-test of {', '.join(failed)} failed: do not use the engine.")
