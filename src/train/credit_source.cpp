#include "credit_source.hpp"

#include "parameter_names.hpp"

#include <rossby/core/error.hpp>
#include <rossby/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace rossby {

namespace fs = std::filesystem;
using io::PickledValue;
using io::TensorFile;
using Kind = PickledValue::Kind;

namespace {
/// `path` with `from` in its file name replaced by `to`; empty where the name lacks it.
std::string beside(std::string const& path, std::string const& from, std::string const& to)
{
  fs::path const p(path);
  std::string name = p.filename().string();
  auto const found = name.rfind(from);
  if (found == std::string::npos)
    return {};
  return (p.parent_path() / name.replace(found, from.size(), to)).string();
}

/// "checkpoint_ema.pt" for "checkpoint.pt". (CREDIT's copies of single epochs are called "checkpoint.pt00005.pt", and
/// have none.)
std::string averages_beside(std::string const& path)
{
  fs::path const p(path);
  return (p.parent_path() / (p.stem().string() + "_ema" + p.extension().string())).string();
}

bool is_there(std::string const& path) { return !path.empty() && fs::is_regular_file(path); }

std::string keys_of(PickledValue const& dict)
{
  std::string keys;
  int shown = 0;
  for (auto const& [key, value] : dict.entries())
    if (key.text() && ++shown <= 8)
      keys += (keys.empty() ? "" : ", ") + *key.text();
  return keys.empty() ? "nothing by name" : keys + (shown > 8 ? ", ..." : "");
}

bool is_averages(PickledValue const& model_state)
{
  auto const shadow = model_state.find("shadow");
  return shadow && shadow->is(Kind::dict);
}

bool is_state_dict(PickledValue const& dict)
{
  auto const entries = dict.entries();
  return !entries.empty() &&
         std::all_of(entries.begin(), entries.end(), [](auto const& e) { return e.first.text() && e.second.tensor(); });
}

std::optional<std::int64_t> epoch_of(PickledValue const& root)
{
  auto const epoch = root.find("epoch");
  return epoch ? epoch->integer() : std::nullopt;
}
} // namespace

CreditSource::CreditSource(std::string path, Extent extent) : path_(std::move(path))
{
  auto const& file = open(path_);
  auto const root = file.root();
  auto const model = root.find("model_state_dict");
  epoch_ = epoch_of(root);
  if (model && is_averages(*model)) {
    if (extent == Extent::run)
      fail(path_, "holds averaged weights only",
           "name the checkpoint beside it, which takes them along, or ask for weights alone");
    add_averages(file, *model);
    add_weights_of_averages();
  } else if (model && model->is(Kind::dict)) {
    add_model(file, *model);
  } else if (is_state_dict(root)) {
    add_model(file, root);
  } else {
    auto const weights = beside(path_, "checkpoint", "model_checkpoint");
    fail(path_, fmt::format("holds no weights, but {}", keys_of(root)),
         is_there(weights) ? "the weights of this run are in " + weights
                           : "give a file with model_state_dict, or a state_dict alone");
  }
  if (extent != Extent::weights)
    add_averages_beside();
  if (extent == Extent::run)
    add_optimizer();
}

TensorFile const& CreditSource::open(std::string const& path)
{
  for (auto const& file : files_)
    if (file->path() == path)
      return *file;
  files_.push_back(std::make_unique<TensorFile>(path));
  return *files_.back();
}

void CreditSource::add(std::string const& name, TensorFile const& file, io::StoredTensor const& tensor)
{
  if (!arrays_.emplace(name, Place{&file, tensor}).second)
    fail(file.path(), fmt::format("holds {} twice, under names that mean the same", name));
}

