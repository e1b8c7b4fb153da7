#pragma once
/// \file
/// Private to src/train: SIGTERM asks a run to write a checkpoint and end.

namespace rossby {

/// True once SIGTERM (or SIGUSR1, which batch systems send before a time limit) has arrived.
bool interrupt_requested();

/// Catches the signals while it lives; a second one of the same kind ends the program at once.
class InterruptGuard {
public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(InterruptGuard const&) = delete;
  InterruptGuard& operator=(InterruptGuard const&) = delete;
};

} // namespace rossby
