"""The page of peers from made-up figures; docs/peers.md has the script's own output."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edgeqe.bench.data import packaged_file
from edgeqe.errors import InputError
from tests.scripts.peers_figures import (
    CONVERTED,
    OURS,
    PLAIN,
    TUNED,
    cells,
    figures,
    in_one_line,
    load_script,
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    return load_script(monkeypatch)


def test_the_figures_stand_in_their_rows(script: dict[str, ModuleType]) -> None:
    text = script["page"].page(figures())
    found = cells(text, "Measured")
    assert found["JPEG itself"][2:5] == [
        "20.10 / 20.20 / 20.40", "0.7100 / 0.7200 / 0.7400", "18.10 / 18.20 / 18.40"
    ]  # fmt: skip
    assert found[OURS] == [
        "5.8", "23,410", "21.35 / 21.45 / 21.65", "0.8100 / 0.8200 / 0.8400",
        "20.85 / 20.95 / 21.15", "-15.75 %", "50.0", "20.0", "40.0",
    ]  # fmt: skip
    # the faster of DnCNN-3's two rows counts: 2000 ms, not 2500
    assert found[CONVERTED][-3:] == ["2,500", "0.40", "0.80"]
    assert found[PLAIN] == ["665.3", "665,921", "–", "–", "–", "–", "2,000", "0.50", "1.00"]
    assert found[TUNED] == [
        "–", "–", "20.23 / 20.32 / 20.52", "0.8100 / 0.8200 / 0.8400", "19.73 / 19.82 / 20.02",
        "+0.50 %", "1.25", "800", "1,600",
    ]  # fmt: skip
    assert f"by the faster of its rows ({PLAIN})." in in_one_line(text)
    gains = cells(text, "Gain by quality")
    assert gains[TUNED] == ["+0.125 (-0.875)"] * 4
    assert PLAIN not in gains
    colour = cells(text, "BD-rate in colour")
    assert colour[OURS] == ["-17.25 %", "-14.50 %"]
    assert TUNED not in colour


def test_the_page_says_where_and_with_what(script: dict[str, ModuleType]) -> None:
    text = script["page"].page(figures())
    # tables cannot be wrapped
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("|"))
    assert cells(text, "What was run")["q70"] == ["`off`"]
    words = in_one_line(text)
    for told in (
        "Some CPU (avx2, fma), 2 processors.",
        "- JPEG: some decoder.",
        f"- {PLAIN}: runtime of {PLAIN}.",
        "the two results differ by 1 grey level at most.",
        f"- BD-rate of {TUNED} is without bikes, caps, whose curves cannot be compared.",
        f"- Times: 20 rounds; they differ by 10 % or more, so that the time is rough, of {OURS}.",
        "- Note: something else kept 1.0 of 2 processors busy during the run: close it.",
        # the made-up JPEG beside the published one, and DnCNN-3 beside its own row
        "It has 20.10 / 20.20 / 20.40 dB here and 27.77 / 30.07 / 32.35 dB there.",
        "21.60 / 21.70 / 21.90 dB, SSIM 0.8100 / 0.8200 / 0.8400 and PSNR-B "
        "21.10 / 21.20 / 21.40 dB here; 29.19 / 31.59 / 33.96 dB, 0.8123 / 0.8802 / 0.9247 and",
    ):
        assert told in words


def test_what_is_absent_is_left_out_and_named(script: dict[str, ModuleType]) -> None:
    absent = figures((10, 20, 40))
    absent["networks"] = absent["networks"][:1]
    absent["quality"] = [row for row in absent["quality"] if row["model"] == OURS]
    absent["lanes"], absent["bd"] = absent["lanes"][:1], []
    absent |= {"deblock": None, "differs": None, "left_out": ["this", "that"]}
    text = script["page"].page(absent)
    assert cells(text, "Measured")[OURS][-4:] == ["–", "50.0", "20.0", "–"]
    words = in_one_line(text)
    assert "BD-rate: left out, 4 qualities are the fewest that give one." in words
    assert "- Left out: this. - Left out: that." in words
    for word in ("## BD-rate in colour", "| quality |", "*Times DnCNN-3*", "DnCNN-3 shows how"):
        assert word not in words


def test_the_published_rows_name_their_paper(script: dict[str, ModuleType]) -> None:
    published = script["published"]
    text = script["page"].page(figures())
    section = text.partition("## As published, not measured here\n")[2].partition("\n## ")[0]
    # a header, a line of dashes, and the rows
    assert len(re.findall(r"^\|", section, re.M)) == 2 + len(published.PUBLISHED)
    assert {one.source for one in published.PUBLISHED} == set(published.PAPERS)
    for name, paper in published.PAPERS.items():
        assert f"- {name}: {paper}." in in_one_line(section)
    row = next(line for line in section.splitlines() if line.startswith("| ASQE-CNN |"))
    assert row == (
        "| ASQE-CNN | one a quality | 434 | 881,943 | 29.42 / 31.79 / 34.16 | – | – "
        "| -24.29 % | -26.59 % | ASQE-CNN |"
    )


def test_the_command_writes_the_page(
    script: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def measure_all(*given: Any) -> dict[str, Any]:
        asked.append(given)
        return figures()

    main = script["main"]
    monkeypatch.setattr(main, "measure_all", measure_all)
    out, data = tmp_path / "peers.md", packaged_file("chelsea.png").parent
    command = ["peers", "--data", str(data), "--out", str(out), "--quick"]
    monkeypatch.setattr(sys, "argv", command)
    assert main.main() == 0
    assert out.read_text(encoding="utf-8") == script["page"].page(figures())
    assert asked[0][1:3] == (None, (10, 20, 40))
    monkeypatch.setattr(sys, "argv", command[:-1])
    assert main.main() == 0
    assert asked[1][2] == (10, 20, 40, 70, 85, 90)


def test_a_wrong_use_writes_nothing(
    script: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main, out = script["main"], tmp_path / "peers.md"
    command = ["peers", "--data", str(tmp_path / "absent"), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    assert main.main() == InputError.exit_code
    assert capsys.readouterr().err.startswith(f"peers: '{tmp_path / 'absent'}' is no folder")
    monkeypatch.setattr(sys, "argv", [*command[:-1], str(tmp_path / "no" / "peers.md")])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 2
    assert list(tmp_path.iterdir()) == []
