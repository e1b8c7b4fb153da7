// A session is made in two steps. open() reads settings and data plans: every rank reads the same deck, files are
// looked into under collectively(), so that what one rank can't find all ranks refuse, and all problems are reported at
// once. The mesh and the model, which cost memory and collective calls, are made when they are first asked for:
// verification needs neither, and a run folder that is taken is noticed before.
#include <rossby/session.hpp>

#include "data/plan.hpp"
#include "train/config.hpp"
#include "train/first_generation.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/parallel/plans.hpp>

#include <optional>

#include <fmt/format.h>

namespace rossby {

Deck load_deck(std::string const& file, std::vector<std::string> const& overrides, Communicator const& ranks,
               DataFiles files)
{
  // No rank may leave before all have exchanged what they found.
  Deck deck;
  std::optional<Error> failure;
  try {
    deck = Deck::load(file, overrides);
  } catch (...) {
    failure = current_error();
  }
  // A rank that could not read it says so; the others name the first such rank.
  double const none = ranks.size();
  double unread = failure ? ranks.rank() : none;
  ranks.all_reduce_min(&unread, 1);
  if (failure)
    throw *failure;
  if (unread < none)
    fail(file, fmt::format("rank {} could not read it", static_cast<int>(unread)));
  expect_same(ranks, file, "deck", deck.text(), "give all ranks the same files");
  // One rank looks into files for all.
  std::string record;
  on_first_rank(ranks, [&] {
    auto look = files == DataFiles::look ? FileLook::into_files() : FileLook::nothing();
    current_form(deck, look);
    record = look.record();
  });
  ranks.broadcast(record, 0);
  auto look = FileLook::replay(record);
  return current_form(deck, look);
}

struct Session::State {
  State(Deck d, Purpose p, Communicator r, std::shared_ptr<Log> l)
      : deck(std::move(d)), purpose(p), ranks(std::move(r)), log(std::move(l))
  {
  }
  Deck deck;
  Purpose purpose;
  Communicator ranks;
  std::shared_ptr<Log> log;
  RunConfig config;
  std::optional<DataPlan> plan, validation, training;
  std::optional<Mesh> mesh;
  std::unique_ptr<Model> model;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session Session::open(Deck const& deck, Purpose purpose, Communicator const& ranks, SessionOptions options)
{
  auto const log = options.log ? options.log : std::make_shared<Log>(ranks.rank());
  logging::Scope const scope(log);
  auto state = std::make_unique<State>(deck, purpose, ranks, log);
  auto& s = *state;
  Problems problems;
  s.config = RunConfig::read(deck, purpose, problems);
  if (options.precision)
    s.config.trainer.precision = *options.precision;
  if (purpose != Purpose::verify) // which has a band of latitudes for every rank
    s.config.trainer.parallelism.check(ranks.size(), problems);
  problems.raise();
  collectively(ranks, [&] {
    using Use = DataPlan::Use;
    auto const plan = [&](Use use) {
      return DataPlan::make(deck, use, s.config.model->fields, problems, options.fields);
    };
    if (purpose == Purpose::train) {
      s.plan = plan(Use::training);
      if (!s.config.trainer.skip_validation)
        s.validation = plan(Use::validation);
    }
    if (purpose == Purpose::verify)
      s.training = plan(Use::training);
    if (purpose == Purpose::forecast || purpose == Purpose::verify)
      s.plan = plan(Use::forecast);
    if (purpose == Purpose::train && deck["inference"].is_map())
      for (char const* key : {"data", "preblocks", "postblocks"}) // read when forecasts are made
        deck["inference"][key].mark_read();
    deck.check_all_read(problems);
    problems.raise();
  });
  for (auto const& w : problems.warnings())
    logging::warning(w.what());
  return Session(std::move(state));
}

logging::Scope Session::enter() const { return logging::Scope(state_->log); }

Deck const& Session::deck() const { return state_->deck; }
RunConfig const& Session::config() const { return state_->config; }
Communicator const& Session::ranks() const { return state_->ranks; }

DataPlan const& Session::plan() const
{
  ROSSBY_EXPECT(state_->plan);
  return *state_->plan;
}

Grid const& Session::grid() const { return plan().grid; }
ChannelSchema const& Session::schema() const { return plan().schema; }
Duration Session::timestep() const { return plan().config.timestep; }
Calendar Session::calendar() const { return plan().config.calendar; }

DataPlan const* Session::validation() const { return state_->validation ? &*state_->validation : nullptr; }

DataPlan const& Session::training() const
{
  ROSSBY_EXPECT(state_->training);
  return *state_->training;
}

void Session::build()
{
  auto& s = *state_;
  if (s.model)
    return;
  auto const& trainer = s.config.trainer;
  s.mesh.emplace(build_device_mesh(trainer.parallelism, s.ranks));
  auto model = make_model(*s.config.model);
  parallelise(*model, *s.mesh, trainer.parallelism);
  model->set_activation_checkpoint(trainer.activation_checkpoint);
  model->allocate(Exec(), trainer.precision, static_cast<std::uint64_t>(s.config.seed));
  s.model = std::move(model);
}

Mesh const& Session::mesh()
{
  build();
  return *state_->mesh;
}

Model& Session::model()
{
  build();
  return *state_->model;
}

} // namespace rossby
