import os

from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.builtin.build_systems.cuda import CudaPackage
from spack_repo.builtin.build_systems.rocm import ROCmPackage

from spack.package import *

# The recipe lives in the tree that it builds.
SOURCE_TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 5))


class Rossby(CMakePackage, CudaPackage, ROCmPackage):
    """Trains and runs AI weather models (NCAR CREDIT's WXFormer and CrossFormer) natively, with Kokkos and MPI."""

    git = "file://" + SOURCE_TREE
    license("Apache-2.0")
    test_requires_compiler = True

    version("main", branch="main")

    variant("mpi", default=True, description="More than one rank, and parallel files")
    variant("netcdf", default=True, description="netCDF data, forecasts and scores")
    variant("nccl", default=False, when="+mpi+cuda", description="Carry messages between GPUs by NCCL")
    variant("shared", default=True, description="Build a shared library")

    # Rossby computes on Kokkos' default execution space: its backends are Kokkos' backends.
    kokkos_backends = {
        "serial": (True, "Compute on one host thread per rank"),
        "openmp": (False, "Compute on host threads"),
        "sycl": (False, "Compute on SYCL devices"),
    }
    for backend, (default, description) in kokkos_backends.items():
        variant(backend, default=default, description=description)
        depends_on(f"kokkos+{backend}", when=f"+{backend}")
        depends_on(f"kokkos~{backend}", when=f"~{backend}")
    depends_on("kokkos~cuda", when="~cuda")
    depends_on("kokkos~rocm", when="~rocm")
    for arch in CudaPackage.cuda_arch_values:
        device = f"+cuda cuda_arch={arch}"
        depends_on(f"kokkos {device}", when=device)
        depends_on(f"kokkos-kernels {device}", when=device)
    for target in ROCmPackage.amdgpu_targets:
        device = f"+rocm amdgpu_target={target}"
        depends_on(f"kokkos {device}", when=device)

    conflicts("+cuda", when="cuda_arch=none", msg="name the GPU, for instance cuda_arch=90")
    conflicts("+rocm", when="amdgpu_target=none", msg="name the GPU, for instance amdgpu_target=gfx90a")
    conflicts("+cuda", when="+rocm", msg="one kind of device at a time")
    conflicts("+cuda", when="+sycl", msg="one kind of device at a time")
    conflicts("+rocm", when="+sycl", msg="one kind of device at a time")
    conflicts("~serial", when="~openmp", msg="Kokkos needs a host backend: +serial or +openmp")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build", when="+netcdf")
    generator("ninja")

    depends_on("kokkos@4:")
    requires("^kokkos+cuda_lambda", when="+cuda ^kokkos@:4")
    depends_on("kokkos-kernels+blas scalars=float,double layouts=right")
    depends_on("kokkos-kernels+cublas", when="+cuda")
    depends_on("kokkos-kernels+rocblas", when="+rocm")
    depends_on("yaml-cpp@0.7:")
    depends_on("fmt@9:")
    depends_on("nlohmann-json@3:")
    depends_on("cli11@2:")
    depends_on("googletest+gmock", type="test")

    for condition in ("+mpi", "~mpi"):
        depends_on(f"hdf5@1.10:{condition}", when=condition)
        depends_on(f"netcdf-c{condition}", when=f"+netcdf{condition}")
    depends_on("mpi", when="+mpi")
    depends_on("nccl", when="+nccl")

    def cmake_args(self):
        options = [
            self.define_from_variant("ROSSBY_ENABLE_MPI", "mpi"),
            self.define_from_variant("ROSSBY_ENABLE_NETCDF", "netcdf"),
            self.define_from_variant("ROSSBY_ENABLE_NCCL", "nccl"),
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define("ROSSBY_ENABLE_TESTS", self.run_tests),
        ]
        if self.spec.satisfies("+cuda"):
            options.append(self.define("CMAKE_CXX_COMPILER", self["kokkos"].kokkos_cxx))
        if self.spec.satisfies("+rocm"):
            options.append(self.define("CMAKE_CXX_COMPILER", self.spec["hip"].hipcc))
        if self.spec.satisfies("^kokkos@5:"):
            options.append(self.define("CMAKE_CXX_STANDARD", "20"))
        return options

    @run_after("install")
    def keep_examples(self):
        cache_extra_test_sources(self, ["examples"])

    def test_run(self):
        """the examples build against the installed package and run"""
        with working_dir(join_path(self.test_suite.current_test_cache_dir, "examples")):
            cmake = which(self.spec["cmake"].prefix.bin.cmake)
            arguments = ["-S", ".", "-B", "build", self.define("CMAKE_PREFIX_PATH", get_cmake_prefix_path())]
            if self.spec.satisfies("+cuda"):
                arguments.append(self.define("CMAKE_CXX_COMPILER", self["kokkos"].kokkos_cxx))
            cmake(*arguments)
            cmake("--build", "build")
            which(self.spec["cmake"].prefix.bin.ctest)("--test-dir", "build", "--output-on-failure")
