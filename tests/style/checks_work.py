"""The other style checks do find what they look for."""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import guests
import layering
import sources
import tree

ALLOWED = layering.allowed_layers()
BAD_CODE = {
    ("src/core/a.cpp", "#include <rossby/ops/gemm.hpp>\n"): "may not include",
    ("src/ops/a.cpp", "#include <mpi.h>\n"): "belongs to src/comm/",
    ("src/train/a.cpp", "#include <netcdf.h>\n"): "belongs to src/io/",
    ("src/data/a.cpp", "#include <yaml-cpp/yaml.h>\n"): "belongs to src/core/deck",
    ("include/rossby/core/a.hpp", "#pragma once\n#include <fmt/format.h>\n"): "a public header includes only",
    ("include/rossby/core/a.hpp", "#include <vector>\n"): "without #pragma once",
    ("src/core/a.cpp", "#ifdef KOKKOS_ENABLE_CUDA\n#endif\n"): "KOKKOS_ENABLE_CUDA",
    ("src/ops/a.cpp", 'Kokkos::parallel_for("scale", Range(exec, 0, n), f);\n'): "label",
    ("src/ops/a.cpp", 'fixed_order_sum("rossby::nn::sum", exec, n, f, sum);\n'): "a label of layer nn",
    ("src/weather/a.cpp", ""): "is no layer",
    ("src/core/a.cpp", '#include "ops/gemm.hpp"\n'): "may not include",
    ("src/train/a.cpp", '#include "io/pickle_tree.hpp"\n'): "is private to its layer",
    ("src/train/a.cpp", '#include "train/nothing.hpp"\n'): "does not exist",
    ("src/train/a.cpp", '#include "nothing.hpp"\n'): "is neither beside it",
    ("include/rossby/train/a.hpp", '#pragma once\n#include "train/weights.hpp"\n'): "a public header includes only",
    ("src/nn/a.cpp", "exec.fence();\n"): "waits without being counted",
    ("src/core/a.cpp", "Kokkos::fence();\n"): "waits without being counted",
    ("src/core/a.cpp", "Kokkos::deep_copy(to, from);\n"): "a copy on no instance",
    ("src/ops/a.cpp", 'Kokkos::parallel_for("rossby::ops::scale", Range(0, n), f);\n'): "a kernel on no instance",
    ("src/nn/a.cpp", "x = Array::from_host(Exec(), dtype, shape, values);\n"): "makes an execution instance",
    ("src/optim/a.cpp", "Exec const exec;\n"): "makes an execution instance",
}
GOOD_CODE = {
    "src/train/a.cpp": "#include <rossby/core/array.hpp>\n#include <rossby/data/batch.hpp>\n#include \"data/config.hpp\"\n",
    "src/comm/a.cpp": "#include <mpi.h>\n",
    "include/rossby/core/a.hpp": "#pragma once\n#include <Kokkos_Core.hpp>\n#include <vector>\n",
    "src/ops/a.cpp": 'Kokkos::parallel_for("rossby::ops::scale", Range(exec, 0, n), f);\n',
}
BAD_FILES = {
    "a.cpp": ("int a;\t\n", "tabs"),
    "b.hpp": ("int a; \n", "trailing blanks"),
    "c.py": ("a = 1", "newline"),
    "d.md": ("see /ho" + "me/me/data\n", "path of one machine"),
    "e.md": ("TO" + "DO: write this\n", "unfinished"),
    "f.cpp": ("\n" * (tree.MOST_LINES + 1), "split it"),
    "g.sh": ("#!/bin/bash\necho\n", "set -euo pipefail"),
}

for (path, text), expected in BAD_CODE.items():
    found = list(layering.check(path, text, ALLOWED))
    assert any(expected in problem for problem in found), (path, text, found)
