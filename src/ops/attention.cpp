// One team per (chunk of windows, head). Keys and values are turned around in scratch so that the inner loops run over
// contiguous tokens or contiguous head channels and never over a horizontal sum. Chunks give the bias gradient, shared
// by all windows and heads, a fixed order of summation: each team adds its windows into a table of its own. Devices
// that have kernels over blocks (window_block.hpp) for a shape take those instead.

#include <rossby/ops/attention.hpp>

#include "ops/gemm.hpp"

#include "window_blocks.hpp"

namespace rossby::ops {

namespace {

/// row[q] = softmax over q of (scale query . keys[q] + bias[q]).
template <class T, class W = wide_t<T>>
KOKKOS_INLINE_FUNCTION void probabilities(T const* query, Scratch<W> const& keys, W const* bias, W scale,
                                          Sizes const& n, W* row)
{
  for (index_t q = 0; q < n.tokens; ++q)
    row[q] = bias[q];
  for (index_t e = 0; e < n.width; ++e) {
    W const a = scale * query[e];
    W const* k = &keys(e, 0);
    for (index_t q = 0; q < n.tokens; ++q)
      row[q] += a * k[q];
  }
  softmax(n.tokens, row);
}

template <class T>
void forward(Exec const& exec, Sizes n, Drop drop, View<T, 3> qkv, View<wide_t<T>, 2> bias, View<T, 3> out)
{
  using W = wide_t<T>;
  index_t const inner = n.inner(), room = room_width<T>(n);
  W const scale = W(1) / math::sqrt(W(n.width));
  auto const shape = [&](index_t a, index_t b) {
    return Scratch<W>::shmem_size(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
  };
  Team policy(exec, static_cast<int>(n.windows * n.heads), Kokkos::AUTO);
  policy.set_scratch_size(1, Kokkos::PerTeam(static_cast<int>(shape(n.width, n.tokens) + shape(n.tokens, n.tokens) +
                                                              shape(n.tokens, room))));
  Kokkos::parallel_for(
      "rossby::ops::window_attention", policy, KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const window = team.league_rank() / n.heads, head = team.league_rank() % n.heads;
        Scratch<W> keys(team.team_scratch(1), n.width, n.tokens), map(team.team_scratch(1), n.tokens, n.tokens);
        Scratch<W> sums(team.team_scratch(1), n.tokens, room);
        T const* q0 = &qkv(window, 0, head * n.width);
        turn<T>(team, q0 + inner, 3 * inner, n, keys);
        team.team_barrier();
        Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t p) {
          W* row = &map(p, 0);
          probabilities<T>(q0 + p * 3 * inner, keys, &bias(p, 0), scale, n, row);
          if (drop.active)
            drop_row<W>(drop, n, window, head, p, row);
          T* const result = &out(window, p, head * n.width);
          W* const o = sums_of<T>(result, sums.data() + p * room);
          for (index_t e = 0; e < n.width; ++e)
            o[e] = 0;
          for (index_t q = 0; q < n.tokens; ++q) {
            T const* v = q0 + q * 3 * inner + 2 * inner;
            for (index_t e = 0; e < n.width; ++e)
              o[e] += row[q] * v[e];
          }
          store_sums<T>(o, n.width, result);
        });
      });
}

