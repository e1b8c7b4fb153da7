// As window attention, with keys of length one in scratch and a table of biases for each head. The lengths of queries
// and keys are computed once per window and head; gradients of the unit vectors are taken back to the vectors where
// they are stored: dq = (dq^ - q^ (q^ . dq^)) / |q|. Chunks of windows give the sums of the tables and of the scale a
// fixed order.

#include <rossby/ops/cosine_attention.hpp>

#include "ops/gemm.hpp"

#include "window_blocks.hpp"

namespace rossby::ops {

namespace {

/// 1 / max(|x|, least_length).
template <class T> KOKKOS_INLINE_FUNCTION wide_t<T> inverse_length(T const* x, index_t width)
{
  using W = wide_t<T>;
  W squares = 0;
  for (index_t e = 0; e < width; ++e)
    squares += W(x[e]) * W(x[e]);
  return W(1) / math::max(math::sqrt(squares), W(least_length));
}

/// row[q] = softmax over q of (factor query . keys[q] + bias[q] + mask), for keys of length one.
template <class T, class W = wide_t<T>>
KOKKOS_INLINE_FUNCTION void probabilities(T const* query, W factor, Scratch<W> const& keys, W const* bias,
                                          Sides const& sides, index_t seam, index_t p, Sizes const& n, W* row)
{
  for (index_t q = 0; q < n.tokens; ++q)
    row[q] = bias[q];
  if (seam != 0) {
    index_t const side = sides(seam, p);
    for (index_t q = 0; q < n.tokens; ++q)
      row[q] += sides(seam, q) != side ? W(masked) : W(0);
  }
  for (index_t e = 0; e < n.width; ++e) {
    W const a = factor * query[e];
    W const* k = &keys(e, 0);
    for (index_t q = 0; q < n.tokens; ++q)
      row[q] += a * k[q];
  }
  softmax(n.tokens, row);
}

/// Divides the keys in `keys` by their lengths, which go to `inverse`.
template <class T>
KOKKOS_INLINE_FUNCTION void normalise_keys(TeamMember const& team, T const* first, index_t stride, Sizes const& n,
                                           Scratch<wide_t<T>> const& keys, wide_t<T>* inverse)
{
  Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t t) {
    inverse[t] = inverse_length(first + t * stride, n.width);
    for (index_t e = 0; e < n.width; ++e)
      keys(e, t) *= inverse[t];
  });
}

/// Takes the gradient of x/|x|, in `sums`, back to x.
template <class T>
KOKKOS_INLINE_FUNCTION void through_length(T const* x, wide_t<T> inverse, index_t width, wide_t<T>* sums)
{
  using W = wide_t<T>;
  W along = 0;
  if (inverse < W(1) / W(least_length)) // else the length is the bound, a constant
    for (index_t e = 0; e < width; ++e)
      along += x[e] * inverse * sums[e];
  for (index_t e = 0; e < width; ++e)
    sums[e] = (sums[e] - x[e] * inverse * along) * inverse;
}

template <class W> std::size_t room(index_t a, index_t b)
{
  return Scratch<W>::shmem_size(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
}

template <class T>
void forward(Exec const& exec, Sizes n, Drop drop, Sides sides, View<T, 3> qkv, View<wide_t<T>, 1> logit,
             View<wide_t<T>, 3> bias, View<T, 3> out)
{
  using W = wide_t<T>;
  index_t const inner = n.inner(), width = room_width<T>(n);
  Team policy(exec, static_cast<int>(n.windows * n.heads), Kokkos::AUTO);
  policy.set_scratch_size(1, Kokkos::PerTeam(static_cast<int>(room<W>(n.width, n.tokens) + room<W>(n.tokens, n.tokens) +
                                                              room<W>(1, n.tokens) + room<W>(n.tokens, width))));
  Kokkos::parallel_for(
      "rossby::ops::cosine_attention", policy, KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const window = team.league_rank() / n.heads, head = team.league_rank() % n.heads, stride = 3 * inner;
        Scratch<W> keys(team.team_scratch(1), n.width, n.tokens), map(team.team_scratch(1), n.tokens, n.tokens);
        Scratch<W> inverse(team.team_scratch(1), 1, n.tokens), sums(team.team_scratch(1), n.tokens, width);
        W const scale = scale_of(logit(head));
        index_t const seam = sides.seam(window);
        T const* q0 = &qkv(window, 0, head * n.width);
        turn<T>(team, q0 + inner, stride, n, keys);
        team.team_barrier();
        normalise_keys<T>(team, q0 + inner, stride, n, keys, inverse.data());
        team.team_barrier();
        Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t p) {
          W* row = &map(p, 0);
          T const* query = q0 + p * stride;
          probabilities<T>(query, scale * inverse_length(query, n.width), keys, &bias(head, p, 0), sides, seam, p, n,
                           row);
          if (drop.active)
            drop_row<W>(drop, n, window, head, p, row);
          T* const result = &out(window, p, head * n.width);
          W* const o = sums_of<T>(result, sums.data() + p * width);
          for (index_t e = 0; e < n.width; ++e)
            o[e] = 0;
          for (index_t q = 0; q < n.tokens; ++q) {
            T const* v = q0 + q * stride + 2 * inner;
            for (index_t e = 0; e < n.width; ++e)
              o[e] += row[q] * v[e];
          }
          store_sums<T>(o, n.width, result);
        });
      });
}

