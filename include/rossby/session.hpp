#pragma once
/// \file
/// A run as an object: a deck, read for a purpose, on a group of ranks. Training, forecasts, verification, `apply`, the
/// benchmark and host programs begin here.

#include <rossby/comm/communicator.hpp>
#include <rossby/core/deck.hpp>
#include <rossby/core/log.hpp>
#include <rossby/data/time.hpp>
#include <rossby/models/precision.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace rossby {

struct ChannelSchema; // rossby/fields.hpp
struct DataPlan;
class FieldSource; // rossby/fields.hpp
struct Grid;       // rossby/fields.hpp
struct Mesh;       // rossby/parallel.hpp
class Model;       // rossby/model.hpp
struct RunConfig;

/// What a deck is read for.
enum class Purpose {
  train,
  forecast,
  verify,    ///< as forecast
  check,     ///< as train
  apply,     ///< the blocks model, trainer.parallelism and trainer.activation_checkpoint; others are left alone
  gradients, ///< the same, and loss
  model      ///< the blocks model and trainer; others are left alone
};

/// Whether reading a deck may look into the data: where a deck of the first generation has years, the files tell which
/// records these are.
enum class DataFiles { look, leave };
/// Reads a deck on every rank and makes sure that all ranks have the same one. A first-generation deck comes back as
/// one of the second (train/first_generation.hpp). Collective.
Deck load_deck(std::string const& file, std::vector<std::string> const& overrides, Communicator const& ranks,
               DataFiles = DataFiles::look);

struct SessionOptions {
  std::shared_ptr<Log> log;            ///< null: standard output and error, from the first rank of the group
  std::optional<Precision> precision;  ///< in place of the deck's
  std::shared_ptr<FieldSource> fields; ///< what the program has itself; null: the deck's files have everything
};

/// Several may exist in a process, one after the other or at once, on the same ranks or on others; one thread at a time
/// uses a session. It keeps to its ranks, has its own log, and owns no signal, no MPI and no Kokkos: an Environment
/// must exist.
class Session {
public:
  using Purpose = rossby::Purpose;

  /// Reads the deck's blocks for this purpose, opens the data that it needs, and reports everything that is wrong at
  /// once. Warnings go to the log. Collective over `ranks`. \throws Error on all ranks.
  static Session open(Deck const&, Purpose, Communicator const& ranks, SessionOptions = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// While it lives messages of this thread go to the session's log.
  [[nodiscard]] logging::Scope enter() const;

  Deck const& deck() const;
  Communicator const& ranks() const;
  /// The deck, typed; for the library's own.
  RunConfig const& config() const;
  /// The data that the purpose works on: those of training, or those of forecasts.
  DataPlan const& plan() const;
  /// Their grid, which variable lies in which channel, the time step, and the calendar of all times.
  Grid const& grid() const;
  ChannelSchema const& schema() const;
  Duration timestep() const;
  Calendar calendar() const;
  /// train: null where the deck validates nothing.
  DataPlan const* validation() const;
  /// verify: the data of training, for climatologies.
  DataPlan const& training() const;

  /// The mesh of the deck, and the model on it with initial values, both made at the first call of one of them, which
  /// is collective.
  Mesh const& mesh();
  Model& model();

private:
  struct State;
  explicit Session(std::unique_ptr<State>);
  void build();
  std::unique_ptr<State> state_;
};

} // namespace rossby
