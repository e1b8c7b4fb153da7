// fuzz_readers TARGET [SECONDS [FIRST]]: changes sound inputs at random and gives them to a reader, for as many seconds
// (2 by default; inputs are numbered from FIRST on, and input n is always the same). Ends with 1, and the input in
// fuzz_TARGET.input, when a reader crashes, takes more than 20 s or 2 GiB, or throws what is not an Error.
#include "targets.hpp"

#include <rossby/core/log.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/resource.h>
#include <unistd.h>

namespace {
using rossby::fuzz::Target;

// What the signal handler keeps.
std::string const* current = nullptr;
std::string kept_as;

void keep()
{
  int const handle = ::open(kept_as.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (handle >= 0 && ::write(handle, current->data(), current->size()) >= 0)
    ::close(handle);
}

void caught(int signal)
{
  keep();
  char const* const text = signal == SIGALRM ? "took more than 20 s\n" : "crashed\n";
  if (::write(2, text, std::char_traits<char>::length(text)) < 0)
    _exit(2);
  _exit(1);
}

/// xorshift64*
class Random {
public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) { next(), next(); }
  std::uint64_t next()
  {
    state_ ^= state_ >> 12, state_ ^= state_ << 25, state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(next() >> 11) % n; }

private:
  std::uint64_t state_;
};

/// One change: bits, numbers at the edges of their types, pieces left out, doubled, or taken from another input.
void change(std::string& s, std::vector<std::string> const& seeds, Random& r)
{
  static std::vector<std::string> const words{"-1",         "0",           "1e999", "NaN",     "99999999999999999999",
                                              "null",       "[",           "{",     "\"",      "-9223372036854775808",
                                              "4294967296", "&a [*a, *a]", "true",  "\\u0000", ": "};
  static constexpr std::uint64_t edges[] = {0,
                                            1,
                                            0x7f,
                                            0x80,
                                            0xff,
                                            0x7fff,
                                            0xffff,
                                            0x7fffffff,
                                            0x80000000u,
                                            0xffffffffu,
                                            0x7fffffffffffffffu,
                                            0x8000000000000000u,
                                            0xffffffffffffffffu,
                                            0xfffffffffffffffcu};
  std::size_t const at = r.below(s.size() + 1), length = std::min(s.size() - at, std::size_t{1} << r.below(8));
  switch (r.below(8)) {
  case 0:
  case 1:
    if (at < s.size())
      s[at] = static_cast<char>(s[at] ^ (1 << r.below(8)));
    return;
  case 2:
    if (at < s.size())
      s[at] = static_cast<char>(r.next());
    return;
  case 3: {
    std::uint64_t const value = edges[r.below(std::size(edges))];
    std::size_t const bytes = std::size_t{1} << r.below(4);
    bool const big = r.below(2) == 0;
    for (std::size_t i = 0; i < bytes && at + i < s.size(); ++i)
      s[at + i] = static_cast<char>(value >> (8 * (big ? bytes - 1 - i : i)));
    return;
  }
  case 4:
    s.erase(at, length);
    return;
  case 5:
    s.insert(r.below(s.size() + 1), s.substr(at, length));
    return;
  case 6: {
    auto const& other = seeds[r.below(seeds.size())];
    s.insert(at, other.substr(r.below(other.size() + 1), length));
    return;
  }
  default: // a word or a number of a text
    std::size_t end = at;
    while (end < s.size() && (std::isalnum(static_cast<unsigned char>(s[end])) || s[end] == '.' || s[end] == '-'))
      ++end;
    s.replace(at, end - at, words[r.below(words.size())]);
  }
}
} // namespace

int main(int argc, char** argv)
{
  std::string const name = argc > 1 ? argv[1] : "";
  double const seconds = argc > 2 ? std::atof(argv[2]) : 2;
  auto n = static_cast<std::uint64_t>(argc > 3 ? std::atoll(argv[3]) : 0);
  rossby::logging::Scope const quiet(std::make_shared<rossby::Log>(1));
  // In memory where that is a folder: a file that is written again and again would wait for its disk.
  namespace fs = std::filesystem;
  fs::path const folder = (fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                          ("rossby_fuzz_" + name + "_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  auto const target = rossby::fuzz::make_target(name, folder.string());
  if (!target) {
    std::fprintf(stderr, "usage: fuzz_readers netcdf|zarr|codecs|torch|safetensors|scaler|deck [SECONDS [FIRST]]\n");
    return 2;
  }
  rlimit const memory{std::size_t{2} << 30, std::size_t{2} << 30};
  ::setrlimit(RLIMIT_DATA, &memory);
  kept_as = "fuzz_" + name + ".input";
  for (int const signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM})
    std::signal(signal, caught);

  auto const seeds = target->seeds();
  std::string input;
  current = &input;
  bool good = true;
  auto const begin = std::chrono::steady_clock::now();
  std::uint64_t count = 0;
  for (std::size_t i = 0; good; ++count, ++i) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds && i >= seeds.size())
      break;
    if (i < seeds.size()) { // as they are
      input = seeds[i];
    } else {
      Random r(n++);
      input = seeds[r.below(seeds.size())];
      for (std::size_t changes = 1 + r.below(4); changes > 0; --changes)
        change(input, seeds, r);
    }
    ::alarm(20);
    good = rossby::fuzz::survives(*target, input);
  }
  ::alarm(0);
  if (!good)
    keep();
  std::printf("%s: %llu inputs%s\n", name.c_str(), static_cast<unsigned long long>(count),
              good ? "" : ", the last one kept");
  std::filesystem::remove_all(folder);
  return good ? 0 : 1;
}