/// Adds each chunk's and head's terms into `dbias` [chunks, heads, tokens, tokens] and `dlogit` [chunks, heads,
/// tokens].
template <class T>
void backward(Exec const& exec, Sizes n, Drop drop, Sides sides, index_t chunks, View<T, 3> qkv,
              View<wide_t<T>, 1> logit, View<wide_t<T>, 3> bias, View<T, 3> dout, View<T, 3> dqkv,
              View<wide_t<T>, 3> dbias, View<wide_t<T>, 2> dlogit)
{
  using W = wide_t<T>;
  index_t const inner = n.inner(), width = room_width<T>(n);
  Team policy(exec, static_cast<int>(chunks * n.heads), Kokkos::AUTO);
  policy.set_scratch_size(
      1, Kokkos::PerTeam(static_cast<int>(2 * room<W>(n.width, n.tokens) + 2 * room<W>(n.tokens, n.tokens) +
                                          room<W>(2, n.tokens) + 2 * room<W>(n.tokens, width))));
  Kokkos::parallel_for(
      "rossby::ops::cosine_attention_adjoint", policy, KOKKOS_LAMBDA(TeamMember const& team) {
        index_t const chunk = team.league_rank() / n.heads, head = team.league_rank() % n.heads, stride = 3 * inner;
        Scratch<W> keys(team.team_scratch(1), n.width, n.tokens), values(team.team_scratch(1), n.width, n.tokens);
        Scratch<W> map(team.team_scratch(1), n.tokens, n.tokens), dscore(team.team_scratch(1), n.tokens, n.tokens);
        Scratch<W> inverse(team.team_scratch(1), 2, n.tokens);
        Scratch<W> first(team.team_scratch(1), n.tokens, width), second(team.team_scratch(1), n.tokens, width);
        W const scale = scale_of(logit(head));
        W *const of_query = &inverse(0, 0), *const of_key = &inverse(1, 0);
        for (index_t window = chunk * n.windows / chunks; window < (chunk + 1) * n.windows / chunks; ++window) {
          index_t const seam = sides.seam(window);
          T const* q0 = &qkv(window, 0, head * n.width);
          T* dq0 = &dqkv(window, 0, head * n.width);
          turn<T>(team, q0 + inner, stride, n, keys);
          turn<T>(team, q0 + 2 * inner, stride, n, values);
          team.team_barrier();
          normalise_keys<T>(team, q0 + inner, stride, n, keys, of_key);
          team.team_barrier();
          Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t p) {
            W *row = &map(p, 0), *ds = &dscore(p, 0);
            T const *up = &dout(window, p, head * n.width), *query = q0 + p * stride;
            of_query[p] = inverse_length(query, n.width);
            probabilities<T>(query, scale * of_query[p], keys, &bias(head, p, 0), sides, seam, p, n, row);
            scores_adjoint<T>(up, values, drop, n, window, head, p, row, ds, &dbias(team.league_rank(), p, 0));
            T* const result = dq0 + p * stride;
            W* const dq = sums_of<T>(result, first.data() + p * width);
            W cosines = 0; // sum of ds times the cosine
            for (index_t e = 0; e < n.width; ++e) {
              W const* k = &keys(e, 0);
              W sum = 0;
              for (index_t q = 0; q < n.tokens; ++q)
                sum += ds[q] * k[q];
              dq[e] = scale * sum;
              cosines += sum * query[e];
            }
            dlogit(team.league_rank(), p) += scale * cosines * of_query[p];
            through_length<T>(query, of_query[p], n.width, dq);
            store_sums<T>(dq, n.width, result);
          });
          team.team_barrier();
          Kokkos::parallel_for(Kokkos::TeamThreadRange(team, n.tokens), [&](index_t q) {
            T *const key = dq0 + q * stride + inner, *const value = key + inner;
            W *const dk = sums_of<T>(key, first.data() + q * width), *const dv =
                                                                         sums_of<T>(value, second.data() + q * width);
            for (index_t e = 0; e < n.width; ++e)
              dk[e] = dv[e] = 0;
            for (index_t p = 0; p < n.tokens; ++p) {
              W const a = scale * of_query[p] * dscore(p, q), b = map(p, q);
              T const *query = q0 + p * stride, *up = &dout(window, p, head * n.width);
              for (index_t e = 0; e < n.width; ++e) {
                dk[e] += a * query[e];
                dv[e] += b * up[e];
              }
            }
            through_length<T>(q0 + q * stride + inner, of_key[q], n.width, dk);
            store_sums<T>(dk, n.width, key);
            store_sums<T>(dv, n.width, value);
          });
          team.team_barrier();
        }
      });
}

