#include "fields.hpp"

#include <optional>

namespace rossby {

std::vector<Field> fields_of(Parameters const& parameters, AdamW const* optimizer, Ema const* averages)
{
  std::vector<Field> fields;
  for (int i = 0; i < parameters.size(); ++i) {
    auto const& name = parameters[i].spec.name;
    fields.push_back({"/model/" + name, i, parameters[i].value()});
    if (optimizer)
      if (auto const& m = optimizer->moments(i); m.first) {
        fields.push_back({"/optimizer/" + name + "/exp_avg", i, m.first});
        fields.push_back({"/optimizer/" + name + "/exp_avg_sq", i, m.second});
      }
    if (averages && averages->shadow(i))
      fields.push_back({"/ema/" + name, i, averages->shadow(i)});
  }
  return fields;
}

std::size_t room_for(std::vector<Field> const& fields, Parameters const& parameters)
{
  std::size_t bytes = std::size_t{1} << 20;
  for (auto const& field : fields)
    bytes += static_cast<std::size_t>(product(parameters[field.parameter].spec.shape)) * size_of(field.stored.dtype()) +
             4096;
  return bytes;
}

std::vector<WrittenShare> written_shares(Parameters const& parameters, int writers)
{
  std::vector<WrittenShare> shares;
  for (int i = 0; i < parameters.size(); ++i)
    shares.push_back(written_share(parameters, i, writers));
  return shares;
}

void for_each_share(Exec const& exec, Parameters const& parameters, std::vector<Field> const& fields,
                    std::vector<WrittenShare> const& shares,
                    std::function<void(std::size_t, PartInFile const&, std::vector<double> const&)> const& f)
{
  std::optional<PartInFile> place;
  int placed = -1;
  for (std::size_t k = 0; k < fields.size(); ++k) {
    int const i = fields[k].parameter;
    auto const& share = shares[static_cast<std::size_t>(i)];
    if (share.part.size() == 0)
      continue;
    if (placed != i)
      place.emplace(parameters[i].spec, share.part);
    placed = i;
    f(k, *place, place->to_file(share.values(exec, fields[k].stored)));
  }
}

} // namespace rossby
