#pragma once
/// \file
/// Signals that ask a run to end in good order. Nothing of the library installs a handler but this class, which is the
/// program's: a host hands over its signals by making one.

namespace rossby {

/// Catches SIGTERM, and SIGUSR1, which batch systems send before a time limit, while it lives. A second signal of the
/// same kind does what it does by default: it ends the program at once. At the end the handlers that were there before
/// are there again.
class InterruptGuard {
public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(InterruptGuard const&) = delete;
  InterruptGuard& operator=(InterruptGuard const&) = delete;

  /// One of them has arrived since this guard was made.
  bool requested() const;

private:
  int seen_before_;
  struct Handlers;
  Handlers* before_;
};

} // namespace rossby
