#include <rossby/comm/agree.hpp>

namespace rossby {

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

} // namespace rossby
