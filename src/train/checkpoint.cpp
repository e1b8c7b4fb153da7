#include "train/checkpoint.hpp"

#include "io/replace.hpp"
#include "train/weights.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/core/version.hpp>

#include "fields.hpp"
#include "run_arrays.hpp"
#include "seal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>

namespace rossby {

namespace {
using io::Hdf5File;
// 1 had no seal, sums over batches, and all rows of the log.
constexpr std::int64_t format_version = 2;

/// What the first rank writes alone: numbers and texts that all ranks know, with their checksums.
class CommonValues {
public:
  explicit CommonValues(Hdf5File const& file) : file_(&file) {}
  void number(std::string const& name, std::int64_t value) const { write(name, {}, {static_cast<double>(value)}); }
  void numbers(std::string const& name, std::vector<double> const& values) const
  {
    write(name, {static_cast<index_t>(values.size())}, values);
  }
  void text(std::string const& name, std::string const& value) const
  {
    file_->write_text(name, value);
    file_->write_attribute(name, "checksum", checksum(value));
  }

private:
  void write(std::string const& name, Shape const& shape, std::vector<double> const& values) const
  {
    file_->write(name, DType::float64, shape, values);
    file_->write_attribute(name, "checksum", checksum(values));
  }
  Hdf5File const* file_;
};

/// What a checkpoint has besides fields.
void write_common(CommonValues const& out, Parameters const& parameters, AdamW const& optimizer, Ema const* averages,
                  TrainingState const& state, RunDescription const& run)
{
  for (int i = 0; i < parameters.size(); ++i)
    if (auto const& m = optimizer.moments(i); m.first)
      out.number("/optimizer/" + parameters[i].spec.name + "/step", m.step);
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
  if (!state.loss_scaler.empty())
    out.numbers("/trainer/loss_scaler", state.loss_scaler);
  out.text("/trainer/log", state.log);
  out.text("/deck", run.deck);
  out.text("/model_block", run.model_block);
  out.text("/channel_schema", run.schema);
  out.text("/settings", run.settings);
}

/// Each rank's shares of the fields; returns their checksums. An error of one rank does not keep the others: nothing
/// between opening and closing is collective.
std::vector<std::int64_t> write_values(std::string const& path, Communicator const& writers, Exec const& exec,
                                       std::vector<Field> const& fields, std::vector<WrittenShare> const& shares,
                                       Parameters const& parameters)
{
  std::optional<Hdf5File> file;
  collectively(writers, [&] { file.emplace(Hdf5File::open_fill(path, writers)); });
  std::vector<std::int64_t> sums(fields.size(), 0);
  collectively(writers, [&] {
    for_each_share(exec, parameters, fields, shares, [&](std::size_t k, PartInFile const& place, auto const& values) {
      sums[k] = place.checksum(values);
      file->fill(fields[k].name, values, place.boxes());
    });
  });
  collectively(writers, [&] { file->close(); });
  writers.all_reduce_sum(sums.data(), sums.size());
  return sums;
}

/// The last word, without which a file is not whole.
void finish(std::string const& path, std::vector<Field> const& fields, std::vector<std::int64_t> const& sums,
            bool is_checkpoint)
{
  auto file = Hdf5File::open_fill(path, Communicator());
  for (std::size_t k = 0; k < fields.size(); ++k)
    file.write_attribute(fields[k].name, "checksum", sums[k]);
  if (is_checkpoint)
    file.write_attribute("/", "rossby_checkpoint", format_version);
  file.write_attribute("/", "rossby_version", std::string(version()));
  seal(file);
  file.close();
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
/// Fields by all ranks, and what `frame` adds by the first.
template <class F>
void write_file(std::string const& file, Communicator const& ranks, Exec const& exec, Parameters const& parameters,
                std::vector<Field> const& fields, std::size_t bytes_per_writer, bool is_checkpoint, F&& frame)
{
  std::size_t const bytes = room_for(fields, parameters);
  int const count = static_cast<int>(std::min(static_cast<std::size_t>(ranks.size()), 1 + bytes / bytes_per_writer));
  auto const shares = written_shares(parameters, count);
  bool const writes = ranks.rank() == 0 || std::any_of(shares.begin(), shares.end(),
                                                       [](WrittenShare const& s) { return s.part.size() > 0; });
  Communicator const writers = ranks.split(writes ? 0 : 1, ranks.rank());
  std::string const path = io::unfinished_name(file);
  try {
    on_first_rank(ranks, [&] {
      io::expect_room(file, bytes);
      auto out = Hdf5File::create(path);
      for (auto const& field : fields)
        out.make_dataset(field.name, field.stored.dtype(), parameters[field.parameter].spec.shape);
      frame(CommonValues(out));
      out.close();
    });
    std::vector<std::int64_t> sums;
    collectively(ranks, [&] {
      if (writes)
        sums = write_values(path, writers, exec, fields, shares, parameters);
    });
    on_first_rank(ranks, [&] {
      finish(path, fields, sums, is_checkpoint);
      io::finish_file(file);
    });
  } catch (Error const&) {
    if (ranks.rank() == 0)
      io::discard_unfinished(file);
    throw;
  }
}
} // namespace

void write_checkpoint(std::string const& file, Communicator const& ranks, Exec const& exec,
                      Parameters const& parameters, AdamW const& optimizer, Ema const* averages,
                      TrainingState const& state, RunDescription const& run, std::size_t bytes_per_writer)
{
  write_file(file, ranks, exec, parameters, fields_of(parameters, &optimizer, averages), bytes_per_writer, true,
             [&](CommonValues const& out) { write_common(out, parameters, optimizer, averages, state, run); });
}

void write_weights(std::string const& file, Communicator const& ranks, Exec const& exec, Parameters const& parameters)
{
  write_file(file, ranks, exec, parameters, fields_of(parameters, nullptr, nullptr), default_bytes_per_writer, false,
             [](CommonValues const&) {});
}

void read_moments(PartReader& reader, ArraySource const& source, Exec const& exec, Parameters const& parameters,
                  AdamW& optimizer)
{
  for (int i = 0; i < parameters.size(); ++i)
    if (std::string const group = "/optimizer/" + reader.name_in_file(i);
        !reader.name_in_file(i).empty() && source.exists(group))
      reader.when_sound(
          [&optimizer, &parameters, exec, i,
           moments = AdamW::Moments{reader.read(i, group + "/exp_avg"), reader.read(i, group + "/exp_avg_sq"),
                                    static_cast<std::int64_t>(source.number(group + "/step"))}] {
            optimizer.restore(exec, parameters, i, moments);
          });
}

void read_averages(PartReader& reader, ArraySource const& source, Exec const& exec, Parameters const& parameters,
                   Ema& averages)
{
  for (int i = 0; i < parameters.size(); ++i) {
    if (!averages.shadow(i))
      continue;
    if (std::string const name = "/ema/" + reader.name_in_file(i); name != "/ema/" && source.exists(name))
      reader.read_to(averages.shadow(i), i, name);
    else // a run that turns averaging on starts from here
      reader.when_sound([&, i] { averages.shadow(i).copy_from(exec, parameters[i].value()); });
  }
}

TrainingState read_checkpoint(std::string const& file, Exec const& exec, Parameters& parameters, AdamW& optimizer,
                              Ema* averages, CheckpointParts parts, RunDescription const& expected)
{
  TrainingState state;
  auto const open = [&] { return std::make_unique<Hdf5Source>(file); };
  read_parts(exec, parameters, open, [&](PartReader& reader, Hdf5Source const& source) {
    auto const& in = source.file();
    if (!in.has_attribute("/", "rossby_checkpoint"))
      fail(file, "is not a checkpoint of Rossby, or was not written to its end");
    auto const version = in.read_int_attribute("/", "rossby_checkpoint");
    if (version < 1 || version > format_version)
      fail(file, fmt::format("has checkpoint format {}, this program reads formats 1 to {}", version, format_version),
           "use a newer program");
    if (version == 1)
      logging::info(file + ": is of a version that wrote no seal; every checksum in it is compared");
    expect_same_model(file, read_text_verified(in, "/model_block"), expected.model_block);
    auto const number = [&](std::string const& name) { return static_cast<std::int64_t>(source.number(name)); };

    reader.read_weights("/model");
    if (parts.optimizer)
      read_moments(reader, source, exec, parameters, optimizer);
    if (parts.averages && averages)
      read_averages(reader, source, exec, parameters, *averages);
    state.epoch = number("/trainer/epoch");
    state.batch = number("/trainer/batch");
    state.update = number("/trainer/update");
    state.forward = number("/trainer/forward");
    state.seed = number("/trainer/seed");
    state.global_batch = number("/trainer/global_batch");
    state.schedule = read_verified(in, "/trainer/schedule");
    state.sums = read_verified(in, "/trainer/sums");
    state.history = read_verified(in, "/trainer/history");
    if (in.exists("/trainer/loss_scaler"))
      state.loss_scaler = read_verified(in, "/trainer/loss_scaler");
    state.log = read_text_verified(in, "/trainer/log");
    if (version == 1) // all of the epoch's batches so far were whole ones
      for (double& sum : state.sums)
        sum *= static_cast<double>(state.global_batch);
    if (parts.averages && averages)
      reader.when_sound([averages, steps = number("/trainer/ema_steps")] { averages->set_steps(steps); });
  });
  return state;
}

void read_forecast_weights(std::string const& file, Exec const& exec, Parameters& parameters, bool averages)
{
  auto const open = [&] { return open_weights(file, averages ? Extent::averages : Extent::weights); };
  read_parts(exec, parameters, open, [&](PartReader& reader, ArraySource const&) {
    reader.read_weights("/model");
    for (int i = 0; averages && i < parameters.size(); ++i)
      if (auto const& spec = parameters[i].spec; spec.trainable && !reader.name_in_file(i).empty())
        reader.read_to(parameters[i].value(), i, "/ema/" + reader.name_in_file(i));
  });
}

bool has_averages(std::string const& file) { return open_weights(file, Extent::averages)->exists("/ema"); }

} // namespace rossby
