"""Gain against latency: which models nothing else beats in both, and the best one that meets a requirement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Protocols in the order in which one is chosen, and kinds of array.
PROTOCOLS = ("planes", "rgb", "gray")
KINDS = ("rgb", "gray")


@dataclass(frozen=True)
class Requirement:
    """What a device must meet; None where nothing is asked."""

    fps: float | None = None
    """Frames a second."""
    latency_ms: float | None = None
    """Milliseconds a frame."""
    memory_limit: int | None = None
    """Bytes, in which all models run."""

    @property
    def most_ms(self) -> float | None:
        """Milliseconds that a frame may take."""
        limits = [1e3 / self.fps] if self.fps else []
        limits += [self.latency_ms] if self.latency_ms else []
        return min(limits, default=None)

    def words(self) -> str:
        """State the requirement."""
        said = [f"{self.fps:g} frames per second"] if self.fps else []
        said += [f"{self.latency_ms:g} ms"] if self.latency_ms else []
        said += [f"{self.memory_limit / (1 << 20):g} MiB"] if self.memory_limit else []
        return " and ".join(said)


def pareto(
    quality: Sequence[Mapping[str, Any]], lanes: Sequence[Mapping[str, Any]], wanted: int
) -> dict[str, Any] | None:
    """Points of gain and latency, with those marked that no other model beats in both.

    Parameters
    ----------
    quality, lanes : sequence of mapping
        Rows of a report.
    wanted : int
        JPEG quality whose gain counts.

    Returns
    -------
    dict or None
        Protocol ``planes`` on RGB arrays, or what comes nearest; at the smallest size. None where
        no model has both figures.
    """
    size = lanes[0]["size"] if lanes else ""
    whole = [lane for lane in lanes if lane["size"] == size and lane["what"] in KINDS]
    at_quality = [row for row in quality if row["value"] == wanted]
    protocol = next((p for p in PROTOCOLS if any(r["protocol"] == p for r in at_quality)), "")
    what = next((kind for kind in KINDS if any(lane["what"] == kind for lane in whole)), "")
    if protocol == "gray" and any(lane["what"] == "gray" for lane in whole):
        what = "gray"
    gains = {row["model"]: row["gain_db"] for row in at_quality if row["protocol"] == protocol}
    points = [
        {
            "model": lane["model"],
            "p50_ms": lane["p50_ms"],
            "p90_ms": lane["p90_ms"],
            "gain_db": gains[lane["model"]],
        }
        for lane in whole
        if lane["what"] == what and lane["model"] in gains
    ]
    for point in points:
        point["frontier"] = not any(_beats(other, point) for other in points)
    head = {"protocol": protocol, "quality": wanted, "size": size, "what": what}
    return {**head, "points": points} if points else None


def _beats(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a point is at least as good in both, and better in one."""
    no_worse = one["p50_ms"] <= other["p50_ms"] and one["gain_db"] >= other["gain_db"]
    return bool(no_worse and (one["p50_ms"] < other["p50_ms"] or one["gain_db"] > other["gain_db"]))


def advice(trade: Mapping[str, Any] | None, requirement: Requirement) -> dict[str, Any] | None:
    """Name the best picture that meets a requirement at the 90th percentile of the latency; None without a requirement.

    All models of a report run inside the memory limit: those that do not fit are left out of it.
    """
    if requirement == Requirement():
        return None
    asked = {
        "fps": requirement.fps,
        "latency_ms": requirement.latency_ms,
        "memory_limit_bytes": requirement.memory_limit,
    }
    if trade is None:
        line = "No advice: it needs both quality and latency to be measured."
        return {"asked": asked, "model": None, "line": line}
    most, points = requirement.most_ms, trade["points"]
    holding = [point for point in points if most is None or point["p90_ms"] <= most]
    where = f"at {trade['size']} ({trade['what']} array, 90th percentile)"
    if not holding:
        near = min(points, key=lambda point: float(point["p90_ms"]))
        line = (
            f"None holds {requirement.words()} {where}; the fastest is {near['model']} with "
            f"{near['p90_ms']:.1f} ms, {1e3 / near['p90_ms']:.1f} frames per second."
        )
        return {"asked": asked, "model": None, "line": line}
    best = max(holding, key=lambda point: float(point["gain_db"]))
    line = (
        f"Best that holds {requirement.words()} {where}: {best['model']}, {best['gain_db']:+.3f} dB at "
        f"quality {trade['quality']}, {best['p90_ms']:.1f} ms, {1e3 / best['p90_ms']:.1f} frames "
        "per second."
    )
    return {"asked": asked, "model": best["model"], "line": line}
