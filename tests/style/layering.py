"""Reads every #include against the table of layers in docs/design.md, and checks who may see which library."""
import os
import re
import sys
from pathlib import Path

ROOT = Path(os.environ.get("ROSSBY_SOURCE", Path(__file__).resolve().parents[2]))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
KERNEL = re.compile(r"Kokkos::parallel_(?:for|reduce|scan)\s*\(\s*([^,]{0,120})", re.DOTALL)

# header pattern -> the places (prefixes of repository paths) that may include it
PRIVATE_HEADERS = {
    r"mpi\.h|nccl\.h": ("src/comm/", "include/rossby/mpi.hpp"),
    r"(hdf5|H5\w*|netcdf\w*)\.h": ("src/io/",),
    r"yaml-cpp/.*": ("src/core/deck",),
    r"CLI/.*": ("src/app/",),
    r"(KokkosBlas|KokkosKernels|KokkosSparse|KokkosBatched).*": ("src/ops/",),
}
# what a public header may include besides rossby/ and Kokkos
STANDARD = re.compile(r"[a-z_0-9]+")
# The face: what programs include. Headers of it that declare something belong to a layer, the others join headers of
# several and are for programs alone.
MOST_FACE = 14
FACE = {"fields": "data", "forecast": "train", "mpi": "comm", "rollout": "train", "session": "train", "train": "train"}
# What writers of models include beside; and how many headers all of the face reaches, and how many without these.
WRITERS = {"families", "model", "parallel"}
MOST_REACHED, MOST_REACHED_BY_RUNS = 72, 36
COMPAT = "include/rossby/core/kokkos_compat.hpp"
# Below the layers that begin a run nothing makes an instance of its own; a Context holds the one of a pass.
ON_GIVEN_INSTANCES = {"ops", "io", "dist", "autograd", "params", "nn", "models", "parallel", "optim"}
TAPE = "include/rossby/autograd/tape.hpp"


def allowed_layers():
    """layer -> the layers that it may include, itself among them."""
    allowed = {}
    for name, allowance in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", (ROOT / "docs/design.md").read_text(), re.M):
        lower = list(allowed) if "every lower" in allowance else re.findall(r"\w+", allowance)
        unknown = [layer for layer in lower if layer not in allowed]
        if unknown:
            sys.exit(f"docs/design.md: layer {name} may include {unknown}, which no row above it names")
        allowed[name] = {name, *lower}
    if len(allowed) < 10:
        sys.exit(f"docs/design.md: found only {len(allowed)} rows of the table of layers")
    return allowed


def layer_of(path):
    """The layer of a repository path; None for headers of the face that only join others."""
    parts = path.split("/")
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    return parts[2] if len(parts) > 3 else FACE.get(Path(path).stem)


def found_at(header):
    """The repository path of a header of ours as other layers include it: <rossby/...> of the face and what it reaches,
    "layer/..." of all others; None for what is not ours."""
    if header.startswith("rossby/"):
        return "include/" + header
    return "src/" + header if re.fullmatch(r"[a-z]+/.*", header) and (ROOT / "src" / header.split("/")[0] / "CMakeLists.txt").exists() else None


def check(path, text, allowed):
    layer = layer_of(path)
    public = path.startswith("include/")
    if layer is not None and layer not in allowed:
        yield f"{path}: folder {layer} is no layer of docs/design.md"
        return
    for bracket, header in INCLUDE.findall(text):
        ours = found_at(header)
        if ours:
            target = layer_of(ours)
            if not (ROOT / ours).exists():
                yield f"{path}: {ours} does not exist"
            elif target != layer and "/// Private to src/" in (ROOT / ours).read_text():
                yield f"{path}: {ours} is private to its layer"
            if layer and target not in allowed[layer]:
                yield f"{path}: layer {layer} may not include {ours} of layer {target}"
            if not public or ours.startswith("include/"):
                continue
        if bracket == '"' and not (ROOT / path).parent.joinpath(header).exists():
            yield f"{path}: \"{header}\" is neither beside it nor a header of a layer"
        for pattern, places in PRIVATE_HEADERS.items():
            if re.fullmatch(pattern, header) and not path.startswith(places):
                yield f"{path}: <{header}> belongs to {' '.join(places)} alone"
        if public and header != "mpi.h" and not (STANDARD.fullmatch(header) or re.fullmatch(r"Kokkos_\w+\.hpp", header)):
            yield f"{path}: a public header includes only standard, Kokkos and Rossby headers, not <{header}>"
    if path != COMPAT:
        for macro in sorted(set(re.findall(r"\bKOKKOS_(?:VERSION|ENABLE_)\w*", text))):
            yield f"{path}: {macro} is read only in {COMPAT}"
    if path != COMPAT and re.search(r"(?:\bKokkos::|\.)fence\s*\(", text):
        yield f"{path}: waits without being counted; use wait_for (core/host_waits.hpp)"
    for first in re.findall(r"Kokkos::deep_copy\s*\(\s*(\w+)", text):
        if first not in ("exec", "exec_"):
            yield f"{path}: a copy on no instance: deep_copy({first}, ...)"
    for first in re.findall(r"\b(?:Range|Team)\s*\(\s*(\w+)", text):
        if first not in ("exec", "exec_"):
            yield f"{path}: a kernel on no instance: ({first}, ...)"
    if layer in ON_GIVEN_INSTANCES and re.search(r"\bExec\s*\(\s*\)|\bExec(?: const)? \w*[^\W_]\s*(?:;|\{\s*\})", text) and path != TAPE:
        yield f"{path}: makes an execution instance; layer {layer} runs on those that it is given"
    if public and not text.startswith("#pragma once"):
        yield f"{path}: begins without #pragma once"
    for found in re.findall(r'"rossby::(\w+)::', text):
        if layer and found != layer:
            yield f"{path}: a label of layer {found} in layer {layer}: \"rossby::{found}::"
    for label in KERNEL.findall(text):
        nested = re.match(r"Kokkos::(?:Team|Thread)|range$", label.strip())  # those of a team have none
        if not nested and not re.search(r'"rossby::\w+::', label) and label.strip() != "label":
            yield f"{path}: a kernel's label is not \"rossby::layer::op\": {label.strip()[:60]}"


