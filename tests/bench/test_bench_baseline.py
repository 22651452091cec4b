"""Reading a baseline, and refusing one that was measured elsewhere."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeqe.bench.baseline_check.baseline import check_like, compare, read_baseline
from edgeqe.bench.baseline_check.comparability import differences
from edgeqe.bench.baseline_check.comparison import Comparison
from edgeqe.bench.baseline_check.junit import to_junit
from edgeqe.errors import InputError
from tests.bench.small_report import SMALL, lane, quality, report, saved

Place = tuple[str | int, ...]


def changed(place: Place, value: Any) -> dict[str, Any]:
    """Good report with one value replaced, or left out where the value is Ellipsis."""
    made: Any = report()
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return dict(made)


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Where every value of a report lies, objects and lists too."""
    if above:
        yield above
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*above, key))


def test_a_good_baseline_comes_back_with_its_path(tmp_path: Path) -> None:
    path = saved(tmp_path, report())
    assert read_baseline(path) == {**report(), "file": str(path)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JSON (Expecting value"),
        (b'{"kind": "edgeqe-bench", "stamp": {"cp', "is no JSON (Unterminated string"),
        (b"\xff\xfe\x00", "is no JSON ('utf-8' codec can't decode"),
        (b"[" * 100_000, "is no JSON ("),
        (b'{"kind": "edgeqe-bench", "x": NaN}', "is no JSON (NaN is no number)"),
        (b'{"kind": "edgeqe-bench", "x": -Infinity}', "is no JSON (-Infinity is no number)"),
        (b'{"kind": "edgeqe-bench", "x": "\\ud800"}', "is no JSON ('utf-8' codec can't encode"),
        (b"[1, 2]", "is no report of edgeqe bench"),
        (b"null", "is no report of edgeqe bench"),
        (b'"edgeqe-bench"', "is no report of edgeqe bench"),
        (b'{"kind": "edgeqe-drift", "schema_version": 1}', "is no report of edgeqe bench"),
        (
            b'{"kind": "edgeqe-bench", "schema_version": 2}',
            "has schema_version 2, this edgeqe reads 4 (since then the protocol that was named colour "
            "is named planes, and a row names its codec): measure a new baseline",
        ),
        (
            b'{"kind": "edgeqe-bench", "schema_version": 3}',
            "has schema_version 3, this edgeqe reads 4 (since then a report names codec and encoder, "
            "and a row the codec's strength instead of a JPEG quality): measure a new baseline",
        ),
        (b'{"kind": "edgeqe-bench", "schema_version": 999}', "has schema_version 999, this"),
        (b'{"kind": "edgeqe-bench"}', "has schema_version None, this"),
    ],
)
def test_what_is_no_report(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "base.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_baseline(path)
    assert str(caught.value).startswith(f"the baseline '{path}' {reason}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.json", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot be read .*: give the report.json"):
            read_baseline(path)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("stamp",), [], "stamp = [] must be an object"),
        (("stamp", "cpu"), ..., "stamp.cpu is missing"),
        (("stamp", "cpu_features"), "avx2", "stamp.cpu_features = 'avx2' must be a list"),
        (("stamp", "cpu_features", 1), 2, "stamp.cpu_features[1] = 2 must be text"),
        (("interrupted",), 0, "interrupted = 0 must be true or false"),
        (("data", "scale"), 1.5, "data.scale = 1.5 must be a number from 0 to 1"),
        (("models", 0), 3, "models[0] = 3 must be an object"),
        (
            ("models", 1, "threads"),
            True,
            "models[1].threads = True must be a whole number of 0 or more, or null",
        ),
        (
            ("quality", 1, "gain_db"),
            "0.6",
            "quality[1].gain_db = '0.6' must be a number from -1000 to 1000",
        ),
        (
            ("quality", 0, "gains_db", "sky"),
            None,
            "quality[0].gains_db['sky'] = None must be a number from -1000 to 1000",
        ),
        (("latency",), {"lanes": {}}, "latency.lanes = {} must be a list"),
        (
            ("latency", "lanes", 0, "to_reference"),
            0,
            "latency.lanes[0].to_reference = 0 must be a number from 1e-09 to 1e+09",
        ),
        (
            ("latency", "lanes", 0, "to_reference_interval"),
            [2, 1],
            "latency.lanes[0].to_reference_interval = [2, 1] must be two numbers above 0, "
            "the smaller first",
        ),
        (
            ("memory", 0, "peak_bytes"),
            10**30,
            "memory[0].peak_bytes = 1000000000000000000000000000000 must be a whole number of 0 "
            "or more, or null",
        ),
        (("setup", "memory_limit_bytes"), 1.5, "setup.memory_limit_bytes = 1.5 must be a whole"),
    ],
)
def test_damage_is_named(tmp_path: Path, place: Place, value: Any, reason: str) -> None:
    path = saved(tmp_path, changed(place, value))
    with pytest.raises(InputError) as caught:
        read_baseline(path)
    message = str(caught.value)
    assert message.startswith(f"the baseline '{path}' is damaged ({reason}")
    assert message.endswith("): measure a new one.")


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    path = saved(tmp_path, changed(("stamp", "cpu"), ["x" * 10_000] * 100))
    with pytest.raises(InputError, match="stamp.cpu = ") as caught:
        read_baseline(path)
    assert len(str(caught.value)) < len(str(path)) + 500


