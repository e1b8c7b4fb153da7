// A pickle is a list of one-byte instructions for a stack machine with a memo: constants are pushed, a MARK and
// everything above it become a list, a tuple or the entries of a dict, GLOBAL pushes a name and REDUCE "calls" it. This
// machine runs the instructions that occur in files of torch.save (protocols 2 to 5) and refuses all others by name.
// Opcodes as in Python's pickletools.
#include "unpickler.hpp"

#include "torch_globals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace rossby::io {

namespace {
using Kind = PickleNode::Kind;

/// A checkpoint of a model with ten thousand parameters makes less than a million.
constexpr std::size_t most_nodes = std::size_t{1} << 22;
constexpr int deepest = 64;
constexpr std::size_t longest_name = 1000;

enum Opcode : unsigned char {
  op_proto = 0x80,
  op_tuple1 = 0x85,
  op_tuple2 = 0x86,
  op_tuple3 = 0x87,
  op_true = 0x88,
  op_false = 0x89,
  op_long1 = 0x8a,
  op_long4 = 0x8b,
  op_short_unicode = 0x8c,
  op_unicode8 = 0x8d,
  op_bytes8 = 0x8e,
  op_empty_set = 0x8f,
  op_additems = 0x90,
  op_stack_global = 0x93,
  op_memoize = 0x94,
  op_frame = 0x95
};

std::string name_of_opcode(unsigned char op)
{
  switch (op) {
  case 'i':
    return "INST";
  case 'o':
    return "OBJ";
  case 0x81:
    return "NEWOBJ";
  case 0x92:
    return "NEWOBJ_EX";
  case 0x82:
  case 0x83:
  case 0x84:
    return "EXT";
  case 'P':
    return "PERSID";
  default:
    return fmt::format("0x{:02x}", op);
  }
}

class Machine {
public:
  Machine(ByteStream& in, PickleTree& tree) : in_(in), nodes_(in.file(), tree) {}

  int run()
  {
    while (true) {
      auto const op = in_.byte();
      if (op == '.')
        return pop();
      if (!constant(op) && !container(op) && !memo(op) && !object(op))
        in_.file().refuse(
            fmt::format("holds the pickle instruction {}, which no file of weights needs; nothing was run",
                        name_of_opcode(op)),
            "save a state_dict with torch.save");
    }
  }

private:
  [[noreturn]] void broken(char const* why) const
  {
    in_.file().damaged(fmt::format("its list of contents (a pickle) {}", why));
  }
  void push(int node) { stack_.push_back(node); }
  int pop()
  {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
      broken("takes more values than it has made");
    int const node = stack_.back();
    stack_.pop_back();
    return node;
  }
  int top()
  {
    int const node = pop();
    push(node);
    return node;
  }
  /// What has been pushed since the last MARK, which goes with it.
  std::vector<int> pop_to_mark()
  {
    if (marks_.empty())
      broken("ends a list that it has not begun");
    std::vector<int> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  void push_tuple(int count)
  {
    std::vector<int> items(static_cast<std::size_t>(count));
    for (int i = count; i-- > 0;)
      items[static_cast<std::size_t>(i)] = pop();
    push(nodes_.list(Kind::tuple, std::move(items)));
  }
  /// The number in `bytes`, two's complement, lowest byte first.
  void push_long(std::string const& bytes)
  {
    if (bytes.size() > 8) {
      push(nodes_.text(Kind::other, fmt::format("an integer of {} bytes", bytes.size())));
      return;
    }
    bool const negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80u);
    unsigned char all[8];
    std::memset(all, negative ? 0xff : 0, sizeof all);
    std::memcpy(all, bytes.data(), bytes.size());
    push(nodes_.integer(static_cast<std::int64_t>(little<std::uint64_t>(all))));
  }
  void push_decimal(std::string text)
  {
    if (text == "00" || text == "01") {
      push(nodes_.make({Kind::boolean, text == "01" ? 1 : 0, 0, {}, {}}));
      return;
    }
    if (!text.empty() && text.back() == 'L')
      text.pop_back();
    std::int64_t value = 0;
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc::result_out_of_range)
      push(nodes_.text(Kind::other, text));
    else if (code != std::errc() || end != text.data() + text.size())
      broken("has an integer that is none");
    else
      push(nodes_.integer(value));
  }
  void push_real()
  {
    std::uint64_t bits = 0; // highest byte first, the only number that is
    for (int i = 0; i < 8; ++i)
      bits = bits << 8 | in_.byte();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    push(nodes_.real(value));
  }

