#include "params/flat_layout.hpp"

#include <rossby/params/parameters.hpp>

namespace rossby {

FlatLayout::FlatLayout(Exec const& exec, DType dtype, std::vector<Parameter> const& list,
                       std::vector<ParameterUnit> const& units)
    : step_(static_cast<index_t>(64 / size_of(dtype))), begin_(list.size(), 0)
{
  auto const place = [&](int i) {
    begin_[static_cast<std::size_t>(i)] = elements_;
    elements_ += padded(list[static_cast<std::size_t>(i)].part.size());
  };
  auto const spec = [&](int i) -> ParameterSpec const& { return list[static_cast<std::size_t>(i)].spec; };
  int const count = static_cast<int>(list.size());
  std::vector<index_t> begins, ends;
  for (bool const cut : {false, true}) {
    auto const place_optimized = [&](int begin, int end) {
      for (int i = begin; i < end; ++i)
        if (is_optimized(spec(i)) && is_cut(spec(i)) == cut) {
          place(i);
          order_.push_back(i);
          begins.push_back(begin_[static_cast<std::size_t>(i)]);
          ends.push_back(begins.back() + list[static_cast<std::size_t>(i)].part.size());
        }
    };
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit)
      place_optimized(unit->begin, unit->end);
    place_optimized(0, units.empty() ? count : units.front().begin);
  }
  pieces_ = ops::Pieces(exec, begins, ends);
  optimized_ = elements_;
  for (int i = 0; i < count; ++i)
    if (spec(i).trainable && !is_optimized(spec(i)))
      place(i);
  trainable_ = elements_;
  for (int i = 0; i < count; ++i)
    if (!spec(i).trainable)
      place(i);
}

} // namespace rossby