def check_reach(headers):
    """The face reaches few headers, so that what is installed stays what programs need. headers: repository path ->
    text, of all of include/."""
    def reached(names):
        found, waiting = set(), [f"include/rossby/{name}.hpp" for name in names]
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting += [found_at(h) for _, h in INCLUDE.findall(headers.get(path, "")) if h.startswith("rossby/")]
        return found
    face = {Path(path).stem for path in headers if path.count("/") == 2}
    for path in sorted(set(headers) - reached(face)):
        yield f"{path}: no header for programs reaches it: it belongs beside its sources, in src/"
    for names, most, what in ((face, MOST_REACHED, "all"), (face - WRITERS, MOST_REACHED_BY_RUNS, "runs")):
        if len(reached(names)) > most:
            yield (f"include/rossby: the headers for {what} reach {len(reached(names))}, more than {most}: declare a type in "
                   "place of including its header, or split what programs need from what works inside")


def check_face(path, text):
    """Programs include the few headers at the top of include/rossby; what stands in folders comes with these."""
    for _, header in INCLUDE.findall(text):
        if re.fullmatch(r"rossby/.*/.*", header):
            yield f"{path}: programs include the headers at the top of include/rossby alone, not <{header}>"


def check_targets(lists, sources, allowed):
    """The targets of the layers stand on those that their files include. lists: layer -> text of its CMakeLists.txt;
    sources: (path, text) of all files."""
    included = {}
    for path, text in sources:
        layer = layer_of(path)
        for _, header in INCLUDE.findall(text):
            ours = found_at(header)
            if ours and layer_of(ours):
                included.setdefault(layer, {}).setdefault(layer_of(ours), path)
    for layer, text in lists.items():
        declared = re.search(r"rossby_layer\(" + layer + r"\b(?:\s+LAYERS((?:\s+[a-z]\w*)*))?", text)
        if not declared:
            yield f"src/{layer}/CMakeLists.txt: has no rossby_layer({layer} ...)"
            continue
        stands_on = set((declared.group(1) or "").split())
        for other in sorted(stands_on - allowed.get(layer, set())):
            yield f"src/{layer}/CMakeLists.txt: layer {layer} may not stand on {other}"
        for other, path in sorted(included.get(layer, {}).items()):
            if other != layer and other not in stands_on:
                yield f"src/{layer}/CMakeLists.txt: LAYERS lacks {other}, which {path} includes"


def main():
    allowed = allowed_layers()
    files = sorted(p for top in ("include", "src") for p in (ROOT / top).rglob("*.[ch]pp"))
    sources = [(f.relative_to(ROOT).as_posix(), f.read_text()) for f in files]
    problems = [p for path, text in sources for p in check(path, text, allowed)]
    face = sorted((ROOT / "include/rossby").glob("*.hpp"))
    if len(face) > MOST_FACE:
        problems.append(f"include/rossby: {len(face)} headers for programs, more than {MOST_FACE}")
    problems += check_reach({path: text for path, text in sources if path.startswith("include/")})
    for example in sorted((ROOT / "examples").rglob("*.[ch]pp")):
        problems += check_face(example.relative_to(ROOT).as_posix(), example.read_text())
    lists = {p.parent.name: p.read_text() for p in sorted((ROOT / "src").glob("*/CMakeLists.txt")) if p.parent.name != "app"}
    problems += check_targets(lists, sources, allowed)
    print("\n".join(problems) or f"{len(files)} files keep to the layers")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
