#include "params/pass.hpp"

#include "params/shards.hpp"

#include <utility>

namespace rossby {

namespace {

/// A unit whose parameters are stored as they are used.
class HeldUnit final : public UnitScope {
public:
  HeldUnit(int unit, std::shared_ptr<DerivedWeights> derived) : unit_(unit), derived_(std::move(derived)) {}
  void enter(Exec const& exec, Direction direction) override
  {
    if (direction == Direction::backward)
      derived_->begin_backward(exec);
  }
  void finish(Exec const& exec, GradientSink* sink) override
  {
    derived_->add_gradients(exec);
    if (sink)
      sink->unit_done(exec, unit_);
  }

private:
  int unit_;
  std::shared_ptr<DerivedWeights> derived_;
};

/// A unit of which each rank stores a share.
class SharedUnit final : public UnitScope {
public:
  SharedUnit(std::shared_ptr<ShardStore> store, int unit, std::shared_ptr<std::vector<Var> const> blocks,
             std::shared_ptr<DerivedWeights> derived)
      : store_(std::move(store)), unit_(unit), blocks_(std::move(blocks)), derived_(std::move(derived))
  {
  }
  void enter(Exec const& exec, Direction direction) override
  {
    store_->enter(exec, unit_, direction, *blocks_);
    derived_->arrive();
    if (direction == Direction::backward)
      derived_->begin_backward(exec);
  }
  void leave(Exec const&) override
  {
    store_->leave(unit_, *blocks_);
    derived_->leave();
  }
  void finish(Exec const& exec, GradientSink*) override // the shares' sums are the store's
  {
    derived_->add_gradients(exec);
    store_->start_sums(exec, unit_, *blocks_);
  }

private:
  std::shared_ptr<ShardStore> store_;
  int unit_;
  std::shared_ptr<std::vector<Var> const> blocks_;
  std::shared_ptr<DerivedWeights> derived_;
};

} // namespace

ParameterPass::ParameterPass(Context& ctx, Parameters& parameters) : shards_(parameters.shards())
{
  if (shards_)
    shards_->drop_gathers();
  if (ctx.tape)
    parameters.ready_gradients(ctx.exec);
  if (ctx.tape && shards_) // recorded before all units, so the last thing that the backward pass does
    ctx.tape->record_always("sums of gradients",
                            [store = shards_](Exec const& exec, GradientSink*) { store->finish_pass(exec); });
  auto variables = std::make_shared<std::vector<Var>>();
  for (auto const& p : parameters.all())
    variables->push_back(shards_ && is_optimized(p.spec) ? Var(Array(), true) : p.var);
  variables_ = std::move(variables);
}

std::shared_ptr<UnitScope> ParameterPass::scope(int unit, std::shared_ptr<DerivedWeights> derived) const
{
  if (shards_)
    return std::make_shared<SharedUnit>(shards_, unit, variables_, std::move(derived));
  return std::make_shared<HeldUnit>(unit, std::move(derived));
}

} // namespace rossby
