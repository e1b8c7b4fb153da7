#pragma once
/// \file
/// What a deck says about how ranks work together.

#include <rossby/core/deck.hpp>

#include <array>
#include <set>

namespace rossby {

/// trainer.parallelism and trainer.tensor_whole. Ranks are row-major over (data, tensor, domain), domain fastest.
struct ParallelismConfig {
  enum class Data { none, ddp, fsdp2 } data = Data::ddp;
  int tensor = 1;
  /// Tiles in latitude and longitude; `domain: 3` means [3, 1].
  std::array<int, 2> domain{1, 1};
  /// Stages of the model whose layers the ranks of a tensor group don't share, though they share its cells.
  std::set<int> tensor_whole;

  int domain_size() const { return domain[0] * domain[1]; }
  /// Ranks that share one sample.
  int group_size() const { return tensor * domain_size(); }

  /// `trainer` is the deck's block; a missing parallelism means {data: ddp, tensor: 1, domain: 1}.
  static ParallelismConfig read(DeckNode const& trainer, Problems&);
  /// Can `world` ranks form this mesh? Otherwise an error that names the key, the value and what would fit.
  void check(int world, Problems&) const;
};

} // namespace rossby