/// dlogit[head] += the sum of its parts, nothing where the scale is at its bound.
template <class W> void add_logit_gradient(Exec const& exec, View<W, 3> parts, View<W, 1> logit, View<W, 1> dlogit)
{
  index_t const chunks = static_cast<index_t>(parts.extent(0)), tokens = static_cast<index_t>(parts.extent(2));
  Kokkos::parallel_for(
      "rossby::ops::cosine_attention_scale", Range(exec, 0, static_cast<index_t>(dlogit.extent(0))),
      KOKKOS_LAMBDA(index_t head) {
        if (logit(head) > W(4.605170185988092))
          return;
        W sum = 0;
        for (index_t c = 0; c < chunks; ++c)
          for (index_t p = 0; p < tokens; ++p)
            sum += parts(c, head, p);
        dlogit(head) += sum;
      });
}

Sizes sizes_of(CosineAttention const& a, Array const& qkv)
{
  ROSSBY_EXPECT(qkv.extent(1) == a.tokens() && qkv.extent(2) == 3 * a.heads * a.dim_head);
  ROSSBY_EXPECT(a.dropout == 0 || qkv.extent(0) == 0 ||
                (a.windows.numbers.size() > 0 && qkv.extent(0) % a.windows.numbers.size() == 0));
  ROSSBY_EXPECT(a.seams.size() == 0 || qkv.extent(0) % a.seams.size() == 0);
  return {qkv.extent(0), a.tokens(), a.heads, a.dim_head};
}

Sides sides_of(CosineAttention const& a)
{
  return {a.window_columns, a.window_rows - a.shift_rows, a.window_columns - a.shift_columns, a.seams.view()};
}

template <class T>
WindowTask<T> task_of(CosineAttention const& a, Sizes const& n, Array const& qkv, Array const& logit, Array const& bias)
{
  return {n,
          drop_of(a),
          qkv.view<T, 3>().data(),
          bias.view<float, 3>().data(),
          n.tokens * n.tokens,
          1,
          logit.flat<float>().data(),
          sides_of(a)};
}

} // namespace

void cosine_attention_forward(Exec const& exec, CosineAttention const& a, Array const& qkv, Array const& logit_scale,
                              Array const& bias, Out out)
{
  Sizes const n = sizes_of(a, qkv);
  if (n.windows == 0)
    return;
  dispatch(qkv.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (has_blocks<T>) {
      auto task = task_of<T>(a, n, qkv, logit_scale, bias);
      task.out = out.view<T, 3>().data();
      if (forward_on_blocks(exec, task))
        return;
    }
    forward<T>(exec, n, drop_of(a), sides_of(a), qkv.view<T, 3>(), logit_scale.flat<wide_t<T>>(),
               bias.view<wide_t<T>, 3>(), out.view<T, 3>());
  });
}

void cosine_attention_backward(Exec const& exec, CosineAttention const& a, Array const& qkv, Array const& logit_scale,
                               Array const& bias, Array const& dout, Out dqkv, Out dlogit_scale, Out dbias)
{
  Sizes const n = sizes_of(a, qkv);
  if (n.windows == 0)
    return;
  // As many chunks as keep the partial tables small.
  index_t const table = n.heads * n.tokens * n.tokens;
  index_t const chunks = math::min(n.windows, math::max(index_t(1), (index_t(1) << 22) / table));
  dispatch(qkv.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using W = wide_t<T>;
    Array const tables = Array::zeros(exec, dtype_of<W>(), {chunks * n.heads, n.tokens, n.tokens});
    Array const scales = Array::zeros(exec, dtype_of<W>(), {chunks * n.heads, n.tokens});
    bool done = false;
    if constexpr (has_blocks<T>) {
      auto task = task_of<T>(a, n, qkv, logit_scale, bias);
      task.chunks = chunks;
      task.dout = dout.view<T, 3>().data();
      task.dqkv = dqkv.view<T, 3>().data();
      task.dbias = tables.view<W, 3>().data();
      task.dlogit = scales.view<W, 2>().data();
      done = backward_on_blocks(exec, task);
    }
    if (!done)
      backward<T>(exec, n, drop_of(a), sides_of(a), chunks, qkv.view<T, 3>(), logit_scale.flat<W>(), bias.view<W, 3>(),
                  dout.view<T, 3>(), dqkv.view<T, 3>(), tables.view<W, 3>(), scales.view<W, 2>());
    column_sums<W>(exec, tables.reshaped({chunks, table}).view<W, 2>(), 1, dbias.flat<W>());
    add_logit_gradient<W>(exec, scales.reshaped({chunks, n.heads, n.tokens}).view<W, 3>(), logit_scale.flat<W>(),
                          dlogit_scale.flat<W>());
  });
}

} // namespace rossby::ops
