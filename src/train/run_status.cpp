#include "train/run_status.hpp"

#include "array_source.hpp"
#include "seal.hpp"
#include "text_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace rossby {

namespace fs = std::filesystem;

namespace {
std::vector<std::string> cells_of(std::string const& line)
{
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');)
    cells.push_back(cell);
  return cells;
}

double number_in(std::string const& cell) { return std::strtod(cell.c_str(), nullptr); }

std::vector<std::string> lines_of(std::string const& text)
{
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

/// step, epoch, batch, loss, grad_norm, lr
void read_steps(std::string const& file, RunStatus& status)
{
  auto lines = lines_of(text_of_file(file));
  constexpr std::size_t columns = 6;
  while (lines.size() > 1 && cells_of(lines.back()).size() != columns) // is being written
    lines.pop_back();
  if (lines.size() < 2)
    return;
  auto const last = cells_of(lines.back());
  status.progress.step = std::max(status.progress.step, static_cast<std::int64_t>(number_in(last[0])));
  status.last_loss = number_in(last[3]);
  status.learning_rate = number_in(last[5]);
  status.mean_of = static_cast<int>(std::min<std::size_t>(20, lines.size() - 1));
  for (std::size_t i = lines.size() - static_cast<std::size_t>(status.mean_of); i < lines.size(); ++i)
    if (auto const cells = cells_of(lines[i]); cells.size() == columns)
      status.mean_loss += number_in(cells[3]) / status.mean_of;
}

void read_epochs(std::string const& file, RunStatus& status)
{
  auto const lines = lines_of(text_of_file(file));
  if (lines.size() < 2)
    return;
  auto const names = cells_of(lines[0]), values = cells_of(lines.back());
  auto const value = [&](char const* name) {
    auto const at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    return at < values.size() ? values[at] : std::string();
  };
  status.last_epoch =
      fmt::format("epoch {}: train_loss {:.5g}", static_cast<std::int64_t>(number_in(value("epoch"))) + 1,
                  number_in(value("train_loss")));
  if (!value("valid_loss").empty())
    status.last_epoch += fmt::format(", valid_loss {:.5g}", number_in(value("valid_loss")));
}

CheckpointStatus judge(std::string const& file, std::int64_t read_up_to)
{
  CheckpointStatus c;
  c.file = file;
  try {
    c.bytes = static_cast<std::int64_t>(fs::file_size(file));
    Hdf5Source const source(file);
    c.sealed = source.sealed();
    if (!source.file().has_attribute("/", "rossby_checkpoint"))
      fail(file, "is not a checkpoint of Rossby, or was not written to its end");
    source.verify(0, 1);
    auto const number = [&](char const* name) { return static_cast<std::int64_t>(source.number(name)); };
    c.epoch = number("/trainer/epoch");
    c.batch = number("/trainer/batch");
    c.step = number("/trainer/update");
    if (c.bytes <= read_up_to) {
      verify_file(file);
      c.read = true;
    }
  } catch (std::exception const& e) {
    c.damage = e.what();
  }
  return c;
}
} // namespace

std::string RunProgress::text() const
{
  return fmt::format("started {} updated {} batches_done {} step {} epoch {} epochs {} batch {} batches {}\n", started,
                     updated, batches_done, step, epoch, epochs, batch, batches);
}

RunProgress RunProgress::parse(std::string const& text)
{
  RunProgress p;
  std::istringstream in(text);
  std::string name;
  std::int64_t value = 0;
  while (in >> name >> value)
    for (auto const& [known, to] : {std::pair{"started", &p.started},
                                    {"updated", &p.updated},
                                    {"batches_done", &p.batches_done},
                                    {"step", &p.step},
                                    {"epoch", &p.epoch},
                                    {"epochs", &p.epochs},
                                    {"batch", &p.batch},
                                    {"batches", &p.batches}})
      if (name == known)
        *to = value;
  return p;
}

double RunProgress::rate() const
{
  return updated > started && batches_done > 0
             ? static_cast<double>(batches_done) / static_cast<double>(updated - started)
             : 0;
}

double RunProgress::time_left() const
{
  auto const left = static_cast<double>(std::max<std::int64_t>(0, (epochs - epoch) * batches - batch));
  return rate() > 0 ? left / rate() : -1;
}

RunStatus run_status(std::string const& folder, std::int64_t read_up_to)
{
  RunStatus status;
  if (!fs::is_directory(folder))
    fail(folder, "is not a folder", "name the save_loc of a run");
  status.progress = RunProgress::parse(text_of_file(folder + "/.progress"));
  read_steps(folder + "/training_steps.csv", status);
  read_epochs(folder + "/training_log.csv", status);
  for (auto const& item : fs::directory_iterator(folder)) {
    auto const name = item.path().filename().string();
    if (item.path().extension() == ".h5" && name.find("checkpoint") != std::string::npos)
      status.checkpoints.push_back(judge(item.path().string(), read_up_to));
  }
  if (status.checkpoints.empty() && status.mean_of == 0 && !fs::exists(folder + "/model.yml"))
    fail(folder, "holds no run", "name the save_loc of a run");
  std::sort(status.checkpoints.begin(), status.checkpoints.end(), [](auto const& a, auto const& b) {
    return std::make_pair(-a.step, a.file.size()) < std::make_pair(-b.step, b.file.size());
  });
  return status;
}

} // namespace rossby