def test_no_damage_gets_through(tmp_path: Path) -> None:
    """Whatever is put anywhere is refused in a line, or does no harm."""
    odd: tuple[Any, ...] = (
        ..., None, True, 0, -1, 1e308, 10**400, "", "a\nb\x1b[2J", [], [None], {}, {"a": []},
    )  # fmt: skip
    refused = harmless = 0
    for place in places(report()):
        for value in odd:
            path = saved(tmp_path, changed(place, value))
            try:
                baseline = read_baseline(path)
                check_like(baseline, report(), accept_unlike=True)
                made = compare(baseline, report(), 0.05, 10.0)
            except InputError as error:
                assert len(str(error).splitlines()) == 1, place
                refused += 1
            else:
                text = made.to_text()
                assert "\x1b" not in text
                to_junit(made)
                json.dumps(made.to_dict(), allow_nan=False, ensure_ascii=False).encode()
                harmless += 1
    assert refused > 300  # the test did what it says: each of both happened often
    assert harmless > 100


UNLIKE: list[tuple[Place, Any, str]] = [
    (("stamp", "system"), "Linux aarch64", "system (Linux x86_64, now Linux aarch64)"),
    (("stamp", "cpu"), "Other CPU", "cpu (Some CPU, now Other CPU)"),
    (("stamp", "cpu_count"), 8, "cpu_count (2, now 8)"),
    (("stamp", "cpu_features"), ["avx2"], "cpu_features (avx2, avx512, now avx2)"),
    (("stamp", "jpeg"), "other decoder", "jpeg (some decoder, now other decoder)"),
    (("stamp", "reference"), "ef" * 32, "reference (abababababab, now efefefefefef)"),
    (("data", "name"), "other", "data.name (set, now other)"),
    (("data", "pictures"), 3, "data.pictures (2, now 3)"),
    (("data", "scale"), 0.5, "data.scale (1.0, now 0.5)"),
    (
        ("quality", 0, "gains_db"),
        {"bikes": 1.25, "sea": 1.0},
        "pictures of gray (sky, now sea)",
    ),
    (("quality", 1, "gains_db"), {"bikes": 0.75}, "pictures of planes (sky, now none)"),
    (("setup", "threads"), 4, "setup.threads (2, now 4)"),
    (
        ("setup", "memory_limit_bytes"),
        1 << 20,
        "setup.memory_limit_bytes (67108864, now 1048576)",
    ),
    (("models", 0, "runtime"), "litert", f"runtime of {SMALL} (onnxruntime, now litert)"),
    (
        ("models", 0, "runtime_version"),
        "1.21.0",
        f"runtime_version of {SMALL} (1.20.1, now 1.21.0)",
    ),
    (
        ("models", 0, "provider"),
        "CUDAExecutionProvider",
        f"provider of {SMALL} (CPUExecutionProvider, now CUDAExecutionProvider)",
    ),
    (("models", 1, "threads"), 1, "threads of DnCNN3 (2, now 1)"),
    (("models", 0, "fallback"), "no CUDA", f"fallback of {SMALL} (none, now no CUDA)"),
]


@pytest.mark.parametrize(("place", "value", "words"), UNLIKE)
def test_each_field_that_differs_is_refused(
    tmp_path: Path, place: Place, value: Any, words: str
) -> None:
    baseline = read_baseline(saved(tmp_path, report()))
    current = changed(place, value)
    with pytest.raises(InputError) as caught:
        check_like(baseline, current, accept_unlike=False)
    assert str(caught.value) == (
        f"the baseline '{tmp_path / 'base.json'}' was measured with another {words}: measure a "
        "new baseline here, or add --accept-unlike."
    )
    check_like(baseline, current, accept_unlike=True)
    (found,) = differences(baseline, current)
    assert (found.words, found.refused) == (words, True)


