// The files that CREDIT goes on from. Each is laid out by the first rank, filled in by all and sealed by the first,
// like a checkpoint of ours (checkpoint.cpp); a key "rossby" keeps what CREDIT has no place for, so that nothing is
// lost on the way there and back. CREDIT reads the keys that it knows and no others.
#include "train/credit_run.hpp"

#include "credit_keys.hpp"
#include "credit_schedule.hpp"
#include "fields.hpp"

#include "io/replace.hpp"
#include "io/torch_writer.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/version.hpp>

#include <filesystem>
#include <map>

namespace rossby {

namespace fs = std::filesystem;

namespace {
/// A file under construction, and which of its tensors each field is.
class CreditFile {
public:
  explicit CreditFile(std::string path) : path_(std::move(path)), out_(fs::path(path_).stem().string()) {}
  std::string const& path() const { return path_; }
  std::string unfinished() const { return io::unfinished_name(path_); }
  io::TorchWriter& out() { return out_; }
  io::TorchWriter const& out() const { return out_; }

  void key(std::string const& name) { out_.text(name); }
  /// A tensor that ranks fill in.
  void field(std::string const& field, DType dtype, Shape const& shape) { tensors_[field] = out_.tensor(dtype, shape); }
  /// A tensor of one number.
  void scalar(double value) { scalars_.emplace_back(out_.tensor(DType::float32, {}), value); }

  void lay_out() const
  {
    out_.lay_out(unfinished());
    for (auto const& [tensor, value] : scalars_)
      out_.fill(unfinished(), tensor, {value}, {{{}, {}}});
  }
  /// Nothing for a field that is in another file.
  void fill(Field const& field, std::vector<double> const& values, std::vector<io::Hyperslab> const& boxes) const
  {
    if (auto const found = tensors_.find(field.name); found != tensors_.end())
      out_.fill(unfinished(), found->second, values, boxes);
  }

private:
  std::string path_;
  io::TorchWriter out_;
  std::map<std::string, int> tensors_;
  std::vector<std::pair<int, double>> scalars_;
};

void write_files(std::vector<CreditFile> const& files, Communicator const& ranks, Exec const& exec,
                 Parameters const& parameters, std::vector<Field> const& fields)
{
  auto const shares = written_shares(parameters, 1);
  try {
    on_first_rank(ranks, [&] {
      for (auto const& file : files) {
        io::expect_room(file.path(), file.out().bytes());
        file.lay_out();
      }
    });
    collectively(ranks, [&] {
      for_each_share(exec, parameters, fields, shares, [&](std::size_t k, PartInFile const& place, auto const& values) {
        for (auto const& file : files)
          file.fill(fields[k], values, place.boxes());
      });
    });
    for (auto const& file : files) {
      std::vector<std::int64_t> sums;
      collectively(ranks, [&] {
        auto const mine = file.out().checksums(file.unfinished(), ranks.rank(), ranks.size());
        sums.assign(mine.begin(), mine.end());
      });
      ranks.all_reduce_sum(sums.data(), sums.size());
      on_first_rank(ranks, [&] { file.out().seal(file.unfinished(), {sums.begin(), sums.end()}); });
    }
    on_first_rank(ranks, [&] {
      for (auto const& file : files)
        io::finish_file(file.path());
    });
  } catch (Error const&) {
    if (ranks.rank() == 0)
      for (auto const& file : files)
        io::discard_unfinished(file.path());
    throw;
  }
}

void add_model(CreditFile& file, Parameters const& parameters)
{
  file.key("model_state_dict");
  file.out().begin_ordered_dict();
  for (auto const& p : parameters.all()) {
    file.key(p.spec.name);
    file.field("/model/" + p.spec.name, p.value().dtype(), p.spec.shape);
  }
  file.out().end_dict();
}

void add_moments(CreditFile& file, Parameters const& parameters, AdamW const& optimizer, bool by_name)
{
  auto& out = file.out();
  std::int64_t number = 0; // of PyTorch's parameters: all but spectral norm's vectors
  auto const identify = [&](ParameterSpec const& spec) { by_name ? out.text(spec.name) : out.integer(number); };
  file.key("state");
  out.begin_dict();
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& spec = parameters[i].spec;
    if (!spec.trainable)
      continue;
    if (auto const& m = optimizer.moments(i); m.first) {
      identify(spec);
      out.begin_dict();
      file.key("step");
      file.scalar(static_cast<double>(m.step));
      file.key("exp_avg");
      file.field("/optimizer/" + spec.name + "/exp_avg", m.first.dtype(), spec.shape);
      file.key("exp_avg_sq");
      file.field("/optimizer/" + spec.name + "/exp_avg_sq", m.second.dtype(), spec.shape);
      out.end_dict();
    }
    ++number;
  }
  out.end_dict();
}

void add_group(CreditFile& file, Parameters const& parameters, TrainerConfig const& config, double rate, bool by_name)
{
  auto& out = file.out();
  auto const real = [&](char const* key, double value) {
    out.text(key);
    out.real(value);
  };
  auto const flag = [&](char const* key, bool value) {
    out.text(key);
    out.boolean(value);
  };
  file.key("param_groups");
  out.begin_list();
  out.begin_dict();
  real("lr", rate);
  out.text("betas");
  out.begin_tuple();
  out.real(config.adamw.beta1);
  out.real(config.adamw.beta2);
  out.end_tuple();
  real("eps", config.adamw.epsilon);
  real("weight_decay", config.adamw.weight_decay);
  flag("amsgrad", false);
  flag("maximize", false);
  out.text("foreach");
  out.none();
  flag("capturable", false);
  flag("differentiable", false);
  out.text("fused");
  out.none();
  flag("decoupled_weight_decay", true);
  if (config.schedule.kind != ScheduleConfig::Kind::constant)
    real("initial_lr", config.learning_rate);
  out.text("params");
  out.begin_list();
  std::int64_t number = 0;
  for (auto const& p : parameters.all())
    if (p.spec.trainable)
      by_name ? out.text(p.spec.name) : out.integer(number++);
  out.end_list();
  out.end_dict();
  out.end_list();
}

/// Empty where nothing scales the loss. With mixed precision CREDIT insists on one: what a new one begins with.
void add_loss_scaler(CreditFile& file, TrainingState const& state, TrainerConfig const& config)
{
  auto& out = file.out();
  bool const mixed = config.precision.fields == DType::bfloat16;
  auto const numbers =
      state.loss_scaler.empty() && mixed ? std::vector<double>{65536, 2, 0.5, 2000, 0} : state.loss_scaler;
  file.key("scaler_state_dict");
  out.begin_dict();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    file.key(loss_scaler_keys[i]);
    i < 3 ? out.real(numbers[i]) : out.integer(static_cast<std::int64_t>(numbers[i]));
  }
  out.end_dict();
}

