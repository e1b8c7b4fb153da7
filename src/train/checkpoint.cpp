#include <rossby/train/checkpoint.hpp>

#include <rossby/comm/agree.hpp>
#include <rossby/io/replace.hpp>
#include <rossby/train/weights.hpp>

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <sstream>

namespace rossby {

namespace {
using io::Hdf5File;
constexpr std::int64_t format_version = 1;

/// Writes datasets by rows and collects their checksums. After the first failure the calls go on (they are collective:
/// a rank that stopped would leave the others waiting), but only the first error counts.
class Writer {
public:
  Writer(std::string const& path, Communicator const& ranks)
      : ranks_(ranks), file_(ranks.size() > 1 ? Hdf5File::create(path, ranks) : Hdf5File::create(path))
  {
  }

  void field(std::string const& name, DType dtype, Shape const& shape, std::vector<double> const& values)
  {
    index_t const rows = shape.empty() ? 1 : shape[0], row = rows > 0 ? product(shape) / rows : 0;
    index_t const first = rows * ranks_.rank() / ranks_.size(), last = rows * (ranks_.rank() + 1) / ranks_.size();
    std::vector<double> const mine(values.begin() + first * row, values.begin() + last * row);
    note(name, checksum(mine, first * row));
    attempt([&] {
      if (shape.empty()) {
        file_.write(name, dtype, shape, values);
        return;
      }
      io::Hyperslab box{Shape(shape.size(), 0), shape};
      box.offset[0] = first;
      box.count[0] = last - first;
      file_.write(name, dtype, shape, mine, box);
    });
  }
  void number(std::string const& name, std::int64_t value)
  {
    field(name, DType::float64, {}, {static_cast<double>(value)});
  }
  void numbers(std::string const& name, std::vector<double> const& values)
  {
    field(name, DType::float64, {static_cast<index_t>(values.size())}, values);
  }
  void text(std::string const& name, std::string const& value)
  {
    note(name, ranks_.rank() == 0 ? checksum(value) : 0);
    attempt([&] { file_.write_text(name, value); });
  }

  /// Adds the checksums and closes. Returns the first error, if there was one.
  std::optional<Error> finish()
  {
    ranks_.all_reduce_sum(sums_.data(), sums_.size());
    for (std::size_t i = 0; i < names_.size(); ++i)
      attempt([&] { file_.write_attribute(names_[i], "checksum", sums_[i]); });
    attempt([&] { file_.write_attribute("/", "rossby_checkpoint", format_version); });
    attempt([&] { file_.write_attribute("/", "rossby_version", std::string(ROSSBY_VERSION)); });
    attempt([&] { file_.close(); });
    return error_;
  }

private:
  template <class F> void attempt(F&& f)
  {
    try {
      f();
    } catch (Error const& e) {
      if (!error_)
        error_ = e;
    }
  }
  void note(std::string const& name, std::int64_t sum)
  {
    names_.push_back(name);
    sums_.push_back(sum);
  }

  Communicator ranks_;
  Hdf5File file_;
  std::vector<std::string> names_;
  std::vector<std::int64_t> sums_;
  std::optional<Error> error_;
};

/// Bytes that a checkpoint takes, with a generous share for HDF5's own records.
std::size_t room_for(Parameters const& parameters, AdamW const& optimizer, Ema const* averages)
{
  std::size_t bytes = std::size_t{1} << 20;
  for (int i = 0; i < parameters.size(); ++i) {
    std::size_t const copies = 1 + (optimizer.moments(i).first ? 2 : 0) + (averages ? 1 : 0);
    auto const elements = static_cast<std::size_t>(product(parameters[i].spec.shape));
    bytes += copies * (elements * size_of(parameters.dtype()) + 4096);
  }
  return bytes;
}

/// All ranks take part, because each holds parts; those with a writer write.
void write_all(Writer* writer, Exec const& exec, Parameters const& parameters, AdamW const& optimizer,
               Ema const* averages, TrainingState const& state, RunDescription const& run)
{
  auto const field = [&](std::string const& name, int i, Array const& part) {
    auto const values = whole_in_file_order(exec, parameters, i, part);
    if (writer)
      writer->field(name, part.dtype(), parameters[i].spec.shape, values);
  };
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& spec = parameters[i].spec;
    field("/model/" + spec.name, i, parameters[i].value());
    if (auto const& m = optimizer.moments(i); m.first) {
      field("/optimizer/" + spec.name + "/exp_avg", i, m.first);
      field("/optimizer/" + spec.name + "/exp_avg_sq", i, m.second);
      if (writer)
        writer->number("/optimizer/" + spec.name + "/step", m.step);
    }
    if (averages && spec.trainable)
      field("/ema/" + spec.name, i, averages->shadow(i) ? averages->shadow(i) : parameters[i].value());
  }
  if (!writer)
    return;
  Writer& out = *writer;
  out.number("/trainer/epoch", state.epoch);
  out.number("/trainer/batch", state.batch);
  out.number("/trainer/update", state.update);
  out.number("/trainer/forward", state.forward);
  out.number("/trainer/seed", state.seed);
  out.number("/trainer/global_batch", state.global_batch);
  out.number("/trainer/ema_steps", averages ? averages->steps() : 0);
  out.numbers("/trainer/schedule", state.schedule);
  out.numbers("/trainer/sums", state.sums);
  out.numbers("/trainer/history", state.history);
  out.text("/trainer/log", state.log);
  out.text("/deck", run.deck);
  out.text("/model_block", run.model_block);
  out.text("/channel_schema", run.schema);
}

void expect_same_model(std::string const& file, std::string const& theirs, std::string const& ours)
{
  std::istringstream a(theirs), b(ours);
  std::string line_a, line_b;
  while (true) {
    bool const more_a = static_cast<bool>(std::getline(a, line_a)), more_b = static_cast<bool>(std::getline(b, line_b));
    if (!more_a && !more_b)
      return;
    if (more_a != more_b || line_a != line_b)
      fail(file,
           fmt::format("is the checkpoint of another deck: its model has '{}', this deck's '{}'", more_a ? line_a : "",
                       more_b ? line_b : ""),
           "resume with the deck of that run, or start in another folder");
  }
}
} // namespace