  bool constant(unsigned char op)
  {
    switch (op) {
    case op_proto:
      if (auto const protocol = in_.byte(); protocol > 5)
        in_.file().refuse(fmt::format("uses pickle protocol {}, this program knows 2 to 5", protocol));
      return true;
    case op_frame:
      in_.number<std::uint64_t>();
      return true;
    case 'N':
      push(nodes_.make({}));
      return true;
    case op_true:
    case op_false:
      push(nodes_.make({Kind::boolean, op == op_true ? 1 : 0, 0, {}, {}}));
      return true;
    case 'K':
      push(nodes_.integer(in_.byte()));
      return true;
    case 'M':
      push(nodes_.integer(in_.number<std::uint16_t>()));
      return true;
    case 'J':
      push(nodes_.integer(static_cast<std::int32_t>(in_.number<std::uint32_t>())));
      return true;
    case 'I':
    case 'L':
      push_decimal(in_.line(longest_name));
      return true;
    case op_long1:
      push_long(in_.bytes(in_.byte()));
      return true;
    case op_long4:
      push_long(in_.bytes(in_.number<std::uint32_t>()));
      return true;
    case 'G':
      push_real();
      return true;
    case op_short_unicode:
    case 'U': // SHORT_BINSTRING
      push(nodes_.text(Kind::text, in_.bytes(in_.byte())));
      return true;
    case 'X':
    case 'T': // BINSTRING
      push(nodes_.text(Kind::text, in_.bytes(in_.number<std::uint32_t>())));
      return true;
    case op_unicode8:
      push(nodes_.text(Kind::text, in_.bytes(in_.number<std::uint64_t>())));
      return true;
    case 'C':
      push(nodes_.text(Kind::bytes, in_.bytes(in_.byte())));
      return true;
    case 'B':
      push(nodes_.text(Kind::bytes, in_.bytes(in_.number<std::uint32_t>())));
      return true;
    case op_bytes8:
      push(nodes_.text(Kind::bytes, in_.bytes(in_.number<std::uint64_t>())));
      return true;
    default:
      return false;
    }
  }

  void append(std::vector<int> const& items)
  {
    auto& list = nodes_[top()];
    if (list.kind != Kind::list)
      broken("appends to what is not a list");
    list.items.insert(list.items.end(), items.begin(), items.end());
  }
  void set_items(std::vector<int> const& items)
  {
    auto& dict = nodes_[top()];
    if (dict.kind != Kind::dict || items.size() % 2 != 0)
      broken("sets the entries of what is not a dict");
    dict.items.insert(dict.items.end(), items.begin(), items.end());
  }

  bool container(unsigned char op)
  {
    switch (op) {
    case '(':
      marks_.push_back(stack_.size());
      return true;
    case '0': // POP takes a MARK when that is on top
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case '1':
      pop_to_mark();
      return true;
    case '2':
      push(top());
      return true;
    case ']':
    case op_empty_set:
      push(nodes_.list(Kind::list, {}));
      return true;
    case '}':
      push(nodes_.list(Kind::dict, {}));
      return true;
    case ')':
      push(nodes_.list(Kind::tuple, {}));
      return true;
    case 'l':
      push(nodes_.list(Kind::list, pop_to_mark()));
      return true;
    case 't':
      push(nodes_.list(Kind::tuple, pop_to_mark()));
      return true;
    case op_tuple1:
    case op_tuple2:
    case op_tuple3:
      push_tuple(op - op_tuple1 + 1);
      return true;
    case 'd': {
      auto items = pop_to_mark();
      if (items.size() % 2 != 0)
        broken("has a dict with a key and no value");
      push(nodes_.list(Kind::dict, std::move(items)));
      return true;
    }
    case 'a':
      append({pop()});
      return true;
    case 'e':
    case op_additems:
      append(pop_to_mark());
      return true;
    case 's': {
      int const value = pop(), key = pop();
      set_items({key, value});
      return true;
    }
    case 'u':
      set_items(pop_to_mark());
      return true;
    default:
      return false;
    }
  }