void CreditSource::add_model(TensorFile const& file, PickledValue const& state_dict)
{
  int left_out = 0;
  for (auto const& [key, value] : state_dict.entries()) {
    if (!key.text() || !value.tensor())
      fail(file.path(),
           fmt::format("its state_dict holds '{}', which is not a tensor", key.text() ? *key.text() : "?"));
    std::string const name = without_wrappers(*key.text());
    if (!is_floating(value.tensor()->type))
      continue; // counters and index tables: PyTorch's buffers, which the model makes itself
    if (name.rfind("postblock.", 0) == 0) {
      if (name.find("skebs") != std::string::npos)
        fail(file.path(),
             fmt::format("has trained weights of a stochastic scheme ({}), which this program lacks", name));
      ++left_out;
      continue;
    }
    add("/model/" + name, file, *value.tensor());
    if (!is_spectral_vector(name))
      parameter_order_.push_back(name);
  }
  if (left_out > 0)
    logging::warning(fmt::format("{}: {} tensors of postblock (post_conf) are left out", file.path(), left_out));
}

void CreditSource::add_averages(TensorFile const& file, PickledValue const& model_state)
{
  for (auto const& [key, value] : model_state.find("shadow")->entries()) {
    if (!key.text() || !value.tensor())
      fail(file.path(), "its averaged weights hold something that is not a tensor");
    // Files of some months hold averages of the spectral-norm vectors, too; but the mean of unit vectors is not one.
    if (std::string const name = without_wrappers(*key.text()); !is_spectral_vector(name))
      add("/ema/" + name, file, *value.tensor());
  }
  auto const decay = model_state.find("decay"), step = model_state.find("step");
  ema_decay_ = decay ? decay->number().value_or(0) : 0;
  ema_steps_ = step ? step->integer().value_or(0) : 0;
}

void CreditSource::add_averages_beside()
{
  auto const path = averages_beside(path_);
  if (!is_there(path))
    return;
  auto const& file = open(path);
  auto const model = file.root().find("model_state_dict");
  if (!model || !is_averages(*model))
    return;
  if (epoch_of(file.root()) != epoch_)
    fail(path, fmt::format("is of another epoch than {} beside it", path_), "use files of one epoch, or remove one");
  add_averages(file, *model);
}

/// Averages are of parameters; spectral norm's vectors stay with the weights, and a model needs both.
void CreditSource::add_weights_of_averages()
{
  auto const averaged = list("/ema");
  auto const plain = beside(path_, "_ema", "");
  if (is_there(plain)) {
    auto const& file = open(plain);
    if (epoch_of(file.root()) != epoch_)
      fail(path_, fmt::format("is of another epoch than {} beside it", plain), "use files of one epoch");
    if (auto const weights = file.root().find("model_state_dict"))
      add_model(file, *weights);
  } else if (std::any_of(averaged.begin(), averaged.end(), has_spectral_vectors)) {
    fail(path_, "holds averaged weights only, and the model needs its spectral-norm vectors, too",
         "put the checkpoint of the same epoch beside it");
  }
  for (auto const& name : averaged)
    arrays_["/model/" + name] = arrays_.at("/ema/" + name);
}

void CreditSource::add_optimizer()
{
  auto const root = files_.front()->root();
  if (auto const state = root.find("optimizer_state_dict"); state && state->find("param_groups")) {
    add_moments(*files_.front(), *state);
    return;
  }
  if (auto const path = beside(path_, "model_checkpoint", "optimizer_checkpoint"); is_there(path))
    add_moments(open(path), open(path).root());
  if (auto const rest = beside(path_, "model_checkpoint", "checkpoint"); is_there(rest))
    epoch_ = epoch_of(open(rest).root());
}

