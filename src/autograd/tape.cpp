#include <rossby/autograd/tape.hpp>

#include <rossby/ops/elementwise.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rossby {

Var::Var(Array value, bool needs_grad) : data_(std::make_shared<Data>(Data{std::move(value), Array(), needs_grad})) {}

void Var::accumulate(Exec const& exec, Array const& g) const
{
  if (!data_->needs_grad)
    return;
  ROSSBY_EXPECT(g.size() == data_->value.size() && g.dtype() == data_->value.dtype());
  if (data_->grad)
    return ops::add_scaled(exec, 1, g, grad_to_add_to(exec));
  if (data_->place && g.data() != data_->place.data())
    data_->place.copy_from(exec, g);
  data_->grad = (data_->place ? data_->place : g).reshaped(data_->value.shape());
}

Array Var::grad_to_add_to(Exec const& exec) const
{
  if (data_->grad) {
    if (!data_->place && data_->grad.shared()) // handed to several inputs of one node: adding would change theirs too
      data_->grad = data_->grad.clone(exec);
  } else if (data_->place) {
    if (data_->stale)
      data_->place.fill(exec, 0);
    data_->grad = data_->place;
  } else {
    data_->grad = Array::zeros(exec, data_->value.dtype(), data_->value.shape());
  }
  return data_->grad;
}

void Var::drop_grad() const
{
  data_->stale = data_->stale || (data_->place && data_->grad);
  data_->grad = Array();
}

void Var::keep_grad_in(Exec const& exec, Array place) const
{
  if (place && data_->grad) {
    place.copy_from(exec, data_->grad);
    data_->grad = place;
  }
  data_->place = std::move(place);
  data_->stale = false;
}

void Tape::record(char const* op, Var output, std::function<void(Exec const&)> backward, std::size_t saved_bytes)
{
  nodes_.push_back({op, std::move(output),
                    [backward = std::move(backward)](Exec const& exec, GradientSink*) { backward(exec); },
                    saved_bytes});
}

void Tape::record_unit(char const* op, Var output, Action backward)
{
  nodes_.push_back({op, std::move(output), std::move(backward), 0});
}

void Tape::record_always(char const* op, Action action) { nodes_.push_back({op, Var(), std::move(action), 0}); }

void Tape::backward(Exec const& exec, Var const& output, Array const& seed, GradientSink* sink)
{
  output.accumulate(exec, seed);
  while (!nodes_.empty()) {
    Node node = std::move(nodes_.back());
    nodes_.pop_back();
    if (!node.output) {
      node.backward(exec, sink);
    } else if (node.output.grad()) {
      node.backward(exec, sink);
      node.output.drop_grad(); // nothing earlier on the tape reads it
    }
  }
}

std::string Tape::memory_table() const
{
  std::map<std::string, std::pair<std::size_t, std::size_t>> rows;
  for (auto const& node : nodes_) {
    auto& [count, bytes] = rows[node.op];
    ++count;
    bytes += node.saved_bytes + (node.output ? node.output.value().bytes() : 0);
  }
  std::vector<std::pair<std::string, std::pair<std::size_t, std::size_t>>> sorted(rows.begin(), rows.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](auto const& a, auto const& b) { return a.second.second > b.second.second; });
  std::string table = fmt::format("{:<28}{:>8}{:>12}\n", "operation", "count", "MiB kept");
  for (auto const& [op, row] : sorted)
    table += fmt::format("{:<28}{:>8}{:>12.1f}\n", op, row.first, static_cast<double>(row.second) / 1048576.0);
  return table;
}

} // namespace rossby
