"""The page: well-formed, complete, rounded right, and closed to the outside."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from edgeqe.bench.page.crops import Crop  # noqa: E402  # behind the skip
from edgeqe.bench.page.html import page_html  # noqa: E402
from edgeqe.coding import RatePoint  # noqa: E402
from edgeqe.errors import MissingPackageError  # noqa: E402
from tests.bench.html_page import Page  # noqa: E402
from tests.bench.made_up_report import made_up_report  # noqa: E402

TEMPLATES = Path(__file__).resolve().parents[2] / "edgeqe" / "bench" / "page" / "templates"
CHROMIUM = shutil.which("chromium")


def crop(picture: str = "bikes", shape: tuple[int, ...] = (144, 192, 3), **facts: Any) -> Crop:
    rng = np.random.default_rng(len(shape))
    original, coded, enhanced = (rng.integers(0, 256, shape, np.uint8) for _ in range(3))
    given: dict[str, Any] = {
        "model": "edgeqe-small:int8",
        "picture": picture,
        "which": "worst",
        "protocol": "planes",
        "point": RatePoint("jpeg", 10),
        "gain_db": 0.8414,
        "original": original,
        "coded": coded,
        "enhanced": enhanced,
        "psnr_db_before": 24.306,
        "psnr_db_after": 25.021,
    }
    return Crop(**{**given, **facts})


@pytest.fixture(scope="module")
def source() -> str:
    """Page of the whole report, drawn once."""
    gray = crop("caps", (48, 64), which="median", protocol="gray")
    return page_html(made_up_report(), [crop(), gray])


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for the plots, where they are not what is looked at."""
    for name in ("pareto_png", "quality_png", "rate_png"):
        monkeypatch.setattr(f"edgeqe.bench.page.html.{name}", lambda *_: b"\x89PNG\r\n\x1a\n")


def test_the_page_is_whole_and_in_order(source: str, page: Page) -> None:
    assert source.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.headings[0] == ("h1", "edgeqe bench: live1")
    assert [level for level, _ in page.headings].count("h1") == 1
    assert page.sections() == [
        "Trade-off", "Quality", "Bits saved", "Latency", "Memory", "Pictures", "Conditions",
    ]  # fmt: skip
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert [link["href"] for link in page.of("a")] == [f"#{name}" for name in names]
    assert all(cell["scope"] in ("row", "col") for cell in page.of("th"))
    assert all(table.caption for table in page.tables)
    assert all(len(row) == len(t.headings) for t in page.tables for row in t.rows)


