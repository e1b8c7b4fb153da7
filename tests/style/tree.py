"""Checks the whole tree: no machine paths, no stray marks, files of a size that one reads."""
import os
import re
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ROSSBY_SOURCE", Path(__file__).resolve().parents[2]))
SKIP_FOLDERS = {"build", "runs", "data", ".git", ".ccache", "__pycache__"}
CODE = {".cpp", ".hpp", ".py", ".sh", ".cmake"}
MOST_LINES = 450
MOST_BYTES = 4 << 20
# Each pattern is written so that it does not match itself.
FORBIDDEN = {
    r"/(?:home|root|work|Users|glade)[/]\w": "a path of one machine",
    r"(?i)\b(?:to[d]o|fix[m]e|x[x]x|ha[c]k)\b": "an unfinished mark",
    r"\bfiles\.python[h]osted|deb[.]debian\.org|mirror[.]\w+\.\w+": "the host of a package registry",
    "<{7} |>{7} ": "a merge conflict",
}


def tracked():
    """Files at the top and below, without build products; data/ is a layer's name below the top."""
    for top in sorted(ROOT.iterdir()):
        if top.is_file():
            yield top
        elif top.name not in SKIP_FOLDERS:
            yield from sorted(p for p in top.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def check(path):
    name = path.relative_to(ROOT).as_posix()
    if path.stat().st_size > MOST_BYTES:
        yield f"{name}: {path.stat().st_size} bytes, more than {MOST_BYTES}"
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return  # a fixture
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, what in FORBIDDEN.items():
            if re.search(pattern, line):
                yield f"{name}:{number}: {what}: {line.strip()[:100]}"
    if path.suffix in CODE or path.name == "CMakeLists.txt":
        if text.count("\n") > MOST_LINES:
            yield f"{name}: {text.count(chr(10))} lines, more than {MOST_LINES}: split it"
        if "\t" in text:
            yield f"{name}: has tabs"
        if re.search(r"[ \t]+$", text, re.MULTILINE):
            yield f"{name}: has trailing blanks"
        if text and not text.endswith("\n"):
            yield f"{name}: does not end with a newline"
    if re.match(r"#!.*\bbash", text) and not re.search(r"^set -euo pipefail$|/support/\w+\.bash", text, re.MULTILINE):
        yield f"{name}: has neither set -euo pipefail nor a file of tests/support that sets it"


def main():
    files = [p for p in tracked() if not p.name.endswith(".swp") and p.name != ".git"]
    problems = [problem for path in files for problem in check(path)]
    print("\n".join(problems) or f"{len(files)} files are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
