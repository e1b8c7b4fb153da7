#pragma once
/// \file
/// The one exception type of the library and the checks that throw it.

#include <stdexcept>
#include <string>
#include <vector>

namespace rossby {

/// What the user sees when something can't be done: where (a dotted deck key, a file, a dataset), what is wrong and
/// what to do about it.
class Error : public std::runtime_error {
public:
  Error(std::string where, std::string what, std::string fix = {});

  std::string const& where() const noexcept { return where_; }
  std::string const& problem() const noexcept { return problem_; }
  std::string const& fix() const noexcept { return fix_; }

private:
  std::string where_, problem_, fix_;
};

/// Collects problems so that a check can report all of them at once, each once: what is read twice complains twice.
class Problems {
public:
  void error(std::string where, std::string what, std::string fix = {});
  void warning(std::string where, std::string what, std::string fix = {});
  void add(Error const&);
  /// Errors and warnings.
  void add(Problems const&);

  std::vector<Error> const& errors() const { return errors_; }
  std::vector<Error> const& warnings() const { return warnings_; }
  /// Throws when there are errors: the only one as it is, several as one list.
  void raise() const;

private:
  std::vector<Error> errors_, warnings_;
};

/// Throws `Error{where, what, fix}` for user input that can't be accepted. Never compiled out.
[[noreturn]] void fail(std::string where, std::string what, std::string fix = {});

namespace detail {
[[noreturn]] void contract_violated(char const* kind, char const* condition, char const* file, int line);
}

} // namespace rossby

/// Precondition of an internal interface: a broken one is a bug of ours, not bad input.
#define ROSSBY_EXPECT(condition)                                                                                       \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      ::rossby::detail::contract_violated("precondition", #condition, __FILE__, __LINE__);                             \
  } while (false)
