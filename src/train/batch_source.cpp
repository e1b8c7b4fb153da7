#include "train/batch_source.hpp"
#include "data/loader.hpp"

namespace rossby {

namespace {
class LoaderSource final : public BatchSource {
public:
  LoaderSource(DataPlan const& plan, Box const& tile, Sampler const& sampler, int queue_depth)
      : loader_(plan, tile, sampler, queue_depth)
  {
  }
  index_t batches() const override { return loader_.sampler().batches(); }
  void start(std::uint64_t epoch, index_t first_batch) override { loader_.start(epoch, first_batch); }
  std::optional<BatchStep> next() override { return loader_.next(); }

private:
  Loader loader_;
};
} // namespace

Sampler sampler_for(RunConfig const& config, Mesh const& mesh, index_t samples, bool training)
{
  Sampler::Options o;
  o.samples = samples;
  o.batch_size = training ? config.trainer.train_batch_size : config.trainer.valid_batch_size;
  o.rank = mesh.data.rank();
  o.ranks = mesh.data.size();
  o.seed = static_cast<std::uint64_t>(config.seed);
  o.shuffle = training;
  o.batches_per_epoch = training ? config.trainer.batches_per_epoch : config.trainer.valid_batches_per_epoch;
  return Sampler(o);
}

std::unique_ptr<BatchSource> loader_source(DataPlan const& plan, Box const& tile, Sampler const& sampler,
                                           int queue_depth)
{
  return std::make_unique<LoaderSource>(plan, tile, sampler, queue_depth);
}

} // namespace rossby
