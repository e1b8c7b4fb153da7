// Whatever is converted goes through a model's parameters: names and shapes are compared with the deck's model on the
// way, and what is written is what a run would have written.
#include "train/convert.hpp"

#include "array_source.hpp"
#include "credit_source.hpp"
#include "text_file.hpp"

#include "io/output_lock.hpp"
#include "train/credit_run.hpp"
#include "train/first_generation.hpp"
#include "train/weights.hpp"
#include <rossby/comm/agree.hpp>
#include <rossby/core/log.hpp>
#include <rossby/models/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace rossby {

namespace fs = std::filesystem;

namespace {
std::string find_input(std::string const& path)
{
  if (!fs::is_directory(path))
    return path;
  bool const ours = fs::exists(path + "/checkpoint.h5"),
             theirs = fs::exists(path + "/checkpoint.pt") || fs::exists(path + "/model_checkpoint.pt");
  if (ours && theirs)
    fail(path, "holds checkpoints of Rossby and of CREDIT", "name the file");
  return ours ? path + "/checkpoint.h5" : find_credit_checkpoint(path);
}

/// The deck as it is read where no data are needed: CREDIT's older runs have decks of the first generation.
Deck without_data(Deck const& deck)
{
  auto look = FileLook::nothing();
  return current_form(deck, look);
}

Deck find_deck(ConvertOptions const& o, std::string const& input)
{
  if (!o.deck.empty())
    return without_data(Deck::load(o.deck, o.overrides));
  if (auto const text = text_in_checkpoint(input, "deck"); !text.empty())
    return without_data(Deck::parse(text, input + " (its deck)", o.overrides));
  auto const beside = (fs::path(input).parent_path() / "model.yml").string();
  if (!fs::exists(beside))
    fail(input, "says nothing of its model, and there is no model.yml beside it", "name the run's deck with --deck");
  return without_data(Deck::load(beside, o.overrides));
}

/// What there is besides weights.
struct Contents {
  DType dtype = DType::float32;
  bool run = false, averages = false;
};

Contents contents_of(std::string const& input, bool weights_only)
{
  Contents c;
  std::unique_ptr<ArraySource> source;
  if (is_hdf5(input)) {
    auto hdf5 = std::make_unique<Hdf5Source>(input);
    c.run = hdf5->file().has_attribute("/", "rossby_checkpoint");
    source = std::move(hdf5);
  } else {
    auto credit = std::make_unique<CreditSource>(input, weights_only ? Extent::weights : Extent::run);
    c.run = credit->epoch() && credit->optimizer();
    source = std::move(credit);
  }
  c.run = c.run && !weights_only;
  c.averages = c.run && source->exists("/ema");
  if (source->exists("/model"))
    for (auto const& name : source->list("/model"))
      if (source->dtype("/model/" + name) == DType::float64)
        c.dtype = DType::float64;
  return c;
}

std::string channel_schema_of(std::string const& input)
{
  if (auto const text = text_in_checkpoint(input, "channel_schema"); !text.empty())
    return text;
  return text_of_file(fs::path(input).parent_path() / "channel_schema.yaml");
}
} // namespace

ConvertResult convert(ConvertOptions const& o, Communicator const& world)
{
  ConvertResult result;
  std::optional<Deck> deck;
  Contents contents;
  TrainerConfig trainer;
  std::shared_ptr<Spec const> spec;
  RunDescription about;
  collectively(world, [&] {
    result.input = find_input(o.input);
    if (fs::exists(o.output))
      fail(o.output, "is there already", "remove it, or choose another name");
    contents = contents_of(result.input, o.weights_only);
    deck = find_deck(o, result.input);
    Problems problems;
    spec = read_spec((*deck)["model"], problems);
    if (contents.run)
      trainer = TrainerConfig::read((*deck)["trainer"], problems, false);
    problems.raise();
    if (contents.run)
      about = {deck->text(), spec->fingerprint(), channel_schema_of(result.input),
               text_in_checkpoint(result.input, "settings")};
  });
  expect_same(world, result.input, "deck", deck->text(), "give all ranks the same files");

  std::optional<io::OutputLock> lock;
  on_first_rank(world, [&] { lock.emplace(o.output); });
  Exec const exec;
  auto const model = make_model(*spec);
  auto& parameters = model->parameters();
  ParameterPlacement placement;
  placement.world = placement.replicas = world;
  placement.sharded = true;
  parameters.place(placement);
  parameters.allocate(exec, contents.dtype, 0);

  bool const to_torch = o.to == ConvertOptions::To::torch;
  result.whole_run = contents.run;
  result.files = {o.output};
  if (!contents.run) {
    load_model_weights(exec, parameters, result.input);
    to_torch ? write_credit_weights(o.output, world, exec, parameters)
             : write_weights(o.output, world, exec, parameters);
    return result;
  }
  AdamW optimizer(parameters, trainer.adamw);
  std::optional<Ema> averages;
  if (contents.averages)
    averages.emplace(exec, parameters, trainer.ema_decay);
  Ema* const means = averages ? &*averages : nullptr;
  TrainingState state = is_hdf5(result.input)
                            ? read_checkpoint(result.input, exec, parameters, optimizer, means, {}, about)
                            : read_credit_run(result.input, exec, parameters, optimizer, means, trainer);
  if (state.global_batch == 0) // of CREDIT's own making, which keeps no seed
    state.seed = deck->root().get<int>("seed", RunConfig().seed);
  if (!to_torch) {
    write_checkpoint(o.output, world, exec, parameters, optimizer, means, state, about);
    return result;
  }
  using Moments = ConvertOptions::Moments;
  bool const by_name = o.moments == Moments::by_name ||
                       (o.moments == Moments::as_deck && trainer.parallelism.data == ParallelismConfig::Data::fsdp2);
  if (state.batch > 0)
    logging::warning(fmt::format("{}: was written within epoch {}, which CREDIT will begin again with these weights",
                                 result.input, state.epoch + 1));
  write_credit_checkpoint(o.output, world, exec, parameters, optimizer, means, state, about, trainer, by_name);
  return result;
}

} // namespace rossby
