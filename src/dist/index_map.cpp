#include <rossby/dist/index_map.hpp>

#include "core/rows.hpp"

#include <algorithm>
#include <map>

namespace rossby {

namespace {

using Indices = Kokkos::View<index_t const*, Kokkos::LayoutRight, Device, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// buffer[k, b, :] = x[b, cells[k], :].
template <class T> void pack(Exec const& exec, Indices cells, View<T, 3> x, View<T, 3> buffer)
{
  index_t const batch = static_cast<index_t>(x.extent(0)), channels = static_cast<index_t>(x.extent(2));
  for_rows(
      "rossby::dist::pack", exec, static_cast<index_t>(cells.extent(0)) * batch, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const k = row.number() / batch, b = row.number() % batch;
        row.copy(channels, &buffer(k, b, 0), &x(b, cells(k), 0));
      });
}

/// Targets whose source lies on this rank, and those that have none.
template <class T> void move_local(Exec const& exec, Indices from, index_t sources, View<T, 3> x, View<T, 3> y)
{
  index_t const targets = static_cast<index_t>(y.extent(1)), channels = static_cast<index_t>(y.extent(2));
  for_rows(
      "rossby::dist::move_local", exec, static_cast<index_t>(y.extent(0)) * targets, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const b = row.number() / targets, t = row.number() % targets, s = from(t);
        if (s < 0)
          row.fill(channels, &y(b, t, 0), T(0));
        else if (s < sources)
          row.copy(channels, &y(b, t, 0), &x(b, s, 0));
      });
}

template <class T>
void unpack(Exec const& exec, Indices remote, Indices from, index_t sources, View<T, 3> buffer, View<T, 3> y)
{
  index_t const batch = static_cast<index_t>(y.extent(0)), channels = static_cast<index_t>(y.extent(2));
  for_rows(
      "rossby::dist::unpack", exec, static_cast<index_t>(remote.extent(0)) * batch, channels,
      KOKKOS_LAMBDA(Row const& row) {
        index_t const t = remote(row.number() / batch), b = row.number() % batch;
        row.copy(channels, &y(b, t, 0), &buffer(from(t) - sources, b, 0));
      });
}

/// sum[row] = sum of dy over the row's targets, rounded once, for row-major ([b, row]) or buffer ([row, b]) results.
template <class T, bool buffer>
void sum_targets(Exec const& exec, Indices start, Indices position, View<T, 3> dy, View<T, 3> sum)
{
  index_t const batch = static_cast<index_t>(dy.extent(0)), channels = static_cast<index_t>(dy.extent(2));
  index_t const rows = static_cast<index_t>(start.extent(0)) - 1;
  for_rows(
      "rossby::dist::sum_targets", exec, rows * batch, channels, KOKKOS_LAMBDA(Row const& row) {
        index_t const item = row.number();
        index_t const source = buffer ? item / batch : item % rows, b = buffer ? item % batch : item / rows;
        T* to = buffer ? &sum(source, b, 0) : &sum(b, source, 0);
        index_t const first = start(source), last = start(source + 1);
        if (first == last)
          row.fill(channels, to, T(0));
        else if (last == first + 1)
          row.copy(channels, to, &dy(b, position(first), 0));
        else
          row.sums<wide_t<T>>(channels, into(to), [&](auto const& add) {
            for (index_t e = first; e < last; ++e)
              add(&dy(b, position(e), 0));
          });
      });
}

/// dx[source] += what came back for it, in the order of the neighbours.
template <class T>
void add_returned(Exec const& exec, Indices start, Indices position, View<T, 3> buffer, View<T, 3> dx)
{
  index_t const batch = static_cast<index_t>(dx.extent(0)), channels = static_cast<index_t>(dx.extent(2));
  index_t const rows = static_cast<index_t>(start.extent(0)) - 1;
  for_rows(
      "rossby::dist::add_returned", exec, rows * batch, channels, KOKKOS_LAMBDA(Row const& row) {
        index_t const b = row.number() / rows, source = row.number() % rows;
        index_t const first = start(source), last = start(source + 1);
        if (first == last)
          return;
        row.sums<wide_t<T>>(channels, onto(&dx(b, source, 0)), [&](auto const& add) {
          for (index_t e = first; e < last; ++e)
            add(&buffer(position(e), b, 0));
        });
      });
}

} // namespace

