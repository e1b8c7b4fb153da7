#pragma once
/// \file
/// What the user would read, as one text.

#include <rossby/core/deck.hpp>
#include <rossby/core/error.hpp>

#include <string>

namespace rossby::test {

/// The message of the Error that `f` ends in, or "no error".
template <class F> std::string message_of(F&& f)
{
  try {
    f();
  } catch (Error const& e) {
    return e.what();
  }
  return "no error";
}

/// Every error, then every warning ("warning ..."), a line each; "" when there is nothing to report.
inline std::string text_of(Problems const& problems)
{
  std::string text;
  for (auto const& e : problems.errors())
    text += std::string(e.what()) + "\n";
  for (auto const& w : problems.warnings())
    text += std::string("warning ") + w.what() + "\n";
  return text;
}

} // namespace rossby::test
