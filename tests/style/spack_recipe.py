"""Executes the Spack recipe against stand-ins for Spack's directives: its variants exist where they are named, its CMake
options exist in CMakeLists.txt, and each backend is tied to Kokkos."""
import os
import re
import sys
import types
from pathlib import Path

ROOT = Path(os.environ.get("ROSSBY_SOURCE", Path(__file__).resolve().parents[2]))
RECIPE = ROOT / "spack/spack_repo/rossby/packages/rossby/package.py"
calls = []


class Package:
    """Records what the recipe asks of Spack; a spec in which every variant is on."""
    cuda_arch_values, amdgpu_targets = ("80", "90"), ("gfx90a",)
    run_tests = True
    spec = property(lambda self: self)
    __getitem__ = lambda self, name: types.SimpleNamespace(kokkos_cxx="nvcc_wrapper", hipcc="hipcc")
    satisfies = lambda self, condition: True
    define = lambda self, option, value: calls.append(("define", (option, value), {}))
    define_from_variant = lambda self, option, variant: calls.append(("define_from_variant", (option, variant), {}))


def stand_ins():
    directives = {name: (lambda name: lambda *a, **k: calls.append((name, a, k)))(name)
                  for name in ("version", "variant", "depends_on", "conflicts", "requires", "license", "generator")}
    api = types.ModuleType("spack.package")
    vars(api).update(directives, run_after=lambda phase: lambda function: function)
    modules = {"spack": types.ModuleType("spack"), "spack.package": api}
    for name in ("spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems"):
        modules[name] = types.ModuleType(name)
    for module, name in (("cmake", "CMakePackage"), ("cuda", "CudaPackage"), ("rocm", "ROCmPackage")):
        system = modules[f"spack_repo.builtin.build_systems.{module}"] = types.ModuleType(module)
        setattr(system, name, type(name, (Package,), {}))
    sys.modules.update(modules)


def main():
    stand_ins()
    scope = {"__file__": str(RECIPE), "__name__": "recipe"}
    exec(compile(RECIPE.read_text(), str(RECIPE), "exec"), scope)
    scope["Rossby"]().cmake_args()

    variants = {a[0] for name, a, _ in calls if name == "variant"} | {"cuda", "rocm"}
    for name, arguments, options in calls:
        if name in ("depends_on", "conflicts", "requires"):
            own = [options.get("when", "")] + ([arguments[0]] if name == "conflicts" else [])
            for condition in own:
                for variant in re.findall(r"[+~](\w+)", condition.split("^")[0]):
                    assert variant in variants, f"{name}{arguments}: no variant {variant}"
        if name == "define_from_variant":
            assert arguments[1] in variants, arguments
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for name, arguments, _ in calls:
        if name.startswith("define") and arguments[0].startswith("ROSSBY_"):
            declared = rf"\b(?:option|cmake_dependent_option|set)\({arguments[0]} "
            assert re.search(declared, cmake), f"CMakeLists.txt has no {arguments[0]}"
    tied = {(a[0], k.get("when")) for name, a, k in calls if name == "depends_on"}
    for backend in scope["Rossby"].kokkos_backends:
        assert (f"kokkos+{backend}", f"+{backend}") in tied, backend
    assert ("kokkos +cuda cuda_arch=90", "+cuda cuda_arch=90") in tied
    source = Path(scope["SOURCE_TREE"])
    assert (source / "CMakeLists.txt").samefile(ROOT / "CMakeLists.txt"), source


main()