IndexMap::Lists IndexMap::lists_of(Exec const& exec, index_t rows, std::vector<std::vector<index_t>> const& members)
{
  std::vector<index_t> start{0}, position;
  for (index_t r = 0; r < rows; ++r) {
    auto const& m = members[static_cast<std::size_t>(r)];
    position.insert(position.end(), m.begin(), m.end());
    start.push_back(static_cast<index_t>(position.size()));
  }
  return {IndexList(exec, start), IndexList(exec, position)};
}

IndexMap::IndexMap(Exec const& exec, Communicator const& group, Tiling const& source,
                   std::vector<index_t> const& wanted)
    : group_(group)
{
  ROSSBY_EXPECT(source.ranks() == group.size());
  int const me = group.rank();
  Box const mine = source.box(me);
  sources_ = mine.cells();
  targets_ = static_cast<index_t>(wanted.size());

  // What I want of whom: every cell once, sorted.
  std::vector<std::vector<index_t>> requests(static_cast<std::size_t>(group.size()));
  std::vector<int> owner(wanted.size(), me);
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    if (wanted[t] == nothing)
      continue;
    index_t const row = wanted[t] / source.width(), col = wanted[t] % source.width();
    owner[t] = source.owner(row, col);
    if (owner[t] != me)
      requests[static_cast<std::size_t>(owner[t])].push_back(wanted[t]);
  }
  for (int r = 0; r < group.size(); ++r) {
    auto& list = requests[static_cast<std::size_t>(r)];
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    if (!list.empty())
      receive_from_.push_back({r, received_, static_cast<index_t>(list.size())});
    received_ += static_cast<index_t>(list.size());
  }

  std::vector<index_t> from(wanted.size(), nothing), remote;
  std::vector<std::vector<index_t>> of_source(static_cast<std::size_t>(sources_)),
      of_received(static_cast<std::size_t>(received_));
  std::vector<index_t> begin_of(static_cast<std::size_t>(group.size()), 0);
  for (auto const& n : receive_from_)
    begin_of[static_cast<std::size_t>(n.rank)] = n.begin;
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    if (wanted[t] == nothing)
      continue;
    index_t const row = wanted[t] / source.width(), col = wanted[t] % source.width();
    if (owner[t] == me) {
      from[t] = source.local(me, row, col);
      of_source[static_cast<std::size_t>(from[t])].push_back(static_cast<index_t>(t));
      continue;
    }
    auto const& list = requests[static_cast<std::size_t>(owner[t])];
    index_t const position = begin_of[static_cast<std::size_t>(owner[t])] +
                             (std::lower_bound(list.begin(), list.end(), wanted[t]) - list.begin());
    from[t] = sources_ + position;
    remote.push_back(static_cast<index_t>(t));
    of_received[static_cast<std::size_t>(position)].push_back(static_cast<index_t>(t));
  }

  // What others want of me.
  auto const asked = group.all_to_all(requests);
  std::vector<index_t> send;
  std::vector<std::vector<index_t>> sends_of(static_cast<std::size_t>(sources_));
  for (int r = 0; r < group.size(); ++r) {
    auto const& list = asked[static_cast<std::size_t>(r)];
    if (r == me || list.empty())
      continue;
    send_to_.push_back({r, sent_, static_cast<index_t>(list.size())});
    for (index_t const cell : list) {
      index_t const local = source.local(me, cell / source.width(), cell % source.width());
      sends_of[static_cast<std::size_t>(local)].push_back(sent_++);
      send.push_back(local);
    }
  }

  from_ = IndexList(exec, from);
  remote_targets_ = IndexList(exec, remote);
  send_list_ = IndexList(exec, send);
  targets_of_source_ = lists_of(exec, sources_, of_source);
  targets_of_received_ = lists_of(exec, received_, of_received);
  sends_of_source_ = lists_of(exec, sources_, sends_of);
}