void write_checkpoint(std::string const& file, Communicator const& ranks, Exec const& exec,
                      Parameters const& parameters, AdamW const& optimizer, Ema const* averages,
                      TrainingState const& state, RunDescription const& run, std::size_t bytes_per_writer)
{
  std::size_t const bytes = room_for(parameters, optimizer, averages);
  on_first_rank(ranks, [&] { io::expect_room(file, bytes); });
  int const count =
      static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(ranks.size()), 1 + bytes / bytes_per_writer));
  bool const writes = ranks.rank() < count;
  Communicator const writers = ranks.split(writes ? 0 : 1, ranks.rank());
  std::optional<Error> error;
  std::unique_ptr<Writer> writer;
  try {
    if (writes)
      writer = std::make_unique<Writer>(io::unfinished_name(file), writers);
  } catch (Error const& e) {
    error = e;
  }
  write_all(writer.get(), exec, parameters, optimizer, averages, state, run);
  try {
    if (writer)
      agree(writers, writer->finish());
  } catch (Error const& e) {
    error = e;
  }
  writer.reset();
  if (ranks.rank() == 0) {
    try {
      if (!error)
        io::finish_file(file);
    } catch (Error const& e) {
      error = e;
    }
    if (error)
      io::discard_unfinished(file);
  }
  agree(ranks, error);
}

TrainingState read_checkpoint(std::string const& file, Exec const& exec, Parameters& parameters, AdamW& optimizer,
                              Ema* averages, CheckpointParts parts, RunDescription const& expected)
{
  auto const in = Hdf5File::open_read(file); // by every rank on its own: collective opening costs more than it saves
  if (!in.has_attribute("/", "rossby_checkpoint"))
    fail(file, "is no checkpoint of Rossby, or was not written to its end");
  if (auto const version = in.read_int_attribute("/", "rossby_checkpoint"); version != format_version)
    fail(file, fmt::format("has checkpoint format {}, this program reads format {}", version, format_version));
  expect_same_model(file, read_text_verified(in, "/model_block"), expected.model_block);
  auto const number = [&](std::string const& name) { return static_cast<std::int64_t>(read_verified(in, name).at(0)); };

  load_weights(exec, parameters, in, "/model");
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& spec = parameters[i].spec;
    auto const load = [&](std::string const& name, Array& array) {
      auto const values = read_verified(in, name);
      if (values.size() != static_cast<std::size_t>(product(spec.shape)))
        fail(file + ": " + name, "has another shape than the parameter");
      array = Array::empty(parameters.dtype(), parameters[i].value().shape());
      from_file_order(exec, spec, parameters[i].part, values, array);
    };
    if (std::string const group = "/optimizer/" + spec.name; parts.optimizer && in.exists(group)) {
      auto& moments = optimizer.moments(i);
      load(group + "/exp_avg", moments.first);
      load(group + "/exp_avg_sq", moments.second);
      moments.step = number(group + "/step");
    }
    if (parts.averages && averages && averages->shadow(i)) {
      if (std::string const name = "/ema/" + spec.name; in.exists(name)) {
        Array values;
        load(name, values);
        averages->shadow(i).copy_from(exec, values);
      } else {
        averages->shadow(i).copy_from(exec, parameters[i].value()); // a run that turns averaging on starts from here
      }
    }
  }
  TrainingState state;
  state.epoch = number("/trainer/epoch");
  state.batch = number("/trainer/batch");
  state.update = number("/trainer/update");
  state.forward = number("/trainer/forward");
  state.seed = number("/trainer/seed");
  state.global_batch = number("/trainer/global_batch");
  state.schedule = read_verified(in, "/trainer/schedule");
  state.sums = read_verified(in, "/trainer/sums");
  state.history = read_verified(in, "/trainer/history");
  state.log = read_text_verified(in, "/trainer/log");
  if (parts.averages && averages)
    averages->set_steps(number("/trainer/ema_steps"));
  return state;
}

void read_forecast_weights(std::string const& file, Exec const& exec, Parameters& parameters, bool averages)
{
  auto const in = Hdf5File::open_read(file);
  load_weights(exec, parameters, in, "/model");
  if (!averages)
    return;
  for (auto& p : parameters.all())
    if (p.spec.trainable && p.spec.used)
      from_file_order(exec, p.spec, p.part, read_verified(in, "/ema/" + p.spec.name), p.value());
}

bool has_averages(std::string const& file) { return Hdf5File::open_read(file).exists("/ema"); }

} // namespace rossby
