#pragma once
/// \file
/// Which variable and level each channel of the model's input and output is.

#include <string>
#include <vector>

namespace rossby {

struct DataConfig;
struct FieldShape;
class Problems;

enum class FieldType { prognostic, diagnostic, fixed, dynamic_forcing };
/// As in decks: "prognostic", "diagnostic", "static", "dynamic_forcing".
std::string name_of(FieldType);

/// A vertical coordinate. Where a file has none, its levels are numbered from 0.
struct LevelAxis {
  std::vector<double> values;
  std::string units, positive, standard_name; ///< as the file says, or empty
  std::string name;                           ///< of the dimension
  bool numbered = false;                      ///< the file has no coordinate
};

/// One variable of the input or the output; its channels are contiguous.
struct SchemaEntry {
  std::string key;           ///< "{SOURCE}/{field_type}/{2d|3d}/{var}"
  int source = 0, group = 0; ///< position in DataConfig
  std::string variable;      ///< short name
  std::string name_in_files; ///< where a `rename` preblock has given it another; empty: the short name
  FieldType type = FieldType::prognostic;
  bool is_3d = false;
  std::vector<double> levels; ///< coordinate values; a 2-D variable: one entry (0); solar: the offsets
  /// 3-D: what the files say of the levels: units (of `levels`), positive, standard_name. Empty where nothing is known.
  LevelAxis vertical = {};
  int first_channel = 0;
  int n_levels() const { return static_cast<int>(levels.size()); }
  std::string const& in_files() const { return name_in_files.empty() ? variable : name_in_files; }
};

int channels_of(std::vector<SchemaEntry> const&);

/// Channel order of CREDIT: source by source in deck order; within a source prognostic, static, dynamic forcing for the
/// input and prognostic, diagnostic for the output; 3-D before 2-D; deck list order; levels contiguous.
struct ChannelSchema {
  std::vector<SchemaEntry> input, target;
  int n_time = 1; ///< input frames

  /// Opens a file of each group whose levels the deck leaves to the file.
  static ChannelSchema make(DataConfig const&);

  int input_channels() const; ///< without frames
  int target_channels() const;
  SchemaEntry const* find_target(std::string const& key) const;

  /// For each base input channel the output channel that feeds it in a rollout, -1 for static and forcing channels.
  std::vector<int> feedback() const;
  /// Base input channels that are dynamic forcing, in order: the channels of BatchStep::forcing.
  std::vector<int> forcing() const;

  /// Holds the counts against the model: one error for each that differs, with what each side has.
  void check(FieldShape const&, Problems&) const;
  /// CREDIT's `channel_schema.yaml`.
  std::string to_yaml() const;
  /// Compares with the text of an earlier run; fails on the first difference.
  void expect_same(std::string const& yaml, std::string const& file) const;
};

} // namespace rossby
