// Device memory of a host build, made as inaccessible as a GPU's: pages of the pool can be touched by a thread that
// runs a kernel, a copy or a product, and by MPI, and by nobody else. Whoever else does is written to the file
// MEMORY_GUARD, with the callers' addresses, and let pass. Preloaded, and named as a Kokkos tool.
//
// Blocks are closed (mprotect) from their allocation on. A touch inside of a kernel opens its block for the rest of
// that kernel; any other is noted. Kokkos writes a header in front of every block, in the block's first page: a touch
// of the header opens the page, too, but is never noted.

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace {
constexpr std::size_t page = 4096, most_blocks = 1 << 16, most_opened = 1 << 12;
constexpr std::size_t header = 128; // of a Kokkos allocation, which the pointers of its tools begin with

struct Block {
  char* begin = nullptr; ///< of the pages, the header's included
  std::size_t bytes = 0; ///< 0: not in use
  char* data = nullptr;
};
Block blocks[most_blocks];
std::atomic<std::size_t> block_count{0};
std::mutex mutex;

/// The block of Kokkos' code that this thread asked for last.
thread_local void* asked = nullptr;
thread_local int depth = 0;
thread_local std::size_t opened[most_opened];
thread_local std::size_t opened_count = 0;

void close_block(Block const& block) { mprotect(block.begin, block.bytes, PROT_NONE); }
void open_block(Block const& block) { mprotect(block.begin, block.bytes, PROT_READ | PROT_WRITE); }

/// Messages: an MPI that runs on the host's memory is handed the blocks themselves; elsewhere they are staged.
bool sends_messages(void* const* callers, int count)
{
  for (int i = 0; i < count; ++i) {
    Dl_info info;
    if (dladdr(callers[i], &info) && info.dli_fname && std::strstr(info.dli_fname, "libmpi"))
      return true;
  }
  return false;
}

void note(void const* address, Block const& block)
{
  void* callers[32];
  int const count = backtrace(callers, 32);
  if (sends_messages(callers, count))
    return;
  char const* const path = std::getenv("MEMORY_GUARD");
  int const file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0644) : 2;
  char line[160];
  int const length = std::snprintf(line, sizeof line, "touched outside of kernels: byte %td of a block\n",
                                   static_cast<char const*>(address) - block.data);
  [[maybe_unused]] auto const written = write(file, line, static_cast<std::size_t>(length));
  backtrace_symbols_fd(callers, count, file);
  if (path)
    close(file);
}

void on_fault(int, siginfo_t* info, void*)
{
  auto* const address = static_cast<char*>(info->si_addr);
  std::size_t const count = block_count;
  for (std::size_t i = 0; i < count; ++i) {
    Block const& block = blocks[i];
    if (block.bytes == 0 || address < block.begin || address >= block.begin + block.bytes)
      continue;
    open_block(block);
    if (address >= block.data && depth == 0)
      note(address, block);
    if (opened_count < most_opened) // else it stays open until its owner closes it: never seen
      opened[opened_count++] = i;
    return;
  }
  signal(SIGSEGV, SIG_DFL); // a fault of the program's own
}

void give_up(char const* why)
{
  std::fprintf(stderr, "memory guard: %s\n", why);
  std::abort();
}

void enter() { ++depth; }

void leave()
{
  if (--depth > 0)
    return;
  for (std::size_t i = 0; i < opened_count; ++i)
    if (Block const& block = blocks[opened[i]]; block.bytes)
      close_block(block);
  opened_count = 0;
}

/// Where Kokkos' code lies; zeros until Kokkos has started.
std::uintptr_t kokkos_begin = 0, kokkos_end = 0;

bool is_kokkos(void const* code)
{
  auto const at = reinterpret_cast<std::uintptr_t>(code);
  return at >= kokkos_begin && at < kokkos_end;
}

/// The library of the code that called kokkosp_init_library.
int find_kokkos(dl_phdr_info* library, std::size_t, void* code)
{
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    auto const begin = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr;
    auto const end = begin + library->dlpi_phdr[i].p_memsz;
    auto const at = reinterpret_cast<std::uintptr_t>(code);
    if (library->dlpi_phdr[i].p_type == PT_LOAD && at >= begin && at < end) {
      kokkos_begin = begin;
      kokkos_end = end;
      return 1;
    }
  }
  return 0;
}

bool of_the_pool(char const* label) { return std::strstr(label, "pool"); }
} // namespace

extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

/// Blocks that Kokkos asks for have pages of their own.
void* malloc(std::size_t bytes)
{
  if (!is_kokkos(__builtin_return_address(0)))
    return __libc_malloc(bytes);
  return asked = __libc_memalign(page, (bytes + page - 1) / page * page);
}

void kokkosp_init_library(int, std::uint64_t, std::uint32_t, void*)
{
  dl_iterate_phdr(find_kokkos, __builtin_return_address(0));
  void* callers[2];
  backtrace(callers, 2); // loads what it needs before a handler calls it
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
}

struct kokkosp_space {
  char name[64];
};

void kokkosp_allocate_data(kokkosp_space, char const* label, void* pointer, std::uint64_t bytes)
{
  if (!of_the_pool(label))
    return;
  auto* const start = static_cast<char*>(pointer);
  auto* const begin = reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(pointer) / page * page);
  std::size_t const whole = static_cast<std::size_t>(start - begin) + header + bytes;
  if (begin != asked)
    give_up("Kokkos took a block from elsewhere than malloc");
  std::lock_guard<std::mutex> const lock(mutex);
  std::size_t i = 0;
  while (i < block_count && blocks[i].bytes)
    ++i;
  if (i == most_blocks)
    give_up("more blocks than it has room for");
  blocks[i] = {begin, (whole + page - 1) / page * page, start + header};
  if (i == block_count)
    ++block_count;
  close_block(blocks[i]);
}

void kokkosp_deallocate_data(kokkosp_space, char const*, void* pointer, std::uint64_t)
{
  std::lock_guard<std::mutex> const lock(mutex);
  for (std::size_t i = 0; i < block_count; ++i)
    if (blocks[i].bytes && blocks[i].data == static_cast<char*>(pointer) + header) {
      open_block(blocks[i]);
      blocks[i].bytes = 0;
      return;
    }
}

void kokkosp_begin_parallel_for(char const*, std::uint32_t, std::uint64_t*) { enter(); }
void kokkosp_end_parallel_for(std::uint64_t) { leave(); }
void kokkosp_begin_parallel_reduce(char const*, std::uint32_t, std::uint64_t*) { enter(); }
void kokkosp_end_parallel_reduce(std::uint64_t) { leave(); }
void kokkosp_begin_parallel_scan(char const*, std::uint32_t, std::uint64_t*) { enter(); }
void kokkosp_end_parallel_scan(std::uint64_t) { leave(); }
void kokkosp_begin_deep_copy(kokkosp_space, char const*, void const*, kokkosp_space, char const*, void const*,
                             std::uint64_t)
{
  enter();
}
void kokkosp_end_deep_copy() { leave(); }
/// Kokkos Kernels names a region around each of its products, as products of bfloat16 do.
void kokkosp_push_profile_region(char const*) { enter(); }
void kokkosp_pop_profile_region() { leave(); }
}
