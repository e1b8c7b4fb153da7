#include "scores_file.hpp"

#include "io/netcdf.hpp"
#include "io/replace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace rossby {

namespace {
struct Column {
  char const* name;
  char const* meaning;
  double Score::*value;
};
constexpr Column columns[] = {{"rmse", "root mean square error", &Score::rmse},
                              {"acc", "anomaly correlation", &Score::acc},
                              {"bias", "mean error", &Score::bias},
                              {"mae", "mean absolute error", &Score::mae}};

char const* name_of(Method m) { return method_names[static_cast<std::size_t>(m)]; }

std::vector<double> distinct(std::vector<Score> const& scores, double Score::*field)
{
  std::vector<double> values;
  for (auto const& s : scores)
    if (std::find(values.begin(), values.end(), s.*field) == values.end())
      values.push_back(s.*field);
  return values;
}

std::string cell_of(double value, int width)
{
  return std::isnan(value) ? fmt::format("{:>{}}", "-", width) : fmt::format("{:>{}.4g}", value, width);
}
} // namespace

void write_scores_csv(std::string const& file, std::vector<Score> const& scores)
{
  std::string text = "variable,level,lead_hours,method,forecasts,rmse,acc,bias,mae,damping\n";
  auto const number = [](double v) { return std::isnan(v) ? std::string() : fmt::format("{}", v); };
  for (auto const& s : scores)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", s.variable, s.is_3d ? number(s.level) : "", s.lead_hours,
                        name_of(s.method), s.forecasts, number(s.rmse), number(s.acc), number(s.bias), number(s.mae),
                        s.method == Method::damped_anomaly ? number(s.damping) : "");
  io::replace_text(file, text);
}

void write_scores_netcdf(std::string const& file, std::vector<Score> const& scores)
{
  io::NetcdfWriter out(file);
  auto const leads = distinct(scores, &Score::lead_hours);
  index_t const n_leads = static_cast<index_t>(leads.size()), n_methods = static_cast<index_t>(method_names.size());
  std::map<std::string, std::vector<Score>> by_variable;
  for (auto const& s : scores)
    by_variable[s.variable].push_back(s);

  std::string meanings;
  std::vector<double> method_values;
  for (std::size_t m = 0; m < method_names.size(); ++m) {
    meanings += fmt::format("{}{}: {}", m ? ", " : "", m, method_names[m]);
    method_values.push_back(static_cast<double>(m));
  }
  out.dimension("lead_time", n_leads);
  out.variable("lead_time", io::NetcdfType::float64, {"lead_time"});
  out.attribute("lead_time", "standard_name", "forecast_period");
  out.attribute("lead_time", "units", "hours");
  out.dimension("method", n_methods);
  out.variable("method", io::NetcdfType::int32, {"method"});
  out.attribute("method", "long_name", meanings);
  for (auto const& [name, rows] : by_variable) {
    std::vector<std::string> dimensions{"lead_time", "method"};
    if (rows.front().is_3d) {
      std::string const level = "level_" + name;
      out.dimension(level, static_cast<index_t>(distinct(rows, &Score::level).size()));
      out.variable(level, io::NetcdfType::float64, {level});
      dimensions.push_back(level);
    }
    for (auto const& column : columns) {
      std::string const variable = fmt::format("{}_{}", column.name, name);
      out.variable(variable, io::NetcdfType::float64, dimensions);
      out.attribute(variable, "long_name", fmt::format("{} of {}", column.meaning, rows.front().key));
    }
  }
  out.attribute("", "Conventions", "CF-1.11");
  out.attribute("", "title", "Forecast scores, latitude-weighted");
  out.write("method", method_values);
  out.write("lead_time", leads);
  for (auto const& [name, rows] : by_variable) {
    auto const levels = distinct(rows, &Score::level);
    if (rows.front().is_3d)
      out.write("level_" + name, levels);
    for (auto const& column : columns) {
      std::vector<double> values(method_names.size() * leads.size() * levels.size(), std::nan(""));
      for (auto const& s : rows) {
        auto const lead = static_cast<std::size_t>(std::find(leads.begin(), leads.end(), s.lead_hours) - leads.begin());
        auto const level = static_cast<std::size_t>(std::find(levels.begin(), levels.end(), s.level) - levels.begin());
        values[(lead * method_names.size() + static_cast<std::size_t>(s.method)) * levels.size() + level] =
            s.*column.value;
      }
      out.write(fmt::format("{}_{}", column.name, name), values);
    }
  }
  out.close();
}

std::string VerifyResult::table() const
{
  std::string text = fmt::format("{:<24}{:>10}{:>10}", "RMSE", "lead [h]", "forecasts");
  for (auto const* name : method_names)
    text += fmt::format("{:>16}", name);
  text += '\n';
  for (std::size_t i = 0; i < scores.size(); i += method_names.size()) {
    auto const& first = scores[i];
    std::string const name = first.is_3d ? fmt::format("{} {:g}", first.variable, first.level) : first.variable;
    text += fmt::format("{:<24}{:>10g}{:>10}", name, first.lead_hours, first.forecasts);
    double best = first.rmse;
    for (std::size_t m = 0; m < method_names.size(); ++m)
      best = std::min(best, scores[i + m].rmse);
    for (std::size_t m = 0; m < method_names.size(); ++m)
      text += cell_of(scores[i + m].rmse, 15) + (scores[i + m].rmse == best ? "*" : " ");
    text += '\n';
  }
  return text + "* best\n";
}

} // namespace rossby
