#pragma once
/// \file
/// Private to src/train: the files that CREDIT's trainers leave, and bare state dicts, as arrays under Rossby's paths.

#include "array_source.hpp"

#include "io/tensor_file.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

/// The optimizer's settings and position as CREDIT's first (and in its decks only) group has them.
struct CreditOptimizer {
  double rate = 0, initial_rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
};

class CreditSource final : public ArraySource {
public:
  /// `path` is a file of any of these contents; what else there is of the same state stands beside it under CREDIT's
  /// names and is found by itself.
  ///
  ///   {epoch, model_state_dict, optimizer_state_dict, ...}     checkpoint.pt; averages in checkpoint_ema.pt
  ///   {epoch, model_state_dict: {shadow, decay, step}}         checkpoint_ema.pt: /model are its averages, with the
  ///                                                            spectral-norm vectors of checkpoint.pt
  ///   a bare state dict                                        model_checkpoint.pt; optimizer_checkpoint.pt and
  ///                                                            checkpoint.pt (epoch, schedule) beside it
  CreditSource(std::string path, Extent);

  std::string const& path() const override { return path_; }
  bool exists(std::string const& name) const override;
  std::vector<std::string> list(std::string const& group) const override;
  Shape shape(std::string const& array) const override { return at(array).tensor.shape; }
  DType dtype(std::string const& array) const override;
  std::vector<double> read_boxes(std::string const& array, std::vector<io::Hyperslab> const& boxes) const override;
  double number(std::string const& array) const override;
  std::optional<std::int64_t> checksum(std::string const&) const override { return {}; }
  void verify(int part, int parts) const override;

  // Of Extent::run, each where the files have it.
  /// The number of the epoch that ended, from 0.
  std::optional<std::int64_t> epoch() const { return epoch_; }
  std::optional<CreditOptimizer> const& optimizer() const { return optimizer_; }
  /// The scheduler's state, a dict.
  std::optional<io::PickledValue> schedule() const;
  /// The state of the scaler of CREDIT's mixed precision, a dict.
  std::optional<io::PickledValue> loss_scaler() const;
  /// What Rossby has added to a file that it wrote itself.
  std::optional<io::PickledValue> own_part() const { return files_.front()->root().find("rossby"); }
  double ema_decay() const { return ema_decay_; }
  std::int64_t ema_steps() const { return ema_steps_; }

private:
  struct Place {
    io::TensorFile const* file = nullptr;
    io::StoredTensor tensor;
  };
  io::TensorFile const& open(std::string const& path);
  std::optional<io::PickledValue> dict_of_run(char const* key) const;
  void add_model(io::TensorFile const&, io::PickledValue const& state_dict);
  void add_averages(io::TensorFile const&, io::PickledValue const& model_state);
  void add_averages_beside();
  void add_weights_of_averages();
  void add_optimizer();
  void add_moments(io::TensorFile const&, io::PickledValue const& state);
  void add(std::string const& name, io::TensorFile const&, io::StoredTensor const&);
  Place const& at(std::string const& array) const;
  std::string where(std::string const& array) const { return path_ + ": " + array; }

  std::string path_;
  std::vector<std::unique_ptr<io::TensorFile>> files_; ///< the first is the one that was named
  std::map<std::string, Place> arrays_;
  std::map<std::string, double> numbers_;
  std::vector<std::string> parameter_order_; ///< of PyTorch's parameters in the state dict
  std::optional<std::int64_t> epoch_;
  std::optional<CreditOptimizer> optimizer_;
  double ema_decay_ = 0;
  std::int64_t ema_steps_ = 0;
};

} // namespace rossby
