#include <rossby/parallel/mesh.hpp>

#include <rossby/core/error.hpp>

namespace rossby {

namespace {
void expect_fit(Communicator const& world, ParallelismConfig const& c)
{
  Problems problems;
  c.check(world.size(), problems);
  problems.raise();
}
} // namespace

Mesh::Mesh(Communicator const& all, ParallelismConfig const& c) : rows(c.domain[0]), columns(c.domain[1])
{
  expect_fit(all, c);
  // The sphere is closed in longitude alone. Ranks keep their order.
  world =
      Communicator::cartesian(all, {all.size() / c.group_size(), c.tensor, rows, columns}, {false, false, false, true})
          .named("world");
  data = world.sub({true, false, false, false}).named("data");
  tensor = world.sub({false, true, false, false}).named("tensor");
  domain = world.sub({false, false, true, true}).named("domain");
  spatial = world.sub({false, true, true, true}).named("spatial");
  replicas = world.sub({true, false, true, true}).named("replicas");
}

} // namespace rossby
