"""Models are guests: outside a family's folder nothing names the family, its own keys, or how many stages a model has.

A family is a folder of src/models with a family.hpp. Its own keys are those that its files read and that are not part of
FieldShape; the layers that read decks may not name them. Folders of src/models that several families share (without a
family.hpp) may not name a family either.
"""
import os
import re
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ROSSBY_SOURCE", Path(__file__).resolve().parents[2]))
# The line that a family has elsewhere, and that in the header for programs which describe models themselves.
LISTS = ("src/models/registry.cpp", "include/rossby/families.hpp")
KEY = re.compile(r'\b(?:block|read_\w+)\(\s*(?:block\s*,\s*)?"(\w+)"')
STAGES = re.compile(r"\bstages?(?:_\w+)?\b[^;\n]*(?:[<=]=?|\[)\s*[2-5]\b", re.I)
READS_DECKS = re.compile(r"(?:src|include/rossby)/(?:data|train|parallel|optim|app)/")


def families(files):
    """name -> words that stand for it: the folder, and the values of model.type."""
    found = {}
    for path, text in files.items():
        match = re.fullmatch(r"src/models/(\w+)/family\.hpp", path)
        if match:
            name = match[1]
            types = {name}
            for other, code in files.items():
                if other.startswith(f"src/models/{name}/"):
                    listed = re.search(r"return\s*\{\{((?:\s*\"\w+\"\s*,?)+)\}", code)
                    types |= set(re.findall(r'"(\w+)"', listed[1])) if listed else set()
            found[name] = types
    return found


def home_of(path, names):
    """The family whose folder a file lies in; None for other files."""
    match = re.match(r"(?:src|include/rossby)/models/(\w+)/", path)
    return match[1] if match and match[1] in names else None


def check(files):
    names = families(files)
    shared = set(re.findall(r"\w+", files["include/rossby/models/field_shape.hpp"]))
    keys = {name: set() for name in names}
    for path, text in files.items():
        if home_of(path, names):
            keys[home_of(path, names)].update(set(KEY.findall(text)) - shared)
    for path, text in files.items():
        if path in LISTS:
            continue
        home = home_of(path, names)
        for number, line in enumerate(text.splitlines(), 1):
            for name, words in names.items():
                if name == home:
                    continue
                for word in sorted(words):
                    if re.search(rf"(?<![a-z]){word}(?![a-z])", line, re.I):
                        yield f"{path}:{number}: names the family {name}: {line.strip()[:80]}"
                for key in sorted(keys[name]):
                    if READS_DECKS.match(path) and re.search(rf'"(?:model\.)?{key}"', line):
                        yield f"{path}:{number}: names the key {key} of {name}: {line.strip()[:80]}"
            if not path.startswith(("src/models/", "include/rossby/models/")) and STAGES.search(line):
                yield f"{path}:{number}: knows a number of stages: {line.strip()[:80]}"
    for name in names:
        if f"{name}_family()" not in files.get(LISTS[0], ""):
            yield f"{LISTS[0]}: the family {name} is not registered"


def main():
    paths = sorted(p for top in ("include", "src") for p in (ROOT / top).rglob("*.[ch]pp"))
    files = {p.relative_to(ROOT).as_posix(): p.read_text() for p in paths}
    names = families(files)
    if len(names) < 3:
        sys.exit(f"found only {sorted(names)} of the families")
    problems = list(check(files))
    print("\n".join(problems) or f"{len(names)} families are guests of {len(files)} files")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
