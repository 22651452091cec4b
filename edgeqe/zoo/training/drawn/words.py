"""Words that mean nothing: their letters, lengths and marks are as of real text."""

from __future__ import annotations

from functools import cache

import numpy as np

#: Beginnings and ends of syllables by script.
SYLLABLES = {
    "latin": (
        "b c d f g h l m n p r s t v w st tr pl gr ch th qu k j z br".split(),
        "a e i o u ea on er in al es it ou an ar ing ed ly um".split(),
    ),
    "accented": (
        "b c d f g h l m n p r s t v w st sch tr ç ñ j z".split(),
        "a e i o u é è ö ü ä ô er in à ê on".split(),
    ),
    "greek": ("β γ δ θ κ λ μ ν π ρ σ τ φ χ".split(), "α ε η ι ο ου ας ος ων ει".split()),
    "cyrillic": (
        "б в г д ж з к л м н п р с т ф х ч ш щ".split(),
        "а е и о у ы ю я ой ать ие ов ый".split(),
    ),
}
#: Words of programs.
KEYWORDS = "def return import for in if else class while const let static void int try with".split()
VOCABULARY = 500


@cache
def vocabulary(script: str) -> tuple[str, ...]:
    """Words of 1 to 4 syllables, the same in every process."""
    rng = np.random.default_rng(1)
    heads, tails = SYLLABLES[script]
    return tuple(
        "".join(
            heads[int(rng.integers(len(heads)))] + tails[int(rng.integers(len(tails)))]
            for _ in range(int(rng.choice(4, p=(0.4, 0.35, 0.2, 0.05))) + 1)
        )
        for _ in range(VOCABULARY)
    )


def words(rng: np.random.Generator, count: int, script: str = "latin") -> list[str]:
    """Some words of a script, in lower case."""
    known = vocabulary(script)
    return [known[index] for index in rng.integers(len(known), size=count)]


def sentence(rng: np.random.Generator, count: int, script: str = "latin") -> str:
    """Words with a capital, commas, a number now and then, and a full stop."""
    chosen = words(rng, count, script)
    marks = rng.random(count)
    for place, mark in enumerate(marks):
        if mark < 0.06:
            chosen[place] = number(rng)
        elif mark < 0.14:
            chosen[place] += ",;:"[int(mark * 50) % 3]
        elif mark > 0.95:
            chosen[place] = chosen[place].capitalize()
    return " ".join(chosen).capitalize() + ".?!"[int(marks[0] * 3)]


def label(rng: np.random.Generator, longest: int = 2, script: str = "latin") -> str:
    """One to `longest` words with a capital, some in capitals throughout."""
    text = " ".join(words(rng, int(rng.integers(1, longest + 1)), script))
    return text.upper() if rng.random() < 0.12 else text.capitalize()


def number(rng: np.random.Generator) -> str:
    """A number as tables and axes show it: counts, prices, shares, dates."""
    value = int(10 ** rng.uniform(0, 5))
    forms = (f"{value}", f"{value:,}", f"{value / 100:.2f}", f"{value % 101}%", f"-{value / 10}")
    dates = (f"20{value % 30:02d}-{value % 12 + 1:02d}-{value % 28 + 1:02d}", f"${value}.99")
    return (forms + dates)[int(rng.integers(7))]


def code_line(rng: np.random.Generator) -> list[tuple[str, str]]:
    """Parts of a line of a program, each with what it is.

    Returns
    -------
    list of (str, str)
        Text, and ``keyword``, ``name``, ``text``, ``number``, ``comment`` or ``mark``.
    """
    first, second, third = words(rng, 3)
    name = f"{first}_{second}"
    kind = int(rng.integers(7))
    keyword = KEYWORDS[int(rng.integers(len(KEYWORDS)))]
    if kind == 0:
        return [("# " + sentence(rng, 5), "comment")]
    if kind == 1:
        return [(keyword, "keyword"), (f" {name}(", "mark"), (third, "name"), ("):", "mark")]
    if kind == 2:
        return [(name, "name"), (" = ", "mark"), (number(rng), "number"), (";", "mark")]
    if kind == 3:
        return [(f"{first}.{second}(", "name"), (f'"{third}"', "text"), (")", "mark")]
    if kind == 4:
        return [(keyword, "keyword"), (f" {first}", "name"), (" != ", "mark"), (third, "name")]
    if kind == 5:
        return [(f"{name}[{third}] += ", "name"), (number(rng), "number")]
    return [(keyword, "keyword"), (f" {first}", "name")]
