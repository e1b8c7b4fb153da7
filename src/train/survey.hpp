#pragma once
/// \file
/// Private to src/train: what lies in files of fields that no deck describes.

#include "data/config.hpp"
#include "train/new_deck.hpp"
#include <rossby/data/time.hpp>

#include <string>
#include <utility>
#include <vector>

namespace rossby {

struct SurveyedVariable {
  std::string name;
  FieldType type = FieldType::prognostic;
  bool is_3d = false;
  std::string why; ///< of its kind
};

/// Files that hold the same variables, of different times, or one file.
struct SurveyedFiles {
  std::string path; ///< with time codes where there are several
  std::size_t files = 1;
  std::vector<SurveyedVariable> variables;
  std::vector<std::pair<std::string, std::string>> left_out; ///< variables, and why
  std::string time_coord, level_coord;
  Calendar calendar = Calendar::standard;  ///< of times
  std::vector<double> levels;              ///< of level_coord; empty where the files have no such coordinate
  int level_count = 1;                     ///< of variables in 3-D
  std::vector<double> latitude, longitude; ///< as they lie in the files
  std::vector<Time> times;                 ///< rising
};

/// \throws Error for what is not there, or holds no field.
std::vector<SurveyedFiles> survey(NewDeckOptions const&);

/// The rules by which variables are given their kinds, as text.
std::vector<std::string> kind_rules();

} // namespace rossby