std::vector<Communicator::Message> IndexMap::messages(std::vector<Neighbour> const& neighbours, Array const& buffer,
                                                      index_t batch, index_t channels) const
{
  std::vector<Communicator::Message> list;
  std::size_t const row = static_cast<std::size_t>(batch * channels) * size_of(buffer.dtype());
  for (auto const& n : neighbours)
    list.push_back({n.rank, static_cast<char*>(buffer.data()) + static_cast<std::size_t>(n.begin) * row,
                    static_cast<std::size_t>(n.count) * row});
  return list;
}

IndexMap::PendingApply IndexMap::start(Exec const& exec, Array const& x, Out y) const
{
  index_t const batch = x.extent(0), channels = x.shape().back();
  Array const in = x.reshaped({batch, sources_, channels});
  PendingApply c;
  c.map_ = this;
  c.exec_ = exec;
  c.y_ = y.reshaped({batch, targets_, channels});
  c.sending_ = Array::empty(x.dtype(), {sent_, batch, channels});
  c.coming_ = Array::empty(x.dtype(), {received_, batch, channels});
  dispatch(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (sent_ > 0)
      pack<T>(exec, send_list_.view(), in.view<T, 3>(), c.sending_.view<T, 3>());
    c.exchange_ = group_.start(exec, messages(send_to_, c.sending_, batch, channels),
                               messages(receive_from_, c.coming_, batch, channels));
    c.exchange_.keep(c.sending_);
    c.exchange_.keep(c.coming_);
    move_local<T>(exec, from_.view(), sources_, in.view<T, 3>(), c.y_.view<T, 3>());
  });
  return c;
}

void IndexMap::PendingApply::finish()
{
  exchange_.wait();
  if (map_->received_ == 0)
    return;
  dispatch(y_.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    unpack<T>(exec_, map_->remote_targets_.view(), map_->from_.view(), map_->sources_, coming_.view<T, 3>(),
              y_.view<T, 3>());
  });
}

IndexMap::PendingAdjoint IndexMap::start_adjoint(Exec const& exec, Array const& dy) const
{
  index_t const batch = dy.extent(0), channels = dy.shape().back();
  PendingAdjoint r;
  r.map_ = this;
  r.exec_ = exec;
  r.dy_ = dy.reshaped({batch, targets_, channels});
  r.sending_ = Array::empty(dy.dtype(), {received_, batch, channels});
  r.coming_ = Array::empty(dy.dtype(), {sent_, batch, channels});
  dispatch(dy.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (received_ > 0)
      sum_targets<T, true>(exec, targets_of_received_.start.view(), targets_of_received_.position.view(),
                           r.dy_.view<T, 3>(), r.sending_.view<T, 3>());
  });
  r.exchange_ = group_.start(exec, messages(receive_from_, r.sending_, batch, channels),
                             messages(send_to_, r.coming_, batch, channels));
  r.exchange_.keep(r.sending_);
  r.exchange_.keep(r.coming_);
  return r;
}

void IndexMap::PendingAdjoint::finish(Out dx)
{
  Array const down = dx.reshaped({dy_.extent(0), map_->sources_, dy_.extent(2)});
  dispatch(dx.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sum_targets<T, false>(exec_, map_->targets_of_source_.start.view(), map_->targets_of_source_.position.view(),
                          dy_.view<T, 3>(), down.view<T, 3>());
    exchange_.wait();
    if (map_->sent_ > 0)
      add_returned<T>(exec_, map_->sends_of_source_.start.view(), map_->sends_of_source_.position.view(),
                      coming_.view<T, 3>(), down.view<T, 3>());
  });
}

void IndexMap::apply(Exec const& exec, Array const& x, Out y) const { start(exec, x, y).finish(); }

void IndexMap::adjoint(Exec const& exec, Array const& dy, Out dx) const { start_adjoint(exec, dy).finish(dx); }

std::size_t IndexMap::bytes_sent(index_t channels, DType dtype) const
{
  return static_cast<std::size_t>(sent_ * channels) * size_of(dtype);
}

} // namespace rossby