template <class T>
void backward(Exec const& exec, Sizes n, Drop drop, index_t chunks, View<T, 3> qkv, View<wide_t<T>, 2> bias,
              View<T, 3> dout, View<T, 3> dqkv, View<wide_t<T>, 3> dbias_parts)
{
  using W = wide_t<T>;
  index_t const inner = n.inner(), room = room_width<T>(n);
  W const scale = W(1) / math::sqrt(W(n.width));
  auto const shape = [&](index_t a, index_t b) {
    return Scratch<W>::shmem_size(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
  };
  Team policy(exec, static_cast<int>(chunks * n.heads), Kokkos::AUTO);
  policy.set_scratch_size(1,
                          Kokkos::PerTeam(static_cast<int>(2 * shape(n.width, n.tokens) +
                                                           2 * shape(n.tokens, n.tokens) + 2 * shape(n.tokens, room))));
  Kokkos::parallel_for(
      "rossby::ops::window_attention_adjoint", policy, KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const chunk = team.league_rank() / n.heads, head = team.league_rank() % n.heads;
        Scratch<W> keys(team.team_scratch(1), n.width, n.tokens), values(team.team_scratch(1), n.width, n.tokens);
        Scratch<W> map(team.team_scratch(1), n.tokens, n.tokens), dscore(team.team_scratch(1), n.tokens, n.tokens);
        Scratch<W> first(team.team_scratch(1), n.tokens, room), second(team.team_scratch(1), n.tokens, room);
        index_t const stride = 3 * inner;
        for (index_t window = chunk * n.windows / chunks; window < (chunk + 1) * n.windows / chunks; ++window) {
          T const* q0 = &qkv(window, 0, head * n.width);
          T* dq0 = &dqkv(window, 0, head * n.width);
          turn<T>(team, q0 + inner, stride, n, keys);
          turn<T>(team, q0 + 2 * inner, stride, n, values);
          team.team_barrier();
          Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t p) {
            W *row = &map(p, 0), *ds = &dscore(p, 0);
            T const* up = &dout(window, p, head * n.width);
            probabilities<T>(q0 + p * stride, keys, &bias(p, 0), scale, n, row);
            scores_adjoint<T>(up, values, drop, n, window, head, p, row, ds, &dbias_parts(team.league_rank(), p, 0));
            T* const result = dq0 + p * stride;
            W* const dq = sums_of<T>(result, first.data() + p * room);
            for (index_t e = 0; e < n.width; ++e)
              dq[e] = 0;
            for (index_t q = 0; q < n.tokens; ++q) {
              W const a = scale * ds[q];
              T const* k = q0 + q * stride + inner;
              for (index_t e = 0; e < n.width; ++e)
                dq[e] += a * k[e];
            }
            store_sums<T>(dq, n.width, result);
          });
          team.team_barrier();
          Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t q) {
            T *const key = dq0 + q * stride + inner, *const value = key + inner;
            W *const dk = sums_of<T>(key, first.data() + q * room), *const dv =
                                                                        sums_of<T>(value, second.data() + q * room);
            for (index_t e = 0; e < n.width; ++e)
              dk[e] = dv[e] = 0;
            for (index_t p = 0; p < n.tokens; ++p) {
              W const a = scale * dscore(p, q), b = map(p, q);
              T const *query = q0 + p * stride, *up = &dout(window, p, head * n.width);
              for (index_t e = 0; e < n.width; ++e) {
                dk[e] += a * query[e];
                dv[e] += b * up[e];
              }
            }
            store_sums<T>(dk, n.width, key);
            store_sums<T>(dv, n.width, value);
          });
          team.team_barrier();
        }
      });
}

template <class T> WindowTask<T> task_of(WindowAttention const& a, Sizes const& n, Array const& qkv, Array const& bias)
{
  return {n,
          drop_of(a),
          qkv.view<T, 3>().data(),
          bias.view<float, 2>().data(),
          0,
          1 / math::sqrt(static_cast<float>(n.width))};
}

Sizes sizes_of(WindowAttention const& a, Array const& qkv)
{
  ROSSBY_EXPECT(qkv.extent(1) == a.tokens && qkv.extent(2) == 3 * a.heads * a.dim_head);
  ROSSBY_EXPECT(a.dropout == 0 || qkv.extent(0) == 0 ||
                (a.windows.numbers.size() > 0 && qkv.extent(0) % a.windows.numbers.size() == 0));
  return {qkv.extent(0), a.tokens, a.heads, a.dim_head};
}

} // namespace

void window_attention_forward(Exec const& exec, WindowAttention const& a, Array const& qkv, Array const& bias, Out out)
{
  Sizes const n = sizes_of(a, qkv);
  if (n.windows == 0)
    return;
  dispatch(qkv.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (has_blocks<T>) {
      auto task = task_of<T>(a, n, qkv, bias);
      task.out = out.view<T, 3>().data();
      if (forward_on_blocks(exec, task))
        return;
    }
    forward<T>(exec, n, drop_of(a), qkv.view<T, 3>(), bias.view<wide_t<T>, 2>(), out.view<T, 3>());
  });
}

void window_attention_backward(Exec const& exec, WindowAttention const& a, Array const& qkv, Array const& bias,
                               Array const& dout, Out dqkv, Out dbias)
{
  Sizes const n = sizes_of(a, qkv);
  if (n.windows == 0)
    return;
  // As many chunks as keep the partial bias tables small.
  index_t const table = n.tokens * n.tokens;
  index_t const chunks = math::min(n.windows, math::max(index_t(1), (index_t(1) << 22) / (table * n.heads)));
  dispatch(qkv.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    Array const parts = Array::zeros(exec, dtype_of<W>(), {chunks * n.heads, n.tokens, n.tokens});
    bool done = false;
    if constexpr (has_blocks<T>) {
      auto task = task_of<T>(a, n, qkv, bias);
      task.chunks = chunks;
      task.dout = dout.view<T, 3>().data();
      task.dqkv = dqkv.view<T, 3>().data();
      task.dbias = parts.view<W, 3>().data();
      done = backward_on_blocks(exec, task);
    }
    if (!done)
      backward<T>(exec, n, drop_of(a), chunks, qkv.view<T, 3>(), bias.view<W, 2>(), dout.view<T, 3>(),
                  dqkv.view<T, 3>(), parts.view<W, 3>());
    column_sums<W>(exec, parts.reshaped({chunks * n.heads, table}).view<W, 2>(), 1, dbias.flat<W>());
  });
}

} // namespace rossby::ops
