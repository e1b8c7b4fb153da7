#include "train/trainer.hpp"
#include <rossby/comm/agree.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rossby {

namespace {
/// Position of the first NaN or infinity; -1 when all is well.
index_t first_bad(Exec const& exec, Array const& a)
{
  auto const values = a.to_host(exec);
  auto const found = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  return found == values.end() ? -1 : found - values.begin();
}

std::string in_field(std::string const& what, Array const& field, index_t at, std::vector<Time> const& times,
                     std::vector<SchemaEntry> const& variables, index_t frames, Calendar calendar)
{
  index_t const width = field.extent(field.rank() - 1), channel = at % width / frames;
  std::string name = fmt::format("channel {}", channel);
  for (auto const& v : variables)
    if (channel >= v.first_channel && channel < v.first_channel + v.n_levels())
      name = v.key;
  auto const sample = static_cast<std::size_t>(at / (field.size() / field.extent(0)));
  std::string const time = sample < times.size() ? format_time(times[sample], calendar) : "?";
  return fmt::format("{} of {} in the sample of {}", what, name, time);
}
} // namespace

void Trainer::refuse_non_finite(Pass pass, double loss, Suspect const& suspect)
{
  auto& model = parts_.model;
  auto const& schema = parts_.plan.schema;
  auto const& [input, target, times] = suspect;
  std::string bad;
  if (index_t const at = first_bad(exec_, input); at >= 0)
    bad = in_field("the input", input, at, times, schema.input, model.fields().frames, parts_.plan.config.calendar);
  if (index_t const at = target ? first_bad(exec_, target) : -1; bad.empty() && at >= 0)
    bad = in_field("the target", target, at, times, schema.target, 1, parts_.plan.config.calendar);
  for (auto const& p : model.parameters().all())
    if (bad.empty() && first_bad(exec_, p.value()) >= 0)
      bad = "parameter " + p.spec.name;
  // The forward pass once more, looking at every stage; all ranks take part whatever they have found.
  std::string stage;
  model.observe([&](std::string const& name, Var const& value, Tiling const&) {
    if (stage.empty() && first_bad(exec_, value.value()) >= 0)
      stage = "the output of " + name;
  });
  Context context;
  context.exec = exec_;
  if (Var const y = RolloutUnderWay(rollout_).again(context, input); stage.empty() && first_bad(exec_, y.value()) >= 0)
    stage = "the output of the model";
  if (bad.empty())
    bad = stage;

  std::string const what = fmt::format("the {} loss is {}", pass == Pass::training ? "training" : "validation", loss);
  std::string const fix =
      "lower trainer.learning_rate or set trainer.grad_max_norm, and look at the data of that time; "
      "the last checkpoint is as it was";
  collectively(parts_.mesh.world, [&] {
    if (!bad.empty())
      fail(position(), what + "; the first bad tensor is " + bad, fix);
  });
  fail(position(), what + "; every tensor is finite, so the sum itself overflowed", fix);
}

} // namespace rossby
