#pragma once
/// \file
/// A model before it exists: what a deck's `model:` block, or a program, says of it. Everything above the models knows
/// `Spec` and `FieldShape` and no architecture.

#include <rossby/core/deck.hpp>
#include <rossby/core/kokkos_compat.hpp>
#include <rossby/models/field_shape.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rossby {

class DeckBlock;
class Model;

/// One part of a model.
struct PartCost {
  std::string name;           ///< "stage 0", "up block 1"
  index_t rows = 0, cols = 0; ///< cells of the grid that it works on (its output)
  int channels = 0;           ///< of its output
  double flops = 0;           ///< floating-point operations of one forward pass of one sample
};

class Spec {
public:
  FieldShape fields;

  virtual ~Spec() = default;
  /// `model.type` in decks.
  virtual std::string type() const = 0;
  /// Every problem of the geometry, each with its key and a fix: windows that don't divide their grid, stages without a
  /// channel, padding wider than the globe.
  virtual void check(Problems&) const = 0;
  /// What makes weights of one run unusable in another, a line for each key. Kept in checkpoints.
  virtual std::string fingerprint() const = 0;
  /// The grid that the model works on: the image with its padding.
  virtual std::pair<int, int> padded_grid() const = 0;
  /// Matrix products and convolutions only, 2 operations for each multiplication with addition.
  virtual std::vector<PartCost> parts() const = 0;

protected:
  friend std::unique_ptr<Model> make_model(Spec const&);
  /// After check().
  virtual std::unique_ptr<Model> make() const = 0;
};

/// The model of a spec. \throws Error with everything that check() finds.
std::unique_ptr<Model> make_model(Spec const&);

double forward_flops(Spec const&);

/// One kind of model: how its block is read.
struct Family {
  std::vector<std::string> types; ///< values of `model.type`
  /// Reads the keys of the block; what can't be read becomes a problem.
  std::shared_ptr<Spec const> (*read)(DeckBlock const&, std::string const& type);
};

/// Those that come with the library, then those that a program added.
std::vector<Family> const& families();
/// Makes a model of a program's own known to decks. Before the first deck is read.
void add_family(Family);

/// Reads a deck's `model` block and checks what it says. Null when the type is not known; with errors among the
/// problems the result is good for nothing but its type.
std::shared_ptr<Spec const> read_spec(DeckNode const& model, Problems&);

} // namespace rossby