void add_own_part(CreditFile& file, TrainingState const& state, RunDescription const& run)
{
  auto& out = file.out();
  auto const count = [&](char const* key, std::int64_t value) {
    out.text(key);
    out.integer(value);
  };
  auto const numbers = [&](char const* key, std::vector<double> const& values) {
    out.text(key);
    out.begin_list();
    for (double const v : values)
      out.real(v);
    out.end_list();
  };
  auto const text = [&](char const* key, std::string const& value) {
    out.text(key);
    out.text(value);
  };
  file.key("rossby");
  out.begin_dict();
  text("version", std::string(version()));
  count("epoch", state.epoch);
  count("batch", state.batch);
  count("update", state.update);
  count("forward", state.forward);
  count("seed", state.seed);
  count("global_batch", state.global_batch);
  numbers("schedule", state.schedule);
  numbers("sums", state.sums);
  numbers("history", state.history);
  numbers("loss_scaler", state.loss_scaler);
  text("log", state.log);
  text("deck", run.deck);
  text("model_block", run.model_block);
  text("channel_schema", run.schema);
  text("settings", run.settings);
  out.end_dict();
}

CreditFile averages_file(std::string const& path, Parameters const& parameters, Ema const& averages,
                         std::int64_t last_epoch)
{
  CreditFile file(path);
  auto& out = file.out();
  out.begin_dict();
  file.key("epoch");
  out.integer(last_epoch);
  file.key("model_state_dict");
  out.begin_dict();
  file.key("shadow");
  out.begin_ordered_dict();
  for (int i = 0; i < parameters.size(); ++i)
    if (auto const& mean = averages.shadow(i)) {
      file.key(parameters[i].spec.name);
      file.field("/ema/" + parameters[i].spec.name, mean.dtype(), parameters[i].spec.shape);
    }
  out.end_dict();
  file.key("decay");
  out.real(averages.decay());
  file.key("step");
  out.integer(averages.steps());
  out.end_dict();
  out.end_dict();
  return file;
}
} // namespace

void write_credit_checkpoint(std::string const& path, Communicator const& ranks, Exec const& exec,
                             Parameters const& parameters, AdamW const& optimizer, Ema const* averages,
                             TrainingState const& state, RunDescription const& run, TrainerConfig const& config,
                             bool by_name)
{
  auto const schedule = make_schedule(config.schedule, config.learning_rate);
  schedule->restore(state.schedule);
  std::int64_t const last_epoch = state.epoch - 1; // CREDIT's number of the epoch that ended
  CreditFile file(path);
  auto& out = file.out();
  out.begin_dict();
  file.key("epoch");
  out.integer(last_epoch);
  add_model(file, parameters);
  file.key("optimizer_state_dict");
  out.begin_dict();
  add_moments(file, parameters, optimizer, by_name);
  add_group(file, parameters, config, schedule->rate(), by_name);
  out.end_dict();
  file.key("scheduler_state_dict");
  write_credit_schedule(out, config.schedule, config.learning_rate, state.schedule, state.epoch);
  add_loss_scaler(file, state, config);
  add_own_part(file, state, run);
  out.end_dict();

  std::vector<CreditFile> files;
  if (averages) {
    fs::path const p(path);
    auto const beside = p.parent_path() / (p.stem().string() + "_ema" + p.extension().string());
    files.push_back(averages_file(beside.string(), parameters, *averages, last_epoch));
  }
  files.push_back(std::move(file)); // last, and so the last to get its name
  write_files(files, ranks, exec, parameters, fields_of(parameters, &optimizer, averages));
}

void write_credit_weights(std::string const& path, Communicator const& ranks, Exec const& exec,
                          Parameters const& parameters)
{
  std::vector<CreditFile> files;
  CreditFile& file = files.emplace_back(path);
  file.out().begin_dict();
  add_model(file, parameters);
  file.out().end_dict();
  write_files(files, ranks, exec, parameters, fields_of(parameters, nullptr, nullptr));
}

} // namespace rossby
