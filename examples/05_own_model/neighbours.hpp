#pragma once
/// \file
/// A model of one's own: two convolutions and attention in windows, over the poles and the date line. Its constructor
/// declares grids, moves of cells and parameters; forward() computes on one tile. Meshes are none of its business.

#include <rossby/deck.hpp>
#include <rossby/model.hpp>

#include <memory>
#include <string>

namespace example {

/// What a deck's `model:` block says of it.
class NeighboursSpec final : public rossby::Spec {
public:
  int width = 16; ///< channels inside
  static constexpr int window = 3;

  std::string type() const override { return "neighbours"; }
  void check(rossby::Problems& problems) const override
  {
    if (fields.height % window != 0 || fields.width % window != 0)
      problems.error("model.image_height", "windows of 3 x 3 cells do not divide the grid", "give multiples of 3");
    if (width < 16 || width % 4 != 0)
      problems.error("model.width", "is not a multiple of four heads", "give 16, 20, 24, ...");
  }
  std::string fingerprint() const override { return "type: neighbours\nwidth: " + std::to_string(width) + "\n"; }
  std::pair<int, int> padded_grid() const override { return {fields.height, fields.width}; }
  std::vector<rossby::PartCost> parts() const override
  {
    double const cells = static_cast<double>(fields.height) * fields.width;
    return {{"convolutions", fields.height, fields.width, fields.out(),
             18 * cells * width * (fields.input_channels() + fields.out())}};
  }

private:
  std::unique_ptr<rossby::Model> make() const override;
};

class Neighbours final : public rossby::Model {
public:
  explicit Neighbours(NeighboursSpec const& spec)
      : Model(spec.fields, true), grid_(grids_.coarsest(spec.fields.height, spec.fields.width)),
        globe_(grids_.padded_halo(grid_, {true, rossby::SpherePadding::Mode::earth, 1, 1, 1, 1}, grid_, {1, 3, 0}))
  {
    set_grids(grid_, grid_);
    first_unit_ = parameters_.begin_unit("first");
    first_ = rossby::declare_conv(weights_, "first", spec.width, spec.fields.input_channels(), 3);
    layer_unit_ = parameters_.begin_unit("layer");
    rossby::TransformerConfig const layer{grid_, spec.width, spec.width / 4, spec.window, spec.window, 0, 0, 0};
    layer_ = std::make_unique<rossby::TransformerLayer>(books(), "layer", layer);
    last_unit_ = parameters_.begin_unit("last");
    last_ = rossby::declare_conv(weights_, "last", spec.fields.out(), spec.width, 3);
  }

  rossby::Var forward(rossby::Context& context, rossby::Var const& input) override
  {
    using namespace rossby;
    auto const weights = weights_.prepare(context);
    Shape const tile = grids_.extents(grid_);
    auto const convolve = [this, tile](int number) {
      return [this, tile, number](Context& c, PreparedWeights const& w, Var const& x) {
        return conv3x3(c, grids_[globe_], tile, w[number], x);
      };
    };
    Var x = unit(context, weights, first_unit_, false, cast(context, input, precision_.fields), convolve(first_));
    show("first", x, grid_);
    x = unit(context, weights, layer_unit_, activation_checkpoint_, activation(context, ops::Activation::silu, x),
             [this](Context& c, PreparedWeights const& w, Var const& in) { return layer_->forward(c, w, in); });
    x = unit(context, weights, last_unit_, false, x, convolve(last_));
    return cast(context, x, precision_.parameters);
  }

private:
  rossby::GridId grid_;
  rossby::HaloId globe_; ///< a cell around each tile, from its neighbours on the sphere
  int first_unit_, layer_unit_, last_unit_, first_, last_;
  std::unique_ptr<rossby::TransformerLayer> layer_;
};

inline std::unique_ptr<rossby::Model> NeighboursSpec::make() const { return std::make_unique<Neighbours>(*this); }

/// Makes decks with `type: neighbours` understood: rossby::add_family(example::neighbours_family()).
inline rossby::Family neighbours_family()
{
  return {{"neighbours"}, [](rossby::DeckBlock const& block, std::string const&) {
            auto spec = std::make_shared<NeighboursSpec>();
            for (auto const& [key, value] : {std::pair{"image_height", &spec->fields.height},
                                             {"image_width", &spec->fields.width},
                                             {"frames", &spec->fields.frames},
                                             {"channels", &spec->fields.channels},
                                             {"levels", &spec->fields.levels},
                                             {"surface_channels", &spec->fields.surface_channels},
                                             {"input_only_channels", &spec->fields.input_only_channels},
                                             {"output_only_channels", &spec->fields.output_only_channels},
                                             {"width", &spec->width}})
              block(key, *value);
            return std::shared_ptr<rossby::Spec const>(spec);
          }};
}

} // namespace example
