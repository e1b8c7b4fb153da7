#pragma once
/// \file
/// Private to src/train: what reading and writing CREDIT's files both name.

namespace rossby {

/// TrainingState::loss_scaler in the words of PyTorch's GradScaler.
constexpr char const* loss_scaler_keys[] = {"scale", "growth_factor", "backoff_factor", "growth_interval",
                                            "_growth_tracker"};

} // namespace rossby
