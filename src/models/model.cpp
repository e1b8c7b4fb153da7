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
  plan();
  parameters_.place(layout_.parameters);
  parameters_.allocate(exec, precision.parameters, seed);
}

} // namespace rossby
