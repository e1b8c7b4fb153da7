#pragma once
/// \file
/// Errors that all ranks of a group hear of, so that none waits for one that has given up.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/error.hpp>

#include <optional>
#include <utility>

namespace rossby {

/// Throws on every rank the error of the lowest rank that has one; returns when none has. Collective.
void agree(Communicator const&, std::optional<Error> const& mine);

/// The exception that is being handled as an Error: itself, or what any other says of itself. In a catch block.
Error current_error();

/// Runs `f` here and agrees on the outcome, whatever it throws: memory that ran out on one rank is heard of by all.
/// `f` makes no collective calls over `ranks`. Collective.
template <class F> void collectively(Communicator const& ranks, F&& f)
{
  std::optional<Error> error;
  try {
    std::forward<F>(f)();
  } catch (...) {
    error = current_error();
  }
  agree(ranks, error);
}

/// The same, with `f` run by rank 0 alone.
template <class F> void on_first_rank(Communicator const& ranks, F&& f)
{
  collectively(ranks, [&] {
    if (ranks.rank() == 0)
      f();
  });
}

enum class Quote { neither, both };
/// Throws on every rank when not all of them have the same text, naming those that differ from rank 0; with
/// Quote::both, for short texts, the message has theirs and that of rank 0. `what` is what the text is: "deck".
/// Collective.
void expect_same(Communicator const&, std::string const& where, std::string const& what, std::string const& mine,
                 std::string const& fix, Quote = Quote::neither);

} // namespace rossby
