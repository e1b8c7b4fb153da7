#include <rossby/train/batch_source.hpp>

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
  std::optional<Batch> next() override { return loader_.next(); }

private:
  Loader loader_;
};
} // namespace

std::unique_ptr<BatchSource> loader_source(DataPlan const& plan, Box const& tile, Sampler const& sampler,
                                           int queue_depth)
{
  return std::make_unique<LoaderSource>(plan, tile, sampler, queue_depth);
}

} // namespace rossby