def test_all_unlike_fields_are_named_at_once(tmp_path: Path) -> None:
    baseline = read_baseline(saved(tmp_path, report()))
    current = report()
    current["stamp"] |= {"cpu": "Other CPU", "edgeqe": "0.6.0"}
    current["models"][0]["provider"] = "CUDAExecutionProvider"
    with pytest.raises(InputError) as caught:
        check_like(baseline, current, accept_unlike=False)
    assert (
        f"another cpu (Some CPU, now Other CPU), provider of {SMALL} (CPUExecutionProvider, now "
        "CUDAExecutionProvider): measure" in str(caught.value)
    )


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("stamp", "edgeqe"), "0.6.0", "edgeqe (0.5.0, now 0.6.0)"),
        (("stamp", "python"), "3.12.1", "python (3.11.2, now 3.12.1)"),
        (("stamp", "numpy"), "2.2.0", "numpy (2.1.0, now 2.2.0)"),
        (("models", 0, "sha256"), "01" * 32, f"sha256 of {SMALL} (cdcdcdcdcdcd, now 010101010101)"),
        (("models", 0, "window"), [384, 384], f"window of {SMALL} (512, 512, now 384, 384)"),
    ],
)
def test_what_is_compared_is_told_and_not_refused(place: Place, value: Any, words: str) -> None:
    baseline, current = {**report(), "file": "base.json"}, changed(place, value)
    check_like(baseline, current, accept_unlike=False)
    (found,) = differences(baseline, current)
    assert (found.words, found.refused) == (words, False)


def test_comparability_can_be_asked_before_anything_is_measured() -> None:
    current = report()
    current |= {"quality": [], "latency": {"lanes": []}, "memory": []}
    baseline = {**report(), "file": "base.json"}
    baseline["quality"][0]["gains_db"] = {"other": 1.0}
    baseline["models"].append({**baseline["models"][0], "name": "another", "threads": 7})
    check_like(baseline, current, accept_unlike=False)
    # gray was measured by the baseline alone, so colour's pictures are all there is to compare
    current["quality"] = [quality("planes", 10, 1.0, 1.0)]
    check_like(baseline, current, accept_unlike=False)
    current["quality"] = [quality("gray", 10, 1.0, 1.0)]
    with pytest.raises(InputError, match=r"pictures of gray \(other, now bikes, sky\)"):
        check_like(baseline, current, accept_unlike=False)


def test_many_pictures_are_not_all_named() -> None:
    baseline, current = {**report(), "file": "base.json"}, report()
    baseline["quality"][0]["gains_db"] |= {f"p{number}": 0.0 for number in range(10)}
    (found,) = differences(baseline, current)
    named = "p0, p1, p2, p3, p4, p5, p6, p7 and 2 more"
    assert found.words == f"pictures of gray ({named}, now none)"
    assert len(found.to_dict()["baseline"]) == 10


def test_a_report_that_was_no_file_yet_may_have_tuples() -> None:
    current = copy.deepcopy(report())
    current["stamp"]["cpu_features"] = ("avx2", "avx512")
    current["models"][0]["window"] = (512, 512)
    assert differences(report(), current) == []


@pytest.mark.parametrize("where", ["baseline", "now"])
def test_other_programs_hide_a_small_slowdown_and_not_a_large_one(
    tmp_path: Path, where: str
) -> None:
    def compared(slower: float) -> Comparison:
        before, now = report(), report()
        disturbed = before if where == "baseline" else now
        disturbed["stamp"]["others_busy"] = 0.9  # of two processors
        now["latency"]["lanes"][0] = lane(SMALL, "rgb", 1.5 * (1 + slower))
        return compare(read_baseline(saved(tmp_path, before)), now, 0.05, 10)

    words = {"baseline": "beside the baseline:", "now": "beside this run:"}[where]
    hidden = compared(0.18)
    assert hidden.failures() == []
    assert any(words in note for note in hidden.notes())
    assert len(compared(0.3).failures()) == 1


def test_another_state_of_the_machine_hides_a_small_slowdown(tmp_path: Path) -> None:
    def compared(balance: float | None, slower: float) -> Comparison:
        now = report()
        now["latency"]["reference_balance"] = balance  # 1.2 in the baseline
        now["latency"]["lanes"][0] = lane(SMALL, "rgb", 1.5 * (1 + slower))
        return compare(read_baseline(saved(tmp_path, report())), now, 0.05, 10)

    for balance in (0.95, 1.5):
        hidden = compared(balance, 0.18)
        assert hidden.failures() == []
        assert any("1.20 times" in note and f"{balance:.2f}" in note for note in hidden.notes())
        assert len(compared(balance, 0.3).failures()) == 1
    for known in (1.05, 1.4, None):  # within a fifth, or unknown
        assert len(compared(known, 0.18).failures()) == 1
