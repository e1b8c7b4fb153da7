#include <rossby/models/model.hpp>

namespace rossby {

void Model::set_layout(ModelLayout const& layout)
{
  ROSSBY_EXPECT(parameters_.size() > 0 && !parameters_[0].var);
  layout_ = layout;
}

void Model::allocate(Exec const& exec, Precision const& precision, std::uint64_t seed)
{
  ROSSBY_EXPECT(parameters_.size() > 0 && !parameters_[0].var);
  precision_ = precision;
  grids_.build(exec, layout_.spatial, layout_.grid);
  parameters_.place(layout_.parameters);
  parameters_.allocate(exec, precision.parameters, seed);
}

Model::Cut Model::cut(ProcessGrid const& grid) const
{
  auto const tilings = grids_.cut(grid);
  return {tilings.at(static_cast<std::size_t>(input_grid_.number)), tilings.front()};
}

Var Model::unit(Context& ctx, std::shared_ptr<PreparedWeights const> const& weights, int number, bool checkpoint,
                Var const& x, std::function<Var(Context&, PreparedWeights const&, Var const&)> body) const
{
  return rossby::unit(
      ctx, parameters_.units()[static_cast<std::size_t>(number)].name.c_str(), checkpoint, weights->scope(number), {x},
      [weights, body = std::move(body)](Context& c, std::vector<Var> const& in) { return body(c, *weights, in[0]); });
}

} // namespace rossby