def test_the_page_asks_for_nothing(source: str, page: Page) -> None:
    assert not re.search(r"https?:|@import|url\(", source)
    assert {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags} == set()
    sources = [attributes["src"] for _, attributes in page.tags if "src" in attributes]
    assert all(src.startswith("data:image/png;base64,") for src in sources)
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    (policy,) = (m["content"] for m in page.of("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none';")


def test_every_picture_is_a_png_file_of_the_size_it_says(page: Page) -> None:
    pictures = page.of("img")
    # Trade-off, two protocols' quality, two protocols' rates, and two cuts of three.
    assert len(pictures) == 1 + 2 + 2 + 2 * 3
    for found in pictures:
        assert found["alt"]
        data = base64.b64decode(found["src"].removeprefix("data:image/png;base64,"), validate=True)
        with Image.open(io.BytesIO(data)) as opened:
            shown = int(found["width"]), int(found["height"])
            # Plots are shown at three quarters of their pixels (the height of 810 gives 607.5),
            # cuts at twice their own.
            expected = (864, 608) if opened.width == 1152 else (2 * opened.width, 2 * opened.height)
            assert shown == expected


def test_the_advice_is_at_the_top(page: Page) -> None:
    line = (
        "Best that holds 20 frames a second at 720p: edgeqe-small:int8 (+1.141 dB, 24.3 frames "
        "a second)."
    )
    assert page.words.index(line) < page.words.index("Trade-off")
    assert "4 pictures · target x86-cpu · AMD EPYC 7B13 · 2 threads" in page.words
    assert "Interrupted: only what is shown was measured." not in page.words


def test_the_cuts_are_shown_with_their_figures(page: Page) -> None:
    shown = [found for found in page.of("img") if "cut of" in found["alt"]]
    expected = [getattr(crop(), kind) for kind in ("original", "coded", "enhanced")]
    for found, pixels in zip(shown, expected, strict=False):
        data = base64.b64decode(found["src"].removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(data)) as opened:
            np.testing.assert_array_equal(np.asarray(opened), pixels)
    assert "JPEG quality 10: 24.31 dB" in page.words
    # 25.021 - 24.306 = 0.715
    assert "edgeqe-small:int8: 25.02 dB (+0.71)" in page.words
    assert ("h3", "edgeqe-small:int8, worst picture: bikes") in page.headings
    assert "The whole picture gains +0.841 dB in protocol planes at JPEG quality 10." in page.words


def test_the_conditions_close_the_page(page: Page) -> None:
    table = page.table("Conditions of the machine")
    assert table.headings == ["Condition", "Before", "After"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["Load average"] == ["0.40", "1.90"]
    assert rows["Temperature, °C"] == ["41.0", "63.5"]
    assert rows["Clock held down"] == ["no", "no"]
    assert "Power mode" not in rows  # unknown
    ways = page.table("How the models ran")
    assert ways.column("Runtime")["edgeqe-small:int8.tflite"] == "litert 2.1.0"
    assert ways.column("Window")["edgeqe-tiny:int8"] == "512x512"
    for words in (
        "0.5.0, Python 3.11.2, numpy 2.4.6",
        "5f" * 32,
        "64 MiB",
        "edgeqe-base:float16 was left out: this processor computes float16 in float32.",
        "After: The clock is a virtual machine's.",
    ):
        assert words in page.words


def test_what_was_not_measured_has_no_section(undrawn: None) -> None:
    report = made_up_report(
        quality=[], bd=[], memory=[], pareto=None, advice=None, notes=[], interrupted=True,
        latency={"reference_ms": None, "reference_balance": None, "quality": None, "lanes": []},
    )  # fmt: skip
    report["stamp"]["conditions"] = {}
    page = Page(page_html(report, []))
    # What a model costs is known before anything is measured.
    assert page.sections() == ["Trade-off", "Conditions"]
    assert [link["href"] for link in page.of("a")] == ["#trade-off", "#conditions"]
    assert page.of("img") == []
    assert [table.caption for table in page.tables] == [
        "What the models cost",
        "How the models ran",
    ]
    assert page.tables[0].headings == [
        "Model", "kMAC/px", "Parameters", "File KiB", "Planned MiB",
    ]  # fmt: skip
    assert page.words.index("Interrupted: only what is shown was measured.") < page.words.index(
        "Trade-off"
    )


def test_a_comparison_with_a_baseline_is_told_first(undrawn: None) -> None:
    compared = {
        "file": "old/report.json",
        "holds": False,
        "failures": ["edgeqe-tiny:int8 gray quality 10 lost 0.2 dB"],
        "notes": [],
    }
    page = Page(page_html(made_up_report(baseline=compared), []))
    assert page.sections()[0] == "Baseline"
    assert "Compared with old/report.json: regresses." in page.words
    assert "edgeqe-tiny:int8 gray quality 10 lost 0.2 dB" in page.words
    compared |= {"holds": True, "failures": []}
    page = Page(page_html(made_up_report(baseline=compared), []))
    assert "Compared with old/report.json: nothing regresses." in page.words


HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>&amp;\''


def test_names_of_files_stay_text(undrawn: None) -> None:
    report = made_up_report()
    for entry in (*report["quality"], *report["models"], *report["pareto"]["points"]):
        for key in ("model", "name", "file", "worst_picture"):
            if key in entry:
                entry[key] = f"{entry[key]} {HOSTILE}"
    report["data"]["name"] = report["notes"][0] = HOSTILE
    page = Page(page_html(report, [crop(HOSTILE, model=HOSTILE)]))
    assert {"script", "onerror"} & {tag for tag, _ in page.tags} == set()
    assert all("onerror" not in found for found in page.of("img"))
    assert page.headings[0] == ("h1", f"edgeqe bench: {HOSTILE}")
    assert f"bikes {HOSTILE}" in page.table("Protocol gray").column("Worst picture").values()
    assert {found["alt"] for found in page.of("img")} >= {f"{HOSTILE}: cut of {HOSTILE}"}


def test_no_template_switches_escaping_off() -> None:
    templates = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir()}
    assert {"page.html", "macros.html", "style.css"} <= set(templates)
    found = [name for name, text in templates.items() if re.search(r"\bsafe\b|autoescape", text)]
    assert found == []


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)  # so that its import fails
    with pytest.raises(MissingPackageError, match=r"^jinja2, .*: pip install 'edgeqe\[bench,.*'$"):
        page_html(made_up_report(), [])


def test_half_letters_of_a_file_name_can_be_stored(undrawn: None) -> None:
    # What Python makes of a file name that is not UTF-8.
    report = made_up_report()
    report["quality"][0]["worst_picture"] = "caf\udce9"
    page = page_html(report, [])
    assert page.encode("utf-8").decode("utf-8") == page
    assert "caf?" in page


WRAPPER = """<!DOCTYPE html><body>
<iframe width=1280 height=900 srcdoc="{page}"></iframe>
<iframe width=390 height=900 srcdoc="{page}"></iframe>
<iframe width=390 height=900 srcdoc="<div style='width:600px'>too wide</div>"></iframe>
<script>
addEventListener("load", () => {{
  const found = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument, root = page.documentElement;
    const boxes = [...page.querySelectorAll(".scroll")];
    return {{
      width: frame.contentWindow.innerWidth,
      seen: root.clientWidth,
      content: root.scrollWidth,
      images: [...page.images].filter((image) => image.complete && image.naturalWidth).length,
      wide_images: [...page.images].filter((image) => image.width > root.clientWidth).length,
      scrolling: boxes.filter((box) => box.scrollWidth > box.clientWidth).length,
    }};
  }});
  document.body.textContent = "";
  document.body.append("found" + JSON.stringify(found) + "end");
}});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on PATH")
def test_a_browser_shows_it_at_desktop_and_phone_width(source: str, tmp_path: Path) -> None:
    # A window of Chromium may not be as narrow as a phone, a frame in one may. The frames' pages
    # keep their own content policy; the wrapper's script only looks at them.
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(WRAPPER.format(page=html.escape(source)), encoding="utf-8")
    done = subprocess.run(
        [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom",
         "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=1400,900", wrapper.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    (found,) = re.findall(r"found(\[.*\])end", done.stdout)
    desktop, phone, too_wide = json.loads(found)
    assert (desktop["width"], phone["width"]) == (1280, 390)
    for frame in (desktop, phone):
        assert frame["content"] <= frame["seen"]
        assert (frame["images"], frame["wide_images"]) == (11, 0)
    # Wide tables scroll in their own boxes, and the check would find a page that does not fit.
    assert phone["scrolling"] > 0
    assert too_wide["content"] >= 600 > too_wide["seen"]
