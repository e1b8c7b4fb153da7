// The functions of rossby.h. A session holds what its purpose needs beside the C++ Session: fields that the host handed
// over and not yet used, a rollout under way (forecasts), or a trainer (training). Every function turns what is thrown
// into a text and a return value, so that no exception meets a C frame.
#include <rossby.h>

#include "host_fields.hpp"

#include "data/plan.hpp"
#include "train/postblocks.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/environment.hpp>
#include <rossby/forecast.hpp>
#include <rossby/models/model.hpp>
#include <rossby/parallel/mesh.hpp>
#include <rossby/rollout.hpp>
#include <rossby/train.hpp>

#include <fmt/format.h>

#include <deque>
#include <limits>
#include <sstream>

namespace rossby::host {

namespace {
thread_local std::string last_error;

std::unique_ptr<Environment>& environment()
{
  static std::unique_ptr<Environment> e;
  return e;
}

/// Batches that the host's own loop hands to the trainer.
class HostBatches final : public BatchSource {
public:
  index_t batches() const override { return std::numeric_limits<index_t>::max(); } // the host's epoch has no end
  void start(std::uint64_t, index_t) override {}
  std::optional<BatchStep> next() override
  {
    if (steps_.empty())
      return {};
    BatchStep first = std::move(steps_.front());
    steps_.pop_front();
    return first;
  }
  void add(BatchStep step) { steps_.push_back(std::move(step)); }
  void clear() { steps_.clear(); }

private:
  std::deque<BatchStep> steps_;
};

std::vector<std::string> lines_of(char const* text)
{
  std::vector<std::string> lines;
  std::istringstream in(text ? text : "");
  for (std::string line; std::getline(in, line);)
    if (!line.empty())
      lines.push_back(line);
  return lines;
}

SessionOptions options_of(std::shared_ptr<FieldSource> fields, Communicator const& ranks, rossby_log log, void* data)
{
  SessionOptions options;
  options.fields = std::move(fields);
  if (log)
    options.log = std::make_shared<Log>(ranks.rank(), [log, data](LogLevel level, std::string const& message) {
      log(static_cast<int>(level), message.c_str(), data);
    });
  return options;
}
} // namespace

/// What a handle of rossby.h holds.
struct HostSession {
  std::shared_ptr<HostFields> fields = std::make_shared<HostFields>();
  Communicator ranks;
  Session session;
  std::optional<Rollout> rollout;
  std::optional<Dataset> data;
  // forecast
  std::optional<RolloutUnderWay> state;
  Time time = 0;
  int step = -1; ///< steps made since rossby_begin; -1 before it
  // training
  host::HostBatches batches;
  std::optional<BatchTrainer> trainer;

  HostSession(char const* deck, char const* overrides, int purpose, Communicator const& group, rossby_log log,
              void* log_data)
      : ranks(group),
        session(Session::open(load_deck(deck, host::lines_of(overrides), group),
                              purpose == ROSSBY_TRAIN ? Session::Purpose::train : Session::Purpose::forecast, group,
                              host::options_of(fields, group, log, log_data)))
  {
    auto const scope = session.enter();
    Model& model = session.model();
    auto const& spatial = session.mesh().spatial;
    rollout.emplace(session);
    data.emplace(session.plan(), rollout->tile());
    std::vector<Box> boxes(static_cast<std::size_t>(spatial.size()), Box{0, 0, 0, 0});
    boxes.front() = {0, grid().height(), 0, grid().width()};
    fields->set_tiles(spatial, Tiling(grid().height(), grid().width(), boxes), model.input_tiling());
    if (purpose == ROSSBY_TRAIN)
      trainer.emplace(session, batches);
  }

  Grid const& grid() const { return session.grid(); }

