#include <rossby/parallel/config.hpp>

#include <rossby/core/deck_block.hpp>

#include <fmt/format.h>

#include <limits>

namespace rossby {

ParallelismConfig ParallelismConfig::read(DeckNode const& trainer, Problems& problems)
{
  ParallelismConfig c;
  DeckBlock const outer(trainer, problems);
  DeckBlock const block(outer.child("parallelism"), problems);
  block.choice("data", c.data, {{"none", Data::none}, {"ddp", Data::ddp}, {"fsdp2", Data::fsdp2}});
  block.in_range("tensor", c.tensor, 1, std::numeric_limits<int>::max(), "1 or more");
  auto const domain = block.child("domain");
  if (domain.exists())
    block.attempt([&] {
      std::vector<int> tiles;
      if (domain.is_list())
        tiles = domain.as<std::vector<int>>();
      else
        tiles = {domain.as<int>(), 1};
      if (tiles.size() != 2 || tiles[0] < 1 || tiles[1] < 1)
        domain.reject(
            "must be the number of latitude bands, or [bands in latitude, bands in longitude], each 1 or more");
      c.domain = {tiles[0], tiles[1]};
    });
  std::vector<int> stages;
  if (outer("tensor_whole", stages))
    for (int const stage : stages) {
      if (stage < 0)
        problems.error(outer.path("tensor_whole"), fmt::format("holds {}", stage), "stages are counted from 0");
      c.tensor_whole.insert(stage);
    }
  return c;
}

void ParallelismConfig::check(int world, Problems& problems) const
{
  std::string const where = "trainer.parallelism";
  int const group = group_size();
  if (world % group != 0) {
    int const above = (world / group + 1) * group, below = world / group * group;
    problems.error(where,
                   fmt::format("tensor {} x domain {} x {} needs a multiple of {} ranks; this run has {}", tensor,
                               domain[0], domain[1], group, world),
                   below > 0 ? fmt::format("start {} or {} ranks, or change the degrees", below, above)
                             : fmt::format("start {} ranks, or change the degrees", above));
    return;
  }
  if (data == Data::none && world != group)
    problems.error(
        where + ".data",
        fmt::format("is 'none', so only tensor x domain = {} ranks have work; this run has {}", group, world),
        fmt::format("set it to ddp, or start {} rank{}", group, group == 1 ? "" : "s"));
}

} // namespace rossby