void CreditSource::add_moments(TensorFile const& file, PickledValue const& state)
{
  auto const refuse = [&](std::string const& what) {
    fail(file.path(), "its optimizer state " + what, "start from the weights alone, with --weights");
  };
  auto const groups = state.find("param_groups"), entries = state.find("state");
  if (!groups || groups->items().empty() || !entries)
    refuse("is not one of AdamW's");
  // Numbers count the parameters of PyTorch's model, that is, the state dict without its buffers.
  std::size_t numbered = 0;
  for (auto const& group : groups->items())
    if (auto const ids = group.find("params"))
      for (auto const& id : ids->items())
        numbered += id.integer().has_value();
  if (numbered > 0 && numbered != parameter_order_.size())
    refuse(fmt::format("numbers {} parameters, but the model has {}", numbered, parameter_order_.size()));

  auto const group = groups->items().front();
  auto const setting = [&](char const* key) {
    auto const value = group.find(key);
    return value ? value->number().value_or(0) : 0;
  };
  if (auto const decoupled = group.find("decoupled_weight_decay"); decoupled && decoupled->integer() == 0)
    refuse("is Adam's, whose weight decay is another than AdamW's");
  CreditOptimizer o;
  o.rate = setting("lr");
  o.initial_rate = group.find("initial_lr") ? setting("initial_lr") : o.rate;
  o.epsilon = setting("eps");
  o.weight_decay = setting("weight_decay");
  if (auto const betas = group.find("betas"); betas && betas->items().size() == 2) {
    o.beta1 = betas->items()[0].number().value_or(0);
    o.beta2 = betas->items()[1].number().value_or(0);
  }
  optimizer_ = o;

  for (auto const& [key, moments] : entries->entries()) {
    std::string name;
    if (auto const number = key.integer()) {
      if (*number < 0 || static_cast<std::size_t>(*number) >= parameter_order_.size())
        refuse(fmt::format("is of parameter {} of {}", *number, parameter_order_.size()));
      name = parameter_order_[static_cast<std::size_t>(*number)];
    } else if (key.text()) {
      name = without_wrappers(*key.text());
    } else {
      refuse("has neither names nor numbers");
    }
    auto const first = moments.find("exp_avg"), second = moments.find("exp_avg_sq"), step = moments.find("step");
    if (!first || !first->tensor() || !second || !second->tensor() || !step || moments.find("max_exp_avg_sq"))
      refuse(fmt::format("of {} is not AdamW's", name));
    std::string const path = "/optimizer/" + name;
    add(path + "/exp_avg", file, *first->tensor());
    add(path + "/exp_avg_sq", file, *second->tensor());
    if (step->tensor())
      add(path + "/step", file, *step->tensor());
    else
      numbers_[path + "/step"] = step->number().value_or(0);
  }
}

/// Runs of the first generation have it in another file than the weights.
std::optional<PickledValue> CreditSource::dict_of_run(char const* key) const
{
  for (auto const& file : files_)
    if (auto const dict = file->root().find(key); dict && dict->is(Kind::dict))
      return dict;
  return {};
}

std::optional<PickledValue> CreditSource::schedule() const { return dict_of_run("scheduler_state_dict"); }
std::optional<PickledValue> CreditSource::loss_scaler() const { return dict_of_run("scaler_state_dict"); }

bool CreditSource::exists(std::string const& name) const
{
  if (arrays_.count(name) + numbers_.count(name) > 0)
    return true;
  auto const next = arrays_.lower_bound(name + "/");
  return next != arrays_.end() && next->first.rfind(name + "/", 0) == 0;
}

std::vector<std::string> CreditSource::list(std::string const& group) const
{
  std::vector<std::string> names;
  for (auto it = arrays_.lower_bound(group + "/"); it != arrays_.end() && it->first.rfind(group + "/", 0) == 0; ++it)
    names.push_back(it->first.substr(group.size() + 1));
  return names;
}

CreditSource::Place const& CreditSource::at(std::string const& array) const
{
  auto const found = arrays_.find(array);
  if (found == arrays_.end())
    fail(where(array), "there is no such tensor");
  return found->second;
}

DType CreditSource::dtype(std::string const& array) const
{
  return at(array).tensor.type == io::ElementType::float64 ? DType::float64 : DType::float32;
}

std::vector<double> CreditSource::read_boxes(std::string const& array, std::vector<io::Hyperslab> const& boxes) const
{
  auto const& place = at(array);
  return place.file->read_boxes(place.tensor, boxes);
}

double CreditSource::number(std::string const& array) const
{
  if (auto const found = numbers_.find(array); found != numbers_.end())
    return found->second;
  auto const& place = at(array);
  if (product(place.tensor.shape) != 1)
    fail(where(array), fmt::format("holds {} values instead of one", product(place.tensor.shape)));
  return place.file->read(place.tensor).at(0);
}

void CreditSource::verify(int part, int parts) const
{
  for (auto const& file : files_)
    file->verify(part, parts);
}

} // namespace rossby