TARGETS = {"ops": "rossby_layer(ops\n  LAYERS core\n  SOURCES a.cpp)"}
INCLUDES = [("src/ops/a.cpp", "#include <rossby/core/array.hpp>\n#include <rossby/ops/gemm.hpp>\n")]
assert not list(layering.check_targets(TARGETS, INCLUDES, ALLOWED)), list(layering.check_targets(TARGETS, INCLUDES, ALLOWED))
for bad, expected in {"rossby_layer(ops SOURCES a.cpp)": "LAYERS lacks core, which src/ops/a.cpp includes",
                      "rossby_layer(ops LAYERS core nn SOURCES a.cpp)": "may not stand on nn",
                      "add_library(ops a.cpp)": "has no rossby_layer(ops"}.items():
    found = list(layering.check_targets({"ops": bad}, INCLUDES, ALLOWED))
    assert any(expected in problem for problem in found), (bad, found)
assert list(layering.check_face("examples/a.cpp", "#include <rossby/core/array.hpp>\n"))
assert not list(layering.check_face("examples/a.cpp", "#include <rossby/array.hpp>\n#include <rossby.h>\n"))
HEADERS = {"include/rossby/log.hpp": "#include <rossby/core/a.hpp>\n", "include/rossby/core/a.hpp": ""}
assert not list(layering.check_reach(HEADERS))
assert "no header for programs" in list(layering.check_reach({**HEADERS, "include/rossby/core/b.hpp": ""}))[0]
WIDE = {f"include/rossby/core/a{n}.hpp": f"#include <rossby/core/a{n + 1}.hpp>\n" for n in range(1, layering.MOST_REACHED)}
found = list(layering.check_reach({**HEADERS, **WIDE, "include/rossby/core/a.hpp": "#include <rossby/core/a1.hpp>\n"}))
assert len(found) == 2 and all("reach" in problem for problem in found), found
assert len(list(layering.check_reach({**WIDE, "include/rossby/model.hpp": "#include <rossby/core/a1.hpp>\n"}))) == 1
LISTS = {"src/io": "rossby_layer(io SOURCES a.cpp) # b.cpp", "tests": "x(style/a.py unit/io/c.cpp)",
         "examples": "foreach(example IN ITEMS 01_a)"}
LISTED = ["src/io/a.cpp", "tests/style/a.py", "tests/unit/io/c.cpp", "examples/01_a/main.cpp"]
assert not list(sources.unlisted(LISTED, LISTS)), list(sources.unlisted(LISTED, LISTS))
for path in ("src/io/b.cpp", "tests/style/b.py", "tests/unit/c.cpp", "examples/02_b/main.cpp"):
    assert sources.wanted(path) and list(sources.unlisted([path], LISTS)) == [f"{path}: no CMakeLists.txt lists it"], path
for path, text in GOOD_CODE.items():
    assert not list(layering.check(path, text, ALLOWED)), list(layering.check(path, text, ALLOWED))
with tempfile.TemporaryDirectory() as folder:
    tree.ROOT = Path(folder)
    for name, (text, expected) in BAD_FILES.items():
        (tree.ROOT / name).write_text(text)
        found = list(tree.check(tree.ROOT / name))
        assert any(expected in problem for problem in found), (name, found)

FAMILY = {
    "src/models/registry.cpp": "list{swan_family()}",
    "src/models/swan/family.hpp": "",
    "src/models/swan/config.cpp": 'return {{"swan", "cygnet"}, f}; block("feathers", c.feathers); block("height", h);',
    "include/rossby/models/field_shape.hpp": "int height;",
}
BAD_GUESTS = {
    ("src/nn/layers.cpp", "/// The norm of Cygnet."): "names the family swan",
    ("src/models/bird/model.cpp", 'if (type == "swan")'): "names the family swan",
    ("src/train/a.cpp", 'problems.error("model.feathers", "are wet");'): "names the key feathers",
    ("src/app/a.cpp", "for (int s = 0; stages[s] && s < 4; ++s)"): "knows a number of stages",
    ("src/models/registry.cpp", "list{}"): "is not registered",
}
assert not list(guests.check(FAMILY)), list(guests.check(FAMILY))
assert not list(guests.check({**FAMILY, "src/data/a.cpp": 'compare("height", h); // a swanky feather'}))
for (path, text), expected in BAD_GUESTS.items():
    found = list(guests.check({**FAMILY, path: text}))
    assert any(expected in problem for problem in found), (path, text, found)