  SchemaEntry const& find(std::vector<SchemaEntry> const& list, std::string const& name) const
  {
    SchemaEntry const* found = nullptr;
    std::string known;
    for (auto const& e : list) {
      if (e.key == name)
        return e;
      if (e.variable == name) {
        if (found)
          fail(name, "is the name of several variables", fmt::format("use the key: {} or {}", found->key, e.key));
        found = &e;
      }
      known += (known.empty() ? "" : ", ") + e.key;
    }
    if (!found)
      fail(name, "the model has no such variable", "it has " + known);
    return *found;
  }

  /// Of the input, or else of the output: what is only diagnosed may be handed over as a truth.
  SchemaEntry const& input_or_target(std::string const& name) const
  {
    auto const& schema = session.schema();
    for (auto const& e : schema.input)
      if (e.key == name || e.variable == name)
        return find(schema.input, name);
    std::vector<SchemaEntry> const& list = trainer ? schema.target : schema.input;
    return find(list, name);
  }

  void expect_forecast() const
  {
    if (trainer)
      fail("session", "was opened for training", "open one with ROSSBY_FORECAST to make steps");
  }
};
} // namespace rossby::host

struct rossby_session : rossby::host::HostSession {
  using HostSession::HostSession;
};

// Functions of C linkage are the same in every namespace. (A using directive at the file's level would do for most
// compilers, but makes log ambiguous in the headers that nvcc adds at the end.)
namespace rossby {

namespace {
template <class F> int guarded(rossby_session* s, F&& f)
{
  try {
    if (!s)
      fail("session", "is null", "look at the error of rossby_open");
    auto const scope = s->session.enter();
    f();
    return 0;
  } catch (...) {
    host::last_error = current_error().what();
    return 1;
  }
}

rossby_session* opened(char const* deck, char const* overrides, int purpose, rossby_log log, void* log_data,
                       Communicator (*group)(void const*), void const* handle)
{
  try {
    if (!deck)
      fail("deck", "is null", "give the path of a run deck");
    return new rossby_session(deck, overrides, purpose, group(handle), log, log_data);
  } catch (...) {
    host::last_error = current_error().what();
    return nullptr;
  }
}

template <class T> host::Strided<T> strided(void* data, rossby_layout const& layout)
{
  return {static_cast<T*>(data), layout.level_stride, layout.row_stride, layout.column_stride};
}

/// Calls `f(value, level, row, column)` for each element of the tile.
template <class F> void each(void* data, rossby_layout const& layout, index_t levels, Box const& tile, F&& f)
{
  if (layout.type != ROSSBY_FLOAT32 && layout.type != ROSSBY_FLOAT64)
    fail("layout", fmt::format("has type {}", static_cast<int>(layout.type)), "use ROSSBY_FLOAT32 or ROSSBY_FLOAT64");
  if (layout.levels != levels || layout.rows != tile.rows() || layout.columns != tile.cols())
    fail("layout",
         fmt::format("has {} levels, {} rows and {} columns; the variable on this rank's tile has {}, {} and {}",
                     layout.levels, layout.rows, layout.columns, levels, tile.rows(), tile.cols()),
         "hand over all levels of the cells that rossby_tile named");
  if (!data && tile.cells() > 0)
    fail("data", "is null", "give the address of the northernmost row's first cell");
  auto const all = [&](auto const& at) {
    for (index_t k = 0; k < levels; ++k)
      for (index_t i = 0; i < tile.rows(); ++i)
        for (index_t j = 0; j < tile.cols(); ++j)
          f(at(k, i, j), static_cast<std::size_t>((k * tile.rows() + i) * tile.cols() + j));
  };
  if (layout.type == ROSSBY_FLOAT32)
    all(strided<float>(data, layout));
  else
    all(strided<double>(data, layout));
}
} // namespace

extern "C" {

int rossby_start(int* argc, char** argv)
{
  try {
    if (host::environment())
      fail("rossby_start", "was called before", "call it once");
    int none = 0;
    char* nothing[] = {nullptr};
    host::environment() = std::make_unique<Environment>(argc ? *argc : none, argv ? argv : nothing);
    return 0;
  } catch (...) {
    host::last_error = current_error().what();
    return 1;
  }
}

void rossby_stop(void) { host::environment().reset(); }

char const* rossby_error(void) { return host::last_error.c_str(); }

rossby_session* rossby_open(char const* deck, char const* overrides, enum rossby_purpose purpose, void const* mpi_comm,
                            rossby_log log, void* log_data)
{
  auto const group = [](void const* handle) {
    return handle ? Communicator::from_native(handle, Communicator::Handle::borrowed, "world") : Communicator();
  };
  return opened(deck, overrides, purpose, log, log_data, group, mpi_comm);
}

rossby_session* rossby_open_fortran(char const* deck, char const* overrides, int purpose, int mpi_comm, rossby_log log,
                                    void* log_data)
{
  auto const group = [](void const* handle) {
    return Communicator::from_fortran(*static_cast<int const*>(handle), "world");
  };
  return opened(deck, overrides, purpose, log, log_data, group, &mpi_comm);
}

void rossby_close(rossby_session* s) { delete s; }

int rossby_load(rossby_session* s, char const* checkpoint)
{
  return guarded(s, [&] {
    std::string const file = checkpoint ? checkpoint : "";
    if (s->trainer)
      s->trainer->load(file);
    else
      load_forecast_weights(s->session, file);
  });
}

int rossby_checkpoint(rossby_session* s, char const* file)
{
  return guarded(s, [&] {
    if (!s->trainer)
      fail("session", "was not opened for training", "open one with ROSSBY_TRAIN");
    s->trainer->save(file ? file : "");
  });
}

int rossby_grid(rossby_session* s, int64_t* rows, int64_t* columns)
{
  return guarded(s, [&] {
    *rows = s->grid().height();
    *columns = s->grid().width();
  });
}

int rossby_coordinates(rossby_session* s, double* latitude, double* longitude)
{
  return guarded(s, [&] {
    std::copy(s->grid().latitude.begin(), s->grid().latitude.end(), latitude);
    std::copy(s->grid().longitude.begin(), s->grid().longitude.end(), longitude);
  });
}

int rossby_tile(rossby_session* s, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
  return guarded(s, [&] {
    auto const& spatial = s->session.mesh().spatial;
    auto const all =
        spatial.all_gather(std::vector<double>{static_cast<double>(row), static_cast<double>(row + rows),
                                               static_cast<double>(column), static_cast<double>(column + columns)});
    std::vector<Box> boxes;
    for (std::size_t r = 0; r < all.size(); r += 4)
      boxes.push_back({static_cast<index_t>(all[r]), static_cast<index_t>(all[r + 1]), static_cast<index_t>(all[r + 2]),
                       static_cast<index_t>(all[r + 3])});
    std::optional<Tiling> tiling;
    try {
      tiling.emplace(s->grid().height(), s->grid().width(), boxes);
    } catch (std::logic_error const&) { // alike on all ranks
      std::string list;
      for (std::size_t r = 0; r < boxes.size(); ++r)
        list += fmt::format("{}rank {}: rows {} to {}, columns {} to {}", r ? "; " : "", r, boxes[r].row0,
                            boxes[r].row1 - 1, boxes[r].col0, boxes[r].col1 - 1);
      fail("rossby_tile",
           fmt::format("the tiles don't make up the grid of {} x {} cells ({})", s->grid().height(), s->grid().width(),
                       list),
           "give every cell to one rank");
    }
    s->fields->set_tiles(spatial, *tiling, s->session.model().input_tiling());
  });
}

int rossby_put(rossby_session* s, char const* variable, char const* time, void const* data, rossby_layout layout)
{
  return guarded(s, [&] {
    auto const& entry = s->input_or_target(variable ? variable : "");
    Time const t =
        entry.type == FieldType::fixed ? 0 : parse_time(time ? time : "", "rossby_put", s->session.calendar());
    Box const& tile = s->fields->tile();
    std::vector<double> values(static_cast<std::size_t>(entry.n_levels() * tile.cells()));
    each(const_cast<void*>(data), layout, entry.n_levels(), tile,
         [&](auto const& value, std::size_t i) { values[i] = static_cast<double>(value); });
    s->fields->put(entry, t, std::move(values));
  });
}

int rossby_get(rossby_session* s, char const* variable, void* data, rossby_layout layout)
{
  return guarded(s, [&] {
    s->expect_forecast();
    if (s->step < 1)
      fail("rossby_get", "there is no output yet", "make a step before");
    Exec const exec;
    auto const& entry = s->find(s->session.schema().target, variable ? variable : "");
    Context context;
    context.exec = exec;
    auto const channels = s->session.schema().target_channels();
    auto const physical = leading_channels(context, s->state->physical(context), channels).value().to_host(exec);
    auto const values = s->fields->bring_back(s->session.model().output_tiling(), physical, entry);
    each(data, layout, entry.n_levels(), s->fields->tile(),
         [&](auto& value, std::size_t i) { value = static_cast<std::decay_t<decltype(value)>>(values[i]); });
  });
}

int rossby_begin(rossby_session* s, char const* time)
{
  return guarded(s, [&] {
    s->expect_forecast();
    s->time = parse_time(time ? time : "", "rossby_begin", s->session.calendar());
    s->step = 0;
    s->state.emplace(*s->rollout);
  });
}

int rossby_step(rossby_session* s)
{
  return guarded(s, [&] {
    s->expect_forecast();
    if (s->step < 0)
      fail("rossby_step", "there is no state yet", "call rossby_begin before");
    Exec const exec;
    BatchStep batch;
    batch.indices.samples = {0};
    batch.step = s->step;
    s->fields->arrive();
    collectively(s->session.mesh().spatial, [&] {
      if (batch.step == 0)
        batch.input = s->data->input(s->time);
      else
        batch.forcing = s->data->forcing(s->time);
    });
    s->state->feed(exec, batch);
    Context context;
    context.exec = exec;
    s->state->step(context);
    s->fields->forget_before(s->time);
    s->time += s->session.timestep();
    ++s->step;
  });
}

int rossby_time(rossby_session* s, int64_t* seconds)
{
  return guarded(s, [&] { *seconds = s->time; });
}

int rossby_forecast(rossby_session* s)
{
  return guarded(s, [&] {
    s->expect_forecast();
    forecast(s->session, {});
  });
}

int rossby_train_step(rossby_session* s, char const* time, double* loss)
{
  return guarded(s, [&] {
    if (!s->trainer)
      fail("session", "was not opened for training", "open one with ROSSBY_TRAIN");
    auto const& mesh = s->session.mesh();
    Time const initial = parse_time(time ? time : "", "rossby_train_step", s->session.calendar());
    int const steps = s->session.plan().config.forecast_len;
    s->fields->arrive();
    s->batches.clear();
    collectively(mesh.world, [&] {
      for (int step = 0; step < steps; ++step) {
        Time const t = initial + step * s->session.timestep();
        BatchStep b;
        b.step = step;
        b.last_step = step + 1 == steps;
        b.indices.samples = {0};
        b.indices.real = 1;
        b.indices.first = mesh.data.rank();
        b.indices.global = mesh.data.size();
        b.initial_times = {initial};
        b.valid_times = {t + s->session.timestep()};
        if (step == 0)
          b.input = s->data->input(t);
        else
          b.forcing = s->data->forcing(t);
        auto target = s->data->target(t + s->session.timestep(), step == 0);
        b.target = std::move(target.normalised);
        b.target_physical = std::move(target.physical);
        s->batches.add(std::move(b));
      }
    });
    double const value = s->trainer->train_batch(*s->batches.next()).loss;
    if (loss)
      *loss = value;
    s->fields->forget_before(initial);
  });
}

} // extern "C"
} // namespace rossby
