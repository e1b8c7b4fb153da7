#include <rossby/train/checkpoint.hpp>

#include <rossby/comm/agree.hpp>
#include <rossby/io/replace.hpp>
#include <rossby/train/weights.hpp>

#include "part_in_file.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <sstream>

namespace rossby {

namespace {
using io::Hdf5File;
constexpr std::int64_t format_version = 1;

/// Writes datasets and collects their checksums. After the first failure the calls go on (they are collective: a rank
/// that stopped would leave the others waiting), but only the first error counts.
class Writer {
public:
  Writer(std::string const& path, Communicator const& ranks)
      : ranks_(ranks), file_(ranks.size() > 1 ? Hdf5File::create(path, ranks) : Hdf5File::create(path))
  {
  }

  /// This rank's share of a dataset; values in the order of the file.
  void field(std::string const& name, DType dtype, Shape const& shape, PartInFile const& place,
             std::vector<double> const& values)
  {
    note(name, place.checksum(values));
    attempt([&] { file_.write_boxes(name, dtype, shape, values, place.boxes()); });
  }
  // What all ranks know is written by the first.
  void number(std::string const& name, std::int64_t value) { numbers(name, {}, {static_cast<double>(value)}); }
  void numbers(std::string const& name, std::vector<double> const& values)
  {
    numbers(name, {static_cast<index_t>(values.size())}, values);
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
  void numbers(std::string const& name, Shape const& shape, std::vector<double> const& values)
  {
    note(name, ranks_.rank() == 0 ? checksum(values) : 0);
    attempt([&] { file_.write(name, DType::float64, shape, values); });
  }
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

void write_all(Writer& out, Exec const& exec, std::vector<WrittenShare> const& shares, Parameters const& parameters,
               AdamW const& optimizer, Ema const* averages, TrainingState const& state, RunDescription const& run)
{
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& spec = parameters[i].spec;
    auto const& share = shares[static_cast<std::size_t>(i)];
    PartInFile const place(spec, share.part);
    auto const field = [&](std::string const& name, Array const& stored) {
      out.field(name, stored.dtype(), spec.shape, place, place.to_file(share.values(exec, stored)));
    };
    field("/model/" + spec.name, parameters[i].value());
    if (auto const& m = optimizer.moments(i); m.first) {
      field("/optimizer/" + spec.name + "/exp_avg", m.first);
      field("/optimizer/" + spec.name + "/exp_avg_sq", m.second);
      out.number("/optimizer/" + spec.name + "/step", m.step);
    }
    if (averages && spec.trainable)
      field("/ema/" + spec.name, averages->shadow(i) ? averages->shadow(i) : parameters[i].value());
  }
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
  int const count = static_cast<int>(std::min(static_cast<std::size_t>(ranks.size()), 1 + bytes / bytes_per_writer));
  std::vector<WrittenShare> shares;
  bool writes = ranks.rank() == 0;
  for (int i = 0; i < parameters.size(); ++i) {
    shares.push_back(written_share(parameters, i, count));
    writes = writes || shares.back().part.size() > 0;
  }
  Communicator const writers = ranks.split(writes ? 0 : 1, ranks.rank());
  std::optional<Error> error;
  std::unique_ptr<Writer> writer;
  try {
    if (writes)
      writer = std::make_unique<Writer>(io::unfinished_name(file), writers);
  } catch (Error const& e) {
    error = e;
  }
  if (writer)
    write_all(*writer, exec, shares, parameters, optimizer, averages, state, run);
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
  TrainingState state;
  read_parts(exec, parameters, file, [&](PartReader& reader) {
    auto const& in = reader.file();
    if (!in.has_attribute("/", "rossby_checkpoint"))
      fail(file, "is no checkpoint of Rossby, or was not written to its end");
    if (auto const version = in.read_int_attribute("/", "rossby_checkpoint"); version != format_version)
      fail(file, fmt::format("has checkpoint format {}, this program reads format {}", version, format_version));
    expect_same_model(file, read_text_verified(in, "/model_block"), expected.model_block);
    auto const number = [&](std::string const& name) {
      return static_cast<std::int64_t>(read_verified(in, name).at(0));
    };

    reader.read_weights("/model");
    for (int i = 0; i < parameters.size(); ++i) {
      auto const& spec = parameters[i].spec;
      if (std::string const group = "/optimizer/" + spec.name; parts.optimizer && in.exists(group)) {
        auto& moments = optimizer.moments(i);
        moments.first = Array::empty(parameters.dtype(), parameters[i].value().shape());
        moments.second = Array::empty(parameters.dtype(), parameters[i].value().shape());
        reader.read(i, group + "/exp_avg", moments.first);
        reader.read(i, group + "/exp_avg_sq", moments.second);
        moments.step = number(group + "/step");
      }
      if (parts.averages && averages && averages->shadow(i)) {
        if (std::string const name = "/ema/" + spec.name; in.exists(name))
          reader.read(i, name, averages->shadow(i));
        else
          averages->shadow(i).copy_from(exec, parameters[i].value()); // a run that turns averaging on starts from here
      }
    }
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
  });
  return state;
}

void read_forecast_weights(std::string const& file, Exec const& exec, Parameters& parameters, bool averages)
{
  read_parts(exec, parameters, file, [&](PartReader& reader) {
    reader.read_weights("/model");
    for (int i = 0; averages && i < parameters.size(); ++i)
      if (is_optimized(parameters[i].spec))
        reader.read(i, "/ema/" + parameters[i].spec.name, parameters[i].value());
  });
}

bool has_averages(std::string const& file) { return Hdf5File::open_read(file).exists("/ema"); }

} // namespace rossby