  void put(std::uint32_t place)
  {
    if (memo_.size() >= most_nodes)
      broken("remembers too many values");
    memo_[place] = top();
  }
  void get(std::uint32_t place)
  {
    auto const found = memo_.find(place);
    if (found == memo_.end())
      broken("recalls a value that it has not kept");
    push(found->second);
  }
  bool memo(unsigned char op)
  {
    switch (op) {
    case 'q':
      put(in_.byte());
      return true;
    case 'r':
      put(in_.number<std::uint32_t>());
      return true;
    case op_memoize:
      put(static_cast<std::uint32_t>(memo_.size()));
      return true;
    case 'h':
      get(in_.byte());
      return true;
    case 'j':
      get(in_.number<std::uint32_t>());
      return true;
    default:
      return false;
    }
  }

  bool object(unsigned char op)
  {
    switch (op) {
    case 'c': {
      auto const module = in_.line(longest_name), name = in_.line(longest_name);
      push(find_global(nodes_, module, name));
      return true;
    }
    case op_stack_global: {
      int const name = pop(), module = pop();
      if (nodes_[name].kind != Kind::text || nodes_[module].kind != Kind::text)
        broken("names a global by what is not text");
      push(find_global(nodes_, nodes_[module].text, nodes_[name].text));
      return true;
    }
    case 'R': {
      int const arguments = pop(), global = pop();
      push(call_global(nodes_, global, arguments));
      return true;
    }
    case 'b': {
      int const state = pop();
      set_state(nodes_, top(), state);
      return true;
    }
    case 'Q':
      push(find_storage(nodes_, pop()));
      return true;
    default:
      return false;
    }
  }

  ByteStream& in_;
  NodeMaker nodes_;
  std::vector<int> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint32_t, int> memo_;
};

/// Refuses values within themselves and deep nesting: what uses the values may then follow them without a thought.
void check_nesting(InputFile const& file, PickleTree const& tree, int root)
{
  enum : char { unseen, open, done };
  std::vector<char> state(tree.nodes.size(), unseen);
  std::vector<std::pair<int, std::size_t>> path{{root, 0}}; // a node, and how many of its items have been visited
  state[static_cast<std::size_t>(root)] = open;
  std::vector<int> height(tree.nodes.size(), 0);
  while (!path.empty()) {
    auto& [node, visited] = path.back();
    auto const& items = tree.nodes[static_cast<std::size_t>(node)].items;
    if (visited == items.size()) {
      int const mine = height[static_cast<std::size_t>(node)];
      state[static_cast<std::size_t>(node)] = done;
      path.pop_back();
      if (!path.empty()) {
        auto& above = height[static_cast<std::size_t>(path.back().first)];
        above = std::max(above, mine + 1);
      }
    } else {
      int const item = items[visited++];
      if (state[static_cast<std::size_t>(item)] == open)
        file.refuse("holds a value that contains itself");
      if (state[static_cast<std::size_t>(item)] == unseen) {
        state[static_cast<std::size_t>(item)] = open;
        path.emplace_back(item, 0);
      } else {
        auto& above = height[static_cast<std::size_t>(node)];
        above = std::max(above, height[static_cast<std::size_t>(item)] + 1);
      }
    }
    if (path.size() > deepest || (!path.empty() && height[static_cast<std::size_t>(path.back().first)] > deepest))
      file.refuse(fmt::format("holds lists within lists, more than {} deep", deepest));
  }
}
} // namespace

int NodeMaker::make(PickleNode node) const
{
  if (tree_->nodes.size() >= most_nodes)
    file_->refuse(fmt::format("holds more than {} values", most_nodes));
  tree_->nodes.push_back(std::move(node));
  return static_cast<int>(tree_->nodes.size()) - 1;
}
int NodeMaker::integer(std::int64_t value) const { return make({Kind::integer, value, 0, {}, {}}); }
int NodeMaker::real(double value) const { return make({Kind::real, 0, value, {}, {}}); }
int NodeMaker::text(Kind kind, std::string value) const { return make({kind, 0, 0, std::move(value), {}}); }
int NodeMaker::list(Kind kind, std::vector<int> items) const { return make({kind, 0, 0, {}, std::move(items)}); }

int unpickle(ByteStream& in, PickleTree& tree)
{
  int const root = Machine(in, tree).run();
  check_nesting(in.file(), tree, root);
  return root;
}

} // namespace rossby::io
