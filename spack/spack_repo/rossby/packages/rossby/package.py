import os
from typing import ClassVar

from spack_repo.builtin.build_systems.cmake import CMakePackage, generator
from spack_repo.builtin.build_systems.cuda import CudaPackage
from spack_repo.builtin.build_systems.rocm import ROCmPackage

from spack.package import *

# The recipe lives in the tree that it builds.
SOURCE_TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 5))


class Rossby(CMakePackage, CudaPackage, ROCmPackage):
    """Trains and runs AI weather models (NCAR CREDIT's WXFormer, CrossFormer, CAMulator and FuXi)
    natively, with Kokkos and MPI."""

    git = "file://" + SOURCE_TREE
    license("Apache-2.0", checked_by="rossby")
    test_requires_compiler = True

    version("main", branch="main")
    version("0.1.0", commit="dad8051582137d795d0044f71fdcf4c2f188e0ca")

    variant("mpi", default=True, description="More than one rank, and parallel files")
    variant("netcdf", default=True, description="netCDF data, forecasts and scores")
    variant("zarr", default=True, description="The compressors of Zarr stores")
    variant("onednn", default=False, description="Products of bfloat16 on processors that can")
    variant("nccl", default=False, description="Carry messages between GPUs by NCCL")
    variant("gpu_aware_mpi", default=False, description="Ask for an MPI that takes GPU memory")
    variant("fortran", default=False, description="Install the Fortran module")
    variant("shared", default=True, description="Build a shared library")
    variant("benchmarks", default=False, description="Install the benchmark of a training step")

    # Rossby computes on Kokkos' default execution space: its backends are Kokkos' backends.
    kokkos_backends: ClassVar = {
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

    # Whatever is compiled for a GPU is compiled for the GPU that is named, and for no other.
    for arch in CudaPackage.cuda_arch_values:
        device = f"+cuda cuda_arch={arch}"
        depends_on(f"kokkos {device}", when=device)
        depends_on(f"kokkos-kernels {device}", when=device)
        depends_on(f"nccl {device}", when=f"+nccl {device}")
    for target in ROCmPackage.amdgpu_targets:
        device = f"+rocm amdgpu_target={target}"
        depends_on(f"kokkos {device}", when=device)
        depends_on(f"rocblas amdgpu_target={target}", when=device)

    conflicts("+cuda", when="cuda_arch=none", msg="name the GPU, for instance cuda_arch=90")
    conflicts("+cuda", when="+rocm", msg="one kind of device at a time")
    conflicts("+cuda", when="+sycl", msg="one kind of device at a time")
    conflicts("+rocm", when="+sycl", msg="one kind of device at a time")
    conflicts("~serial", when="~openmp", msg="Kokkos needs a host backend: +serial or +openmp")
    conflicts("+nccl", when="~cuda", msg="NCCL carries messages between NVIDIA's GPUs: +cuda")
    conflicts("+nccl", when="~mpi", msg="NCCL's groups are made from MPI's: +mpi")
    conflicts("+gpu_aware_mpi", when="~mpi", msg="there is no MPI to ask it of: +mpi")
    conflicts("+fortran", when="~mpi", msg="the Fortran module takes communicators: +mpi")
    conflicts("+gpu_aware_mpi", when="~cuda ~rocm", msg="Spack knows it of +cuda and +rocm alone")
    requires("%cxx=oneapi", when="+sycl", msg="SYCL is compiled by Intel's oneAPI: %cxx=oneapi")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("fortran", type="build", when="+fortran")
    depends_on("cmake@3.22:", type="build")
    depends_on("pkgconfig", type="build", when="+netcdf")
    depends_on("pkgconfig", type="build", when="+zarr")
    generator("ninja")

    depends_on("kokkos@4:")
    # g++ does not compile CUDA: Kokkos' wrapper of nvcc does. Clang and Cray's compiler do.
    depends_on("kokkos+wrapper", when="+cuda %cxx=gcc")
    requires("^kokkos+cuda_lambda", when="+cuda ^kokkos@4", msg="kernels are lambdas")
    depends_on("kokkos-kernels+blas scalars=float,double layouts=right")
    depends_on("kokkos-kernels+cublas", when="+cuda")
    # A shared Kokkos names the driver's library, and where that is missing nothing would start.
    depends_on("kokkos~shared", when="+cuda")
    depends_on("kokkos-kernels~shared", when="+cuda")
    conflicts("+shared", when="+cuda", msg="with +cuda all of Kokkos goes into the program")
    depends_on("kokkos-kernels+rocblas", when="+rocm")
    depends_on("yaml-cpp@0.7:")
    depends_on("fmt@9:")
    depends_on("fmt@10:", when="+cuda ^kokkos@5:")  # nvcc refuses the older one's C++20
    depends_on("nlohmann-json@3:")
    depends_on("cli11@2:")
    depends_on("googletest+gmock", type="test")

    for condition in ("+mpi", "~mpi"):
        depends_on(f"hdf5@1.10:{condition}", when=condition)
        depends_on(f"netcdf-c@4.7:{condition}", when=f"+netcdf{condition}")
    for library in ("c-blosc@1.16:", "zstd@1.4:", "lz4@1.9:", "zlib-api"):
        depends_on(library, when="+zarr")
    depends_on("onednn@2.6:", when="+onednn")
    depends_on("mpi", when="+mpi")
    for device in ("cuda", "rocm"):
        for provider in ("openmpi", "mpich", "cray-mpich"):
            depends_on(
                f"{provider}+{device}", when=f"+gpu_aware_mpi+{device} ^[virtuals=mpi] {provider}"
            )

    @property
    def device_compiler(self):
        """The compiler that Kokkos wants for kernels, where it is not Spack's own."""
        if self.spec.satisfies("^kokkos+wrapper"):
            return [self.define("CMAKE_CXX_COMPILER", self["kokkos"].kokkos_cxx)]
        if self.spec.satisfies("+rocm") and not self.spec.satisfies("%cxx=rocmcc"):
            return [self.define("CMAKE_CXX_COMPILER", self.spec["hip"].hipcc)]
        return []

    def cmake_args(self):
        options = [
            self.define_from_variant("ROSSBY_ENABLE_MPI", "mpi"),
            self.define_from_variant("ROSSBY_ENABLE_NETCDF", "netcdf"),
            self.define_from_variant("ROSSBY_ENABLE_ZARR", "zarr"),
            self.define_from_variant("ROSSBY_ENABLE_ONEDNN", "onednn"),
            self.define_from_variant("ROSSBY_ENABLE_NCCL", "nccl"),
            self.define_from_variant("ROSSBY_ENABLE_FORTRAN", "fortran"),
            self.define_from_variant("ROSSBY_ENABLE_BENCHMARKS", "benchmarks"),
            self.define_from_variant("BUILD_SHARED_LIBS", "shared"),
            self.define("ROSSBY_ENABLE_TESTS", self.run_tests),
        ]
        if self.spec.satisfies("^kokkos@5:"):
            options.append(self.define("CMAKE_CXX_STANDARD", "20"))
        return options + self.device_compiler

    @run_after("install")
    def keep_examples(self):
        cache_extra_test_sources(self, ["examples"])

    def test_version(self):
        """the program starts, without a GPU too"""
        program = which(self.prefix.bin.rossby, required=True)
        assert "rossby" in program("--version", output=str.split, error=str.split)

    def test_deck(self):
        """the installed decks are understood"""
        program = which(self.prefix.bin.rossby, required=True)
        for deck in find(self.prefix.share.rossby.inputs, "*.yml"):
            with test_part(self, f"test_deck_{os.path.basename(deck)}", purpose="rossby info"):
                program("info", deck)

    def test_examples(self):
        """the examples build against the installed package and run"""
        sources = join_path(self.test_suite.current_test_cache_dir, "examples")
        cmake = which(self.spec["cmake"].prefix.bin.cmake, required=True)
        ctest = which(self.spec["cmake"].prefix.bin.ctest, required=True)
        prefixes = get_cmake_prefix_path(self)
        with working_dir("build", create=True):
            cmake(
                sources,
                self.define("CMAKE_PREFIX_PATH", ";".join([str(self.prefix), *prefixes])),
                *self.device_compiler,
            )
            cmake("--build", ".")
            ctest("--output-on-failure", "--no-tests=error")
