"""Holds the Spack recipe to what Spack asks of recipes, as far as that can be tried without a Spack: PyPI and Debian
carry none. Here are (1) the style of Spack's package repository, 99 columns, by Debian's black and pycodestyle; (2) the
recipe executed against stand-ins for Spack's directives and build systems that export what the package API v2.2 exports
and no more: variants exist where they are named, CMake options exist in CMakeLists.txt, what is compiled for a GPU is
compiled for the GPU that is named, refusals say why; (3) Spack's audit of conditions that speak of the dependency that
they decide on. scripts/check_spack.sh does the rest with a real Spack."""
import os
import re
import subprocess
import sys
import types
from pathlib import Path

ROOT = Path(os.environ.get("ROSSBY_SOURCE", Path(__file__).resolve().parents[2]))
RECIPE = ROOT / "spack/spack_repo/rossby/packages/rossby/package.py"
DIRECTIVES = ("version", "variant", "depends_on", "conflicts", "requires", "license")
# Of the package API, beside the directives, what a recipe of this kind may use.
FUNCTIONS = ("cache_extra_test_sources", "find", "get_cmake_prefix_path", "join_path", "run_after", "test_part", "which",
             "working_dir")
calls = []


class Anything:
    """Any attribute, call, item or context is one more of these: what methods do is recorded where it matters."""

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self if name != "split" else str.split

    def __call__(self, *arguments, **options):
        return "rossby" if "output" in options else self

    def __getitem__(self, key):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def __str__(self):
        return "/anything"


class Package(Anything):
    """Records what the recipe asks of CMake, for a spec in which every condition is true."""
    cuda_arch_values, amdgpu_targets = ("80", "90"), ("gfx90a",)
    run_tests = True
    satisfies = lambda self, condition: True
    define = lambda self, option, value: calls.append(("define", (option, value), {}))
    define_from_variant = lambda self, option, variant: calls.append(("define_from_variant", (option, variant), {}))


def record(name):
    return lambda *arguments, **options: calls.append((name, arguments, options))


def stand_ins():
    api = types.ModuleType("spack.package")
    vars(api).update({name: record(name) for name in DIRECTIVES})
    vars(api).update({name: Anything() for name in FUNCTIONS})
    api.run_after = lambda phase: lambda function: function
    api.find = lambda *_: ["/anything/deck.yml"]
    api.get_cmake_prefix_path = lambda package: ["/anything"]
    api.join_path = lambda *parts: "/".join(map(str, parts))
    api.__all__ = DIRECTIVES + FUNCTIONS
    modules = {"spack": types.ModuleType("spack"), "spack.package": api}
    for name in ("spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems"):
        modules[name] = types.ModuleType(name)
    for module, name in (("cmake", "CMakePackage"), ("cuda", "CudaPackage"), ("rocm", "ROCmPackage")):
        system = modules[f"spack_repo.builtin.build_systems.{module}"] = types.ModuleType(module)
        setattr(system, name, type(name, (Package,), {}))
    modules["spack_repo.builtin.build_systems.cmake"].generator = record("generator")
    sys.modules.update(modules)


def check_style():
    for command in (["black", "--quiet", "--check", "--diff", "--line-length", "99", str(RECIPE)],
                    [sys.executable, "-m", "pycodestyle", "--max-line-length", "99", "--ignore", "E203,E731,W503",
                     str(RECIPE)]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            sys.exit(f"{command[0]} is missing (scripts/setup.sh test installs it)")
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    imports = [line.split()[1] for line in RECIPE.read_text().splitlines() if re.match(r"(from|import) ", line)]
    order = [0 if name in sys.stdlib_module_names else 1 if name.startswith("spack_repo") else 2 for name in imports]
    assert order == sorted(order), f"imports: standard library, packages, Spack: {imports}"


def check_conditions(variants):
    for name, arguments, options in calls:
        if name not in ("depends_on", "conflicts", "requires"):
            continue
        when = options.get("when", "")
        for condition in [when] + ([arguments[0]] if name == "conflicts" else []):
            for variant in re.findall(r"[+~](\w+)", condition.split("^")[0]):
                assert variant in variants, f"{name}{arguments}: no variant {variant}"
        if name == "depends_on":
            package = re.match(r"[\w-]+", arguments[0]).group()
            about = re.findall(r"\^(?:\[[^]]*\]\s*)?([\w-]+)", when)
            provider = "virtuals=" in when  # says who provides a virtual package
            assert package not in about or provider, f"depends_on{arguments} when {when}: speaks of itself"
        else:
            assert options.get("msg"), f"{name}{arguments}: says no reason"


def main():
    check_style()
    stand_ins()
    scope = {"__file__": str(RECIPE), "__name__": "recipe"}
    exec(compile(RECIPE.read_text(), str(RECIPE), "exec"), scope)
    rossby = scope["Rossby"]
    package = rossby()
    package.device_compiler
    package.cmake_args()
    package.keep_examples()
    tests = [name for name in vars(rossby) if name.startswith("test_") and callable(getattr(rossby, name))]
    assert tests, "no tests of an installation"
    for name in tests:
        assert getattr(rossby, name).__doc__, f"{name} does not say what it tests"
        getattr(package, name)()

    named = {a[0]: k for name, a, k in calls if name == "variant"}
    check_conditions(set(named) | {"cuda", "rocm"})
    assert any(name == "generator" for name, _, _ in calls)
    assert any(name == "version" and "branch" in k for name, _, k in calls), "no version to follow"
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for name, arguments, _ in calls:
        if name == "define_from_variant":
            # Spack gives an empty string, and a warning, for a variant that is not there.
            assert "when" not in named[arguments[1]], f"{arguments[1]} exists under a condition only"
        if name.startswith("define") and arguments[0].startswith("ROSSBY_"):
            declared = rf"\b(?:option|cmake_dependent_option|set)\({arguments[0]} "
            assert re.search(declared, cmake), f"CMakeLists.txt has no {arguments[0]}"
    offered = set(re.findall(r"\b(?:option|cmake_dependent_option)\((ROSSBY_ENABLE_\w+)", cmake))
    passed = {a[0] for name, a, _ in calls if name.startswith("define")}
    assert offered <= passed, f"the recipe says nothing of {offered - passed}"
    tied = {(a[0], k.get("when")) for name, a, k in calls if name == "depends_on"}
    for backend in rossby.kokkos_backends:
        assert (f"kokkos+{backend}", f"+{backend}") in tied, backend
    for package in ("kokkos", "kokkos-kernels", "nccl"):
        when = ("+nccl " if package == "nccl" else "") + "+cuda cuda_arch=90"
        assert (f"{package} +cuda cuda_arch=90", when) in tied, package
    assert ("rocblas amdgpu_target=gfx90a", "+rocm amdgpu_target=gfx90a") in tied
    source = Path(scope["SOURCE_TREE"])
    assert (source / "CMakeLists.txt").samefile(ROOT / "CMakeLists.txt"), source


main()
