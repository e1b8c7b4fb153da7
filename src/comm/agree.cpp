#include <rossby/comm/agree.hpp>

#include "core/hash.hpp"

#include <fmt/format.h>

#include <new>

namespace rossby {

Error current_error()
{
  try {
    throw;
  } catch (Error const& e) {
    return e;
  } catch (std::bad_alloc const&) {
    return Error("memory", "out of memory on the host", "use more nodes, or fewer ranks on each");
  } catch (std::exception const& e) {
    return Error("", e.what());
  } catch (...) {
    return Error("", "an exception of unknown type");
  }
}

void agree(Communicator const& ranks, std::optional<Error> const& mine)
{
  double failed = mine ? 1 : 0;
  ranks.all_reduce_max(&failed, 1);
  if (failed == 0)
    return;
  std::string const separator(1, '\0');
  std::string const text = mine ? mine->where() + separator + mine->problem() + separator + mine->fix() : "";
  for (auto const& theirs : ranks.all_gather(text))
    if (!theirs.empty()) {
      auto const first = theirs.find('\0'), second = theirs.find('\0', first + 1);
      fail(theirs.substr(0, first), theirs.substr(first + 1, second - first - 1), theirs.substr(second + 1));
    }
}

void expect_same(Communicator const& ranks, std::string const& where, std::string const& what, std::string const& mine,
                 std::string const& fix, Quote quote)
{
  bool const quoted = quote == Quote::both;
  auto const all = ranks.all_gather(quoted ? mine : fmt::format("{:016x}", hash_of(mine)));
  constexpr std::size_t named = 8;
  std::string others, theirs; // of the first that differs
  std::size_t count = 0;
  for (std::size_t r = 1; r < all.size(); ++r)
    if (all[r] != all[0] && ++count <= named) {
      theirs = theirs.empty() ? all[r] : theirs;
      others += fmt::format("{}{}", others.empty() ? "" : ", ", r);
    }
  if (count == 0)
    return;
  if (count > named)
    others += fmt::format(" and {} more", count - named);
  fail(where,
       fmt::format("rank{} {} of {} {} another {} than rank 0{}", count == 1 ? "" : "s", others, all.size(),
                   count == 1 ? "has" : "have", what, quoted ? fmt::format(": {}, not {}", theirs, all[0]) : ""),
       fix);
}

} // namespace rossby
