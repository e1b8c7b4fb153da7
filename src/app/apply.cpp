#include "commands.hpp"

#include <rossby/core/log.hpp>
#include <rossby/forecast.hpp>

namespace rossby::app {

namespace {
struct Options {
  DeckArguments deck;
  ApplyOptions apply;
  std::string dtype = "float32";
};

int run(Options& o, Communicator const& world)
{
  DType const dtype = parse_dtype(o.dtype, "--dtype");
  SessionOptions options;
  options.precision = dtype == DType::bfloat16 ? Precision::mixed() : Precision(dtype);
  using Purpose = Session::Purpose;
  auto session = Session::open(o.deck.load(world, DataFiles::leave),
                               o.apply.gradients ? Purpose::gradients : Purpose::apply, world, options);
  apply(session, o.apply);
  logging::info("wrote " + o.apply.output);
  return 0;
}
} // namespace

void add_apply(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command = program.add_subcommand(
      "apply", "Run a model on a file of inputs; with --gradients also its loss and the gradient of every parameter");
  o->deck.add_to(*command);
  command
      ->add_option("--weights", o->apply.weights,
                   "Weights: HDF5 with /model/<name>, a file of torch.save (CREDIT's checkpoint.pt), or safetensors")
      ->required();
  command
      ->add_option("--input", o->apply.input,
                   "HDF5 file with /input (B,C,T,H,W); /target and /latitude for --gradients")
      ->required();
  command->add_option("--output", o->apply.output, "HDF5 file to write: /output, /loss, /grad/<name>")->required();
  command->add_flag("--train", o->apply.training, "Training mode: one spectral-norm step, dropout");
  command->add_flag("--gradients", o->apply.gradients, "Also the loss of the deck and its gradients");
  command->add_option("--dtype", o->dtype,
                      "float32 (default), float64, or bfloat16: mixed precision, files in float32");
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }}; });
}

} // namespace rossby::app
