"""What the sources say of the public names: signatures and docstrings, without importing them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

#: Longest line of a signature.
WIDTH = 90


@dataclass(frozen=True)
class Member:
    """A function, method, property or attribute."""

    name: str
    signature: str
    """Arguments and result; of a property or an attribute its type alone."""
    doc: str


@dataclass(frozen=True)
class ClassText:
    """A class with its public members, in the order of the source."""

    name: str
    bases: tuple[str, ...]
    signature: str
    """Of its constructor; empty where it has none of its own."""
    doc: str
    fields: tuple[Member, ...]
    properties: tuple[Member, ...]
    methods: tuple[Member, ...]


Text = Member | ClassText


def face(root: Path) -> dict[str, str]:
    """Module of each public name of the package, in the order of ``edgeqe.__all__``."""
    values: dict[str, object] = {}
    modules: dict[str, str] = {}
    for node in _parsed(root, "edgeqe").body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            modules |= {alias.name: str(node.module) for alias in node.names}
    names, lazy = values["__all__"], values["_LOADED_FROM"]
    assert isinstance(names, ast.List) and isinstance(lazy, ast.Dict)
    modules |= ast.literal_eval(lazy)
    return {name: modules[name] for name in ast.literal_eval(names) if name != "__version__"}


def public(root: Path, module: str) -> dict[str, Text]:
    """What the names of a module's ``__all__`` are."""
    nodes = _parsed(root, module).body
    listed = next(
        node.value for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )  # fmt: skip
    origins = {
        alias.name: node.module for node in nodes if isinstance(node, ast.ImportFrom)
        for alias in node.names if node.module and node.module.startswith("edgeqe.")
    }  # fmt: skip
    found: dict[str, Text] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = Member(node.name, signature(node), _doc(node))
        elif isinstance(node, ast.ClassDef):
            text = _class(node)
            for base in text.bases:
                if base in origins:  # written in a file of its own
                    text = _joined(text, public(root, origins[base])[base])
            found[node.name] = text
    return {name: found[name] for name in ast.literal_eval(listed) if name in found}


def signature(node: ast.FunctionDef) -> str:
    """Arguments without ``self``, and the result; one a line where they are many."""
    given = node.args
    plain = [arg for arg in given.args if arg.arg != "self"]
    defaults = [None] * (len(plain) - len(given.defaults)) + given.defaults
    words = [_argument(*pair) for pair in zip(plain, defaults, strict=True)]
    if given.kwonlyargs:
        words.append("*")
        pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
        words += [_argument(*pair) for pair in pairs]
    result = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    short = f"({', '.join(words)}){result}"
    if len(node.name + short) <= WIDTH:
        return short
    return "(\n" + "".join(f"    {word},\n" for word in words) + f"){result}"


def _argument(arg: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(arg.annotation)}" if arg.annotation is not None else ""
    return f"{arg.arg}{kind}" + (f" = {_text(default)}" if default is not None else "")


def _text(default: ast.expr) -> str:
    """Default as the source writes it: text in double quotes."""
    written = ast.unparse(default)
    return f'"{written[1:-1]}"' if written[:1] == "'" else written


def _class(node: ast.ClassDef) -> ClassText:
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    shown = [item for item in methods if not item.name.startswith("_") and not _is_overload(item)]
    is_property = {item.name: bool(item.decorator_list) for item in shown}
    made = next((signature(item) for item in methods if item.name == "__init__"), "")
    return ClassText(
        name=node.name,
        bases=tuple(ast.unparse(base) for base in node.bases),
        signature=made.removesuffix(" -> None"),
        doc=_doc(node),
        fields=tuple(_fields(node.body)),
        properties=tuple(
            Member(item.name, ast.unparse(item.returns) if item.returns else "", _doc(item))
            for item in shown if is_property[item.name]
        ),
        methods=tuple(
            Member(item.name, signature(item), _doc(item))
            for item in shown if not is_property[item.name]
        ),
    )  # fmt: skip


def _is_overload(item: ast.FunctionDef) -> bool:
    """Whether it only tells type checkers of one way to call the function below it."""
    return any(ast.unparse(decorator) == "overload" for decorator in item.decorator_list)


def _joined(one: ClassText, base: Text) -> ClassText:
    """A class with what it has from its base, first."""
    assert isinstance(base, ClassText)
    return replace(
        one,
        properties=(*base.properties, *one.properties),
        methods=(*base.methods, *one.methods),
    )


def _fields(body: list[ast.stmt]) -> Iterator[Member]:
    """Annotated attributes, each with the docstring that follows it."""
    for node, behind in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = ""
            if isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant):
                text = inspect.cleandoc(str(behind.value.value))
            yield Member(node.target.id, ast.unparse(node.annotation), text)


def _doc(node: ast.FunctionDef | ast.ClassDef) -> str:
    return ast.get_docstring(node) or ""


def _parsed(root: Path, module: str) -> ast.Module:
    path = root / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))
