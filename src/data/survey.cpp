// How a template is found: wildcards of the pattern become captures; in the captured texts the place is looked for
// where every file has the year of its first record, after one and the same prefix. Whatever digits follow may differ
// from file to file and stay a wildcard. Where files hold less than a year, month and day are looked for behind the
// year in the same way. A template counts when it leads from every file's first and last record back to that file.
#include "data/survey.hpp"

#include "field_file.hpp"
#include "file_set.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <sstream>

namespace rossby {

namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// Text and wildcards in turns: "a*b??c" is "a", "*", "b", "??", "c".
std::vector<std::string> pieces_of(std::string const& pattern)
{
  std::vector<std::string> pieces(1);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    bool const wild = pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[';
    if (wild != (pieces.size() % 2 == 0))
      pieces.emplace_back();
    if (pattern[i] == '[') {
      auto const end = pattern.find(']', i);
      pieces.back() += pattern.substr(i, end == std::string::npos ? end : end - i + 1);
      i = end == std::string::npos ? pattern.size() : end;
    } else {
      pieces.back() += pattern[i];
    }
  }
  return pieces;
}

/// What the wildcards of each file stand for.
std::vector<std::vector<std::string>> captures_of(std::vector<std::string> const& pieces,
                                                  std::vector<SurveyedFile> const& files)
{
  std::string expression;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    expression += i % 2 == 1 ? "(" : "";
    for (std::size_t at = 0; at < pieces[i].size(); ++at)
      expression += regex_at(pieces[i], at);
    expression += i % 2 == 1 ? ")" : "";
  }
  std::regex regex;
  try {
    regex.assign(expression);
  } catch (std::regex_error const&) { // a set of characters that is none
    return {};
  }
  std::vector<std::vector<std::string>> result;
  for (auto const& file : files) {
    std::smatch match;
    if (!std::regex_match(file.path, match, regex))
      return {};
    result.emplace_back(match.begin() + 1, match.end());
  }
  return result;
}

/// What the ends of all texts have in common, up to the first digit.
std::string rest_of(std::vector<std::string> const& texts)
{
  bool const same = std::all_of(texts.begin(), texts.end(), [&](auto const& t) { return t == texts[0]; });
  if (same && std::none_of(texts[0].begin(), texts[0].end(), is_digit))
    return texts[0];
  auto const common = [&](auto at) {
    std::size_t n = 0;
    while (std::all_of(texts.begin(), texts.end(), [&](auto const& t) {
      return n < t.size() && at(t, n) == at(texts[0], n) && !is_digit(at(t, n));
    }))
      ++n;
    return n;
  };
  auto const head = common([](std::string const& t, std::size_t n) { return t[n]; });
  auto const tail = common([](std::string const& t, std::size_t n) { return t[t.size() - 1 - n]; });
  return texts[0].substr(0, head) + "*" + texts[0].substr(texts[0].size() - tail);
}

/// The captured texts as one template, with `codes` of "Ymd" in it; nothing when they are not in it.
std::optional<std::string> coded(std::vector<std::string> const& texts, std::vector<SurveyedFile> const& files,
                                 std::string const& codes)
{
  auto const digits = [&](std::size_t f, char code) {
    return format_time(files[f].runs.front().first, std::string("%") + code);
  };
  std::size_t longest = 0;
  for (auto const& t : texts)
    longest = std::max(longest, t.size());
  for (std::size_t offset = 0; offset < longest; ++offset) {
    std::size_t at = offset;
    std::string text = texts[0].substr(0, offset);
    bool good = true;
    for (char const code : codes) {
      std::size_t const skip = code == 'Y' || (at < texts[0].size() && is_digit(texts[0][at])) ? 0 : 1; // a separator
      if (skip && at < texts[0].size())
        text += texts[0][at];
      at += skip;
      for (std::size_t f = 0; f < files.size() && good; ++f) {
        auto const expected = digits(f, code);
        good = texts[f].size() >= at + expected.size() && texts[f].compare(at, expected.size(), expected) == 0;
      }
      text += std::string("%") + code;
      at += code == 'Y' ? 4 : 2;
    }
    for (std::size_t f = 0; f < files.size() && good; ++f)
      good = texts[f].compare(0, offset, texts[0], 0, offset) == 0;
    if (!good)
      continue;
    std::vector<std::string> rests;
    for (auto const& t : texts)
      rests.push_back(t.substr(at));
    return text + rest_of(rests);
  }
  return std::nullopt;
}

bool leads_back(std::string const& path_template, std::vector<SurveyedFile> const& files, std::string const& deck_key)
try {
  FileSet const set(path_template, deck_key);
  return std::all_of(files.begin(), files.end(), [&](SurveyedFile const& f) {
    auto const leads = [&](Time t) { return set.covers(t) && set.files_for(t).front() == f.path; };
    return leads(f.runs.front().first) && leads(f.runs.back().last);
  });
} catch (Error const&) {
  return false;
}

std::optional<std::string> find_template(std::string const& pattern, std::vector<SurveyedFile> const& files,
                                         std::string const& deck_key)
{
  auto const pieces = pieces_of(pattern);
  if (pieces.size() == 1)
    return files.size() == 1 ? std::optional<std::string>(pattern) : std::nullopt;
  auto const captures = captures_of(pieces, files);
  if (captures.empty())
    return std::nullopt;
  for (char const* codes : {"Y", "Ym", "Ymd"})
    for (std::size_t k = 0; k < captures[0].size(); ++k) {
      std::vector<std::string> texts;
      for (auto const& c : captures)
        texts.push_back(c[k]);
      auto const piece = coded(texts, files, codes);
      if (!piece)
        continue;
      std::string whole;
      for (std::size_t i = 0; i < pieces.size(); ++i)
        whole += i == 2 * k + 1 ? *piece : pieces[i];
      if (leads_back(whole, files, deck_key))
        return whole;
    }
  return files.size() == 1 ? std::optional<std::string>(files[0].path) : std::nullopt;
}

