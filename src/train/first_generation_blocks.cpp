// The blocks `model`, `trainer` and `loss` of first-generation decks: most keys are those of the second, so what
// follows tells the others. Defaults are those that the first generation's parser set.
#include "first_generation_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rossby::first_generation {

namespace {
/// Copies the entries of a block, but for those that are told otherwise.
void copy_rest(Work& work, DeckNode const& block, std::string const& place, std::vector<std::string> const& but)
{
  for (auto const& [key, node] : block.entries())
    if (std::find(but.begin(), but.end(), key) == but.end())
      work.out.copy(node, place + "." + key);
}

void put_default(Work& work, DeckBlock const& old, std::string const& key, std::string const& yaml)
{
  if (old.has(key))
    return;
  std::string const place = old.node().path() + "." + key;
  work.out.set(place, yaml);
  work.out.comment(place, "the first generation's default");
}
/// Keys of trainers that are gone, and one that was always misspelt: read by nobody, or without effect.
bool is_of_other_trainers(std::string const& key)
{
  static std::vector<std::string> const keys{"load_sheduler",      "teacher_forcing_ratio", "stop_rollout",
                                             "apply_grad_penalty", "checkpoint_all_layers", "mixed_precision",
                                             "long_rollout",       "batch_iterations",      "cpu_offload"};
  return std::find(keys.begin(), keys.end(), key) != keys.end() || key.find("window") != std::string::npos;
}
} // namespace

void translate_model(Work& work)
{
  DeckBlock const old(work.old["model"], work.problems);
  if (!old.node().exists())
    return;
  if (!old.node().is_map()) {
    work.out.copy(old.node(), "model");
    return;
  }
  copy_rest(work, old.node(), "model", {"pad_lat", "pad_lon", "static_channels", "post_conf"});
  old.child("static_channels").mark_read();
  int lat = 0, lon = 0;
  bool const both = old("pad_lat", lat) && old("pad_lon", lon);
  if (both && !old.has("padding_conf")) {
    work.out.set("model.padding_conf",
                 fmt::format("{{activate: true, mode: mirror, pad_lat: [{0}, {0}], pad_lon: [{1}, {1}]}}", lat, lon),
                 old.path("pad_lat"));
    work.out.written_as("model.padding_conf.pad_lat", old.path("pad_lat"));
    work.out.written_as("model.padding_conf.pad_lon", old.path("pad_lon"));
    work.out.comment("model.padding_conf", "pad_lat and pad_lon on their own meant mirrored borders");
  }
}

void translate_trainer(Work& work)
{
  DeckBlock const old(work.old["trainer"], work.problems);
  if (!old.node().exists())
    return;
  if (!old.node().is_map()) {
    work.out.copy(old.node(), "trainer");
    return;
  }
  auto& out = work.out;
  std::string type = "era5";
  old("type", type);
  static std::vector<std::string> const known{"era5", "era5-gen1", "cam", "standard", "universal", "multi-step"};
  out.set("trainer.type", "gen2", old.path("type"));
  if (std::find(known.begin(), known.end(), type) == known.end())
    refuse(work, "trainer.type", old.child("type"),
           type == "ic-opt"    ? "'ic-opt' optimises an initial state, not a model: it is not offered"
           : type == "samudra" ? "'samudra' is the trainer of an ocean model, which is not offered"
           : type.find("ensemble") != std::string::npos ? fmt::format("'{}': ensembles are not offered", type)
                                                        : fmt::format("unknown value '{}'", type),
           "use era5 for a global deterministic model");

  std::string mode = "none";
  old("mode", mode);
  int domain = 1;
  if (old.has("domain_parallel_size"))
    old.in_range("domain_parallel_size", domain, 1, 1 << 20, "1 or more");
  std::string const data = mode.rfind("fsdp", 0) == 0 ? "fsdp2" : mode == "ddp" ? "ddp" : "none";
  if (mode != "none" && mode != "ddp" && mode != "fsdp" && mode != "domain_parallel" && mode != "fsdp+domain_parallel")
    old.attempt([&] {
      old.child("mode").reject("unknown value '" + mode + "'",
                               "known: none, ddp, fsdp, domain_parallel, fsdp+domain_parallel");
    });
  out.set("trainer.parallelism", fmt::format("{{data: {}, tensor: 1, domain: {}}}", data, domain), old.path("mode"));
  if (domain > 1)
    out.written_as("trainer.parallelism.domain", old.path("domain_parallel_size"));
  if (old.has("parallelism"))
    out.merge(old.child("parallelism"), "trainer.parallelism");

  copy_rest(work, old.node(), "trainer",
            {"type", "mode", "domain_parallel_size", "parallelism", "grad_max_norm", "grad_accum_every",
             "train_one_epoch", "update_learning_rate"});
  for (auto const& [key, node] : old.node().entries())
    if (is_of_other_trainers(key)) {
      node.mark_read();
      out.erase("trainer." + key);
    }
  for (auto const& [key, yaml] : std::vector<std::pair<char const*, char const*>>{{"activation_checkpoint", "true"},
                                                                                  {"thread_workers", "4"},
                                                                                  {"valid_thread_workers", "0"},
                                                                                  {"save_backup_weights", "false"},
                                                                                  {"stopping_patience", "999"},
                                                                                  {"weight_decay", "0"}})
    put_default(work, old, key, yaml);

  bool one_epoch = false, use_scheduler = true, update_rate = false;
  if (old("train_one_epoch", one_epoch) && one_epoch)
    out.set("trainer.train_one_epoch", "true", old.path("train_one_epoch"));
  old("use_scheduler", use_scheduler);
  if (old("update_learning_rate", update_rate) && update_rate && !use_scheduler)
    out.set("trainer.update_learning_rate", "true", old.path("update_learning_rate"));
  int accumulate = 1;
  if (old("grad_accum_every", accumulate) && accumulate != 1)
    work.problems.warning(
        old.path("grad_accum_every"),
        fmt::format("is {}, but first-generation trainers step after every batch, and so does this", accumulate),
        "rossby convert-deck, and set it in the new deck");
  auto const clip = old.child("grad_max_norm");
  if (clip.is_scalar() && clip.as<std::string>() == "dynamic") {
    out.set("trainer.grad_max_norm", "0", clip.path());
    out.comment("trainer.grad_max_norm",
                "was dynamic: clipped at a length that grew with the number of ranks; now there is no clipping");
    work.problems.warning(clip.path(),
                          "'dynamic' depended on the number of ranks (a sum of local norms); gradients are not clipped",
                          "give a number, for instance 1.0, or 0 for no clipping");
  } else if (clip.exists()) {
    out.copy(clip, "trainer.grad_max_norm");
  }
}

void translate_loss(Work& work)
{
  DeckBlock const old(work.old["loss"], work.problems);
  if (!old.node().exists())
    return;
  if (!old.node().is_map()) {
    work.out.copy(old.node(), "loss");
    return;
  }
  copy_rest(work, old.node(), "loss", {"use_vgg"});
  old.child("use_vgg").mark_read();
  if (work.old.root().has("metrics"))
    return;
  // The scores of the first generation, with the loss's weights of latitudes.
  work.out.set("metrics", "{type: combined, args: {metrics: {acc: {}, rmse: {}, mse: {}, mae: {}}}}");
  for (char const* key : {"use_latitude_weights", "latitude_weights"})
    if (old.has(key))
      work.out.copy(old.child(key), std::string("metrics.args.") + key);
  work.out.comment("metrics", "the first generation's scores; of physical units, no longer of normalised values");
}

} // namespace rossby::first_generation
