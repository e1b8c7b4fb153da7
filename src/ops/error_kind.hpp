#pragma once
/// \file
/// The elementwise losses, under the names that decks have for them.

namespace rossby::ops {

/// Loss of one value, with d = target - prediction.
enum class ErrorKind {
  mse,      ///< d^2
  mae,      ///< |d|
  huber,    ///< d^2 / 2 within delta, delta (|d| - delta / 2) beyond
  msle,     ///< (ln(1 + |prediction|) - ln(1 + |target|))^2: signs count for nothing
  logcosh,  ///< ln cosh(d)
  xtanh,    ///< d tanh(d)
  xsigmoid, ///< d tanh(d / 2) = 2 d / (1 + exp(-d)) - d
};

} // namespace rossby::ops
