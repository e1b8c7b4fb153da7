#pragma once
/// \file
/// The first-generation decks of tests/reference/decks, whose paths start in their own folder.

#include <filesystem>
#include <string>

namespace rossby::test {

/// While it lives the process is in the folder of the fixtures.
class InDeckFixtures {
public:
  InDeckFixtures() : before_(std::filesystem::current_path()) { std::filesystem::current_path(ROSSBY_DECK_FIXTURES); }
  ~InDeckFixtures() { std::filesystem::current_path(before_); }
  InDeckFixtures(InDeckFixtures const&) = delete;
  InDeckFixtures& operator=(InDeckFixtures const&) = delete;

private:
  std::filesystem::path before_;
};

} // namespace rossby::test
