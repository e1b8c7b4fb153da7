#include "calendars.hpp"

#include "file_axes.hpp"
#include "file_set.hpp"

#include <rossby/core/error.hpp>

#include <fmt/format.h>

#include <optional>

namespace rossby {

namespace {

std::optional<Calendar> calendar_of(SourceConfig const& source)
{
  if (source.calendar)
    return source.calendar;
  for (auto const& group : source.groups)
    if (group.type != FieldType::fixed)
      try {
        io::ArrayReader const reader(FileSet(group.path, group.deck_key).first());
        FileAxes const axes(reader, source);
        if (!axes.time().empty())
          return parse_calendar(reader.text(axes.time(), "calendar").value_or("standard"), reader.file());
      } catch (Error const&) { // whoever reads the file says what is wrong with it
      }
  return std::nullopt;
}

} // namespace

Calendar find_calendar(std::vector<SourceConfig> const& sources)
{
  std::optional<Calendar> found;
  SourceConfig const* from = nullptr;
  for (auto const& source : sources) {
    if (source.kind != SourceConfig::Kind::local || source.temporal_mode == TemporalMode::cyclic)
      continue;
    auto const own = calendar_of(source);
    if (!own)
      continue;
    if (found && from && !is_gregorian(*found) && !is_gregorian(*own) && *own != *found)
      fail(source.deck_key,
           fmt::format("its data have the calendar {}, those of {} have {}", name_of(*own), from->deck_key,
                       name_of(*found)),
           "bring all sources to one calendar");
    if (!found || (is_gregorian(*found) && !is_gregorian(*own)))
      found = own, from = &source;
  }
  return found.value_or(Calendar::standard);
}

} // namespace rossby