/// Of the first time axis; standard where a file has none.
Calendar calendar_of(io::ArrayReader const& reader)
{
  for (auto const& v : reader.variables())
    if (v.dimensions.size() == 1 && reader.text(v.name, "units").value_or("").find(" since ") != std::string::npos)
      return parse_calendar(reader.text(v.name, "calendar").value_or("standard"), reader.file());
  return Calendar::standard;
}

SurveyedFile look_into(std::string const& path, std::string const& variable_3d, std::string& level_coord)
{
  SourceConfig any;
  io::ArrayReader reader(path);
  any.clock = calendar_of(reader);
  std::vector<std::string> dimensions;
  if (!variable_3d.empty() && level_coord.empty() && reader.has(variable_3d))
    dimensions = reader.variable(variable_3d).dimensions;
  FieldFile const file(std::move(reader), any);
  SurveyedFile result;
  result.path = path;
  auto const& times = file.times();
  for (std::size_t i = 1; i < times.size(); ++i)
    if (Duration const d = times[i] - times[i - 1]; d > 0 && (result.step == 0 || d < result.step))
      result.step = d;
  for (Time const t : times)
    if (result.runs.empty() || t - result.runs.back().last != result.step)
      result.runs.push_back({t, t});
    else
      result.runs.back().last = t;
  for (auto& run : result.runs) // dates, whatever calendar they are of
    for (auto* const t : {&run.first, &run.last})
      *t = time_of(date_of(*t, any.clock));
  if (dimensions.size() == 4)
    level_coord = dimensions[1]; // (time, level, latitude, longitude)
  return result;
}

} // namespace

std::vector<std::string> paths_matching(std::string const& pattern)
{
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return paths;
}

bool is_remote(std::string const& path)
{
  auto const colon = path.find("://");
  return colon != std::string::npos && colon > 0 &&
         std::all_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '-' || c == '.'; });
}

void expect_local(std::string const& path, std::string const& deck_key)
{
  if (!is_remote(path))
    return;
  auto const scheme = path.substr(0, path.find("://"));
  std::string const how = scheme == "gs"                          ? "gcloud storage cp -r"
                          : scheme == "s3"                        ? "aws s3 cp --recursive"
                          : scheme == "http" || scheme == "https" ? "wget -r -np"
                                                                  : "your site's tool";
  fail(deck_key, fmt::format("'{}' is remote, and data are read from file systems alone", path),
       fmt::format("copy what the run needs once ({}), and write the local path here", how));
}

Survey survey_files(std::string const& pattern, std::set<int> const& years, std::string const& variable_3d,
                    std::string const& deck_key)
{
  auto paths = paths_matching(pattern);
  auto const has_year = [&](std::string const& path) {
    return std::any_of(years.begin(), years.end(),
                       [&](int year) { return path.find(fmt::format("{:04}", year)) != std::string::npos; });
  };
  if (std::any_of(paths.begin(), paths.end(), has_year))
    paths.erase(std::remove_if(paths.begin(), paths.end(), [&](auto const& p) { return !has_year(p); }), paths.end());
  Survey survey;
  for (auto const& path : paths)
    if (auto file = look_into(path, variable_3d, survey.level_coord); !file.runs.empty())
      survey.files.push_back(std::move(file));
  auto& files = survey.files;
  std::sort(files.begin(), files.end(),
            [](auto const& a, auto const& b) { return a.runs.front().first < b.runs.front().first; });
  for (std::size_t i = 1; i < files.size(); ++i)
    if (files[i].runs.front().first <= files[i - 1].runs.back().last)
      fail(deck_key,
           fmt::format("'{}' matches two files with the same times: {} and {} both hold {}", pattern, files[i - 1].path,
                       files[i].path, format_time(files[i].runs.front().first)),
           "narrow the pattern");
  if (!files.empty())
    survey.path_template = find_template(pattern, files, deck_key);
  return survey;
}

std::string guess_template(std::string const& pattern)
{
  if (pattern.find('%') != std::string::npos)
    return pattern;
  if (auto const four = pattern.find("????"); four != std::string::npos)
    return pattern.substr(0, four) + "%Y" + pattern.substr(four + 4);
  auto const star = pattern.rfind('*');
  return star == std::string::npos ? pattern : pattern.substr(0, star) + "*%Y*" + pattern.substr(star + 1);
}

std::string to_text(Survey const& s)
{
  std::string text = s.level_coord + '\n' + (s.path_template ? "+" + *s.path_template : "-") + '\n';
  for (auto const& f : s.files) {
    text += fmt::format("{} {}", f.step, f.runs.size());
    for (auto const& r : f.runs)
      text += fmt::format(" {} {}", r.first, r.last);
    text += ' ' + f.path + '\n';
  }
  return text;
}

Survey survey_of(std::string const& text)
{
  Survey s;
  std::istringstream in(text);
  std::string line;
  std::getline(in, s.level_coord);
  std::getline(in, line);
  if (!line.empty() && line[0] == '+')
    s.path_template = line.substr(1);
  while (std::getline(in, line)) {
    std::istringstream words(line);
    SurveyedFile f;
    std::size_t runs = 0;
    words >> f.step >> runs;
    f.runs.resize(runs);
    for (auto& r : f.runs)
      words >> r.first >> r.last;
    words.get();
    std::getline(words, f.path);
    s.files.push_back(std::move(f));
  }
  return s;
}

} // namespace rossby
