#include "commands.hpp"

#include "train/convert.hpp"
#include <rossby/core/log.hpp>

#include <fmt/format.h>

namespace rossby::app {

namespace {
struct Options {
  ConvertOptions convert;
  std::string to, moments = "as-deck";
};

bool ends_with(std::string const& text, std::string const& end)
{
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

ConvertOptions::To format_of(Options const& o)
{
  using To = ConvertOptions::To;
  if (!o.to.empty())
    return o.to == "torch" ? To::torch : To::rossby;
  for (char const* end : {".pt", ".pth"})
    if (ends_with(o.convert.output, end))
      return To::torch;
  for (char const* end : {".h5", ".hdf5"})
    if (ends_with(o.convert.output, end))
      return To::rossby;
  fail(o.convert.output, "its name says no format", "end it in .pt or .h5, or say --to torch or --to rossby");
}

int run(Options o, Communicator const& world)
{
  using Moments = ConvertOptions::Moments;
  o.convert.to = format_of(o);
  o.convert.moments = o.moments == "by-name"     ? Moments::by_name
                      : o.moments == "by-number" ? Moments::by_number
                                                 : Moments::as_deck;
  auto const result = convert(o.convert, world);
  for (auto const& file : result.files)
    logging::info(
        fmt::format("wrote {} with {} of {}", file, result.whole_run ? "the run" : "the weights", result.input));
  return 0;
}
} // namespace

void add_convert(CLI::App& program, Job& job)
{
  auto const o = std::make_shared<Options>();
  auto* const command =
      program.add_subcommand("convert", "Convert weights and checkpoints from and to CREDIT's format");
  command
      ->add_option("input", o->convert.input,
                   "HDF5, a file of torch.save, safetensors, or a run folder of Rossby or CREDIT")
      ->required();
  command->add_option("output", o->convert.output, "File to write; must not be there yet")->required();
  command->add_option("--to", o->to, "torch or rossby (default: by the output's name, .pt or .h5)")
      ->check(CLI::IsMember({"torch", "rossby"}));
  command->add_option("--deck", o->convert.deck,
                      "Deck of the model (default: the one in the input, or model.yml beside it)");
  command->add_option("--set", o->convert.overrides, "Override or add a deck key; may be repeated")
      ->type_name("a.b=c")
      ->allow_extra_args(false);
  command->add_flag("--weights-only", o->convert.weights_only,
                    "Leave out the optimizer, the averages and where the run is");
  command
      ->add_option(
          "--moments", o->moments,
          "How a torch file names the optimizer's state: by-number (CREDIT's ddp and none), by-name (fsdp2), or "
          "as-deck (default: as trainer.parallelism.data wants it)")
      ->check(CLI::IsMember({"as-deck", "by-number", "by-name"}));
  command->callback([o, &job] { job = {[o](Communicator const& world) { return run(*o, world); }}; });
}

} // namespace rossby::app
