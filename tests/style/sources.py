"""Every source and every test is in a list of CMake's: a file that no list names would vanish without a word."""
import os
import re
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ROSSBY_SOURCE", Path(__file__).resolve().parents[2]))
FOLDERS = ("src", "tests", "examples", "benchmarks")
SOURCES = {".cpp", ".c", ".f90"}
SCRIPTS = ("tests/style", "tests/regression", "tests/reference")


def wanted(path):
    """Is this repository path of a kind that must be listed?"""
    folder, suffix = path.rsplit("/", 1)[0], Path(path).suffix
    return suffix in SOURCES or (suffix in {".sh", ".py"} and folder in SCRIPTS)


def unlisted(files, lists):
    """Paths that no CMakeLists.txt in a folder above names, as seen from that folder; lists: folder -> text."""
    named = {folder: set(re.findall(r"[\w./-]+", re.sub(r"#.*", "", text))) for folder, text in lists.items()}
    for path in files:
        parts = path.split("/")
        above = [("/".join(parts[:n]), "/".join(parts[n:])) for n in range(1, len(parts))]
        # An example is named by its folder: foreach(example ...) adds ${example}/main.cpp.
        if not any(rest in named.get(folder, ()) or (parts[0] == "examples" and rest.split("/")[0] in named.get(folder, ()))
                   for folder, rest in above):
            yield f"{path}: no CMakeLists.txt lists it"


def main():
    found = [p for top in FOLDERS for p in sorted((ROOT / top).rglob("*")) if p.is_file()]
    lists = {p.parent.relative_to(ROOT).as_posix(): p.read_text() for p in found if p.name == "CMakeLists.txt"}
    files = [name for name in (p.relative_to(ROOT).as_posix() for p in found) if wanted(name)]
    problems = list(unlisted(files, lists))
    for folder, text in lists.items():
        if re.search(r"GLOB\w*[^)]*\.cpp", text):
            problems.append(f"{folder}/CMakeLists.txt: globs sources")
    print("\n".join(problems) or f"{len(files)} sources and tests are listed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
