"""The repository as text and as syntax trees, for the tests that hold the house together."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """What git keeps or would keep: nothing of environments, data and caches."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(path for name in sorted(set(listed.stdout.split("\0"))) if name and (path := ROOT / name).is_file())


def modules(*, tests: bool = True) -> Iterator[tuple[str, ast.Module]]:
    """Each Python file's path within the repository and its tree; migrations, which Django writes, left out."""
    for path in files():
        name = path.relative_to(ROOT)
        if path.suffix != ".py" or "migrations" in name.parts or (not tests and "tests" in name.parts):
            continue
        yield str(name), _tree(path)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def found(kind: type[ast.AST], *, tests: bool = False) -> Iterator[tuple[str, ast.AST]]:
    """Each node of `kind` with its place (`file:line`)."""
    for name, tree in modules(tests=tests):
        for node in ast.walk(tree):
            if isinstance(node, kind):
                yield f"{name}:{node.lineno}", node
