// oneDNN's matmul. It compiles a product for its shape and for the processor that it runs on, which takes far longer
// than a product does: what is compiled is kept, and called with other addresses.

#include "ops/bf16_product.hpp"

#include <dnnl.hpp>
#ifdef ROSSBY_ONEDNN_USES_OPENMP
#include <omp.h>
#endif

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace rossby::ops {

namespace {

/// oneDNN's threads are those of the execution space: one per rank on Serial, whatever OMP_NUM_THREADS says. Only this
/// thread's setting is touched, and set back.
class ThreadsOfKokkos {
#ifdef ROSSBY_ONEDNN_USES_OPENMP
public:
  explicit ThreadsOfKokkos(Exec const& exec) { omp_set_num_threads(exec.concurrency()); }
  ~ThreadsOfKokkos() { omp_set_num_threads(before_); }
  ThreadsOfKokkos(ThreadsOfKokkos const&) = delete;
  ThreadsOfKokkos& operator=(ThreadsOfKokkos const&) = delete;

private:
  int before_ = omp_get_max_threads();
#else
public:
  explicit ThreadsOfKokkos(Exec const&) {}
#endif
};

dnnl::engine const& processor()
{
  static dnnl::engine const engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

/// m, n, k, elements from one row of A, B and C to the next, transposed A, transposed B, what is added, narrow C.
using Key = std::array<index_t, 10>;
enum Added : index_t { nothing, what_was_there, bias_row };

struct Product {
  dnnl::memory::desc a, b, c, bias;
  dnnl::matmul matmul;
};

Product compile(Key const& key)
{
  using dnnl::memory;
  using Type = memory::data_type;
  auto const matrix = [](index_t rows, index_t cols, index_t row_length, bool transposed, Type type) {
    return memory::desc({rows, cols}, type, transposed ? memory::dims{1, row_length} : memory::dims{row_length, 1});
  };
  auto const [m, n, k, a_row, b_row, c_row, ta, tb, added, narrow] = key;
  Product p{matrix(m, k, a_row, ta != 0, Type::bf16),
            matrix(k, n, b_row, tb != 0, Type::bf16),
            matrix(m, n, c_row, false, narrow != 0 ? Type::bf16 : Type::f32),
            matrix(1, n, n, false, Type::f32),
            {}};
  dnnl::primitive_attr attributes;
  if (added == what_was_there) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
#if DNNL_VERSION_MAJOR >= 3
  auto const plan = added == bias_row ? dnnl::matmul::primitive_desc(processor(), p.a, p.b, p.bias, p.c, attributes)
                                      : dnnl::matmul::primitive_desc(processor(), p.a, p.b, p.c, attributes);
#else
  auto const desc = added == bias_row ? dnnl::matmul::desc(p.a, p.b, p.bias, p.c) : dnnl::matmul::desc(p.a, p.b, p.c);
  dnnl::matmul::primitive_desc const plan(desc, attributes, processor());
#endif
  p.matmul = dnnl::matmul(plan);
  return p;
}

std::shared_ptr<Product const> compiled(Key const& key)
{
  constexpr std::size_t most = 2000; // far more shapes than a model has: for programs that make many models
  static std::map<Key, std::shared_ptr<Product const>> known;
  static std::mutex mutex;
  std::lock_guard<std::mutex> const lock(mutex);
  auto const found = known.find(key);
  if (found != known.end())
    return found->second;
  if (known.size() == most)
    known.clear();
  return known.emplace(key, std::make_shared<Product const>(compile(key))).first->second;
}

} // namespace

bool multiplies_bfloat16()
{
  // With less, oneDNN widens every operand first, which is no faster than doing so here.
  static bool const able = host_accessible && [] {
    auto const bits = [](dnnl::cpu_isa isa) { return static_cast<unsigned>(isa); }; // a set of instructions each
    unsigned const wanted = bits(dnnl::cpu_isa::avx512_core_bf16);
    return (bits(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
  }();
  return able;
}

template <class To>
void bf16_product(Exec const& exec, char ta, char tb, View<bfloat16, 2> a, View<bfloat16, 2> b, float const* bias,
                  int beta, View<To, 2> c)
{
  ROSSBY_EXPECT(multiplies_bfloat16() && (beta == 0 || (beta == 1 && !bias && sizeof(To) == sizeof(float))));
  auto const signed_of = [](auto n) { return static_cast<index_t>(n); };
  auto const row_length = [&](auto const& matrix) { return signed_of(matrix.stride_0()); };
  index_t const m = signed_of(c.extent(0)), n = signed_of(c.extent(1)),
                k = signed_of(ta == 'N' ? a.extent(1) : a.extent(0));
  ProductRegion const region("KokkosBlas::gemm[bfloat16]");
  ThreadsOfKokkos const threads(exec);
  Added const added = bias ? bias_row : beta == 1 ? what_was_there : nothing;
  auto const product = compiled(
      {m, n, k, row_length(a), row_length(b), row_length(c), ta == 'T', tb == 'T', added, sizeof(To) < sizeof(float)});
  auto const at = [](dnnl::memory::desc const& desc, void const* data) {
    return dnnl::memory(desc, processor(), const_cast<void*>(data)); // it has no memory that is only read
  };
  std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, at(product->a, a.data())},
                                                  {DNNL_ARG_WEIGHTS, at(product->b, b.data())},
                                                  {DNNL_ARG_DST, at(product->c, c.data())}};
  if (bias)
    arguments.emplace(DNNL_ARG_BIAS, at(product->bias, bias));
  dnnl::stream stream(processor());
  product->matmul.execute(stream, arguments);
  stream.wait();
}

template void bf16_product<float>(Exec const&, char, char, View<bfloat16, 2>, View<bfloat16, 2>, float const*, int,
                                  View<float, 2>);
template void bf16_product<bfloat16>(Exec const&, char, char, View<bfloat16, 2>, View<bfloat16, 2>, float const*, int,
                                     View<bfloat16, 2>);

} // namespace rossby::ops
