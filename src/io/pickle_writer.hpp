#pragma once
/// \file
/// Private to src/io: a pickle of protocol 2, PyTorch's default. It keeps no memo: nothing is referred to twice.

#include <rossby/core/array.hpp>
#include <rossby/core/dtype.hpp>

#include <cstdint>
#include <string>

namespace rossby::io {

class PickleWriter {
public:
  void none() { bytes_ += 'N'; }
  void boolean(bool value) { bytes_ += value ? '\x88' : '\x89'; }
  void integer(std::int64_t);
  void real(double);
  void text(std::string const&);
  void begin_dict() { bytes_ += "}("; }
  void begin_ordered_dict();
  void end_dict() { bytes_ += 'u'; }
  void begin_list() { bytes_ += "]("; }
  void end_list() { bytes_ += 'e'; }
  void begin_tuple() { bytes_ += '('; }
  void end_tuple() { bytes_ += 't'; }
  /// A contiguous tensor that has a storage of its own.
  void tensor(std::string const& key, DType, Shape const&);

  std::string finished() const { return bytes_ + '.'; }

private:
  void global(char const* module, char const* name) { bytes_ += std::string("c") + module + '\n' + name + '\n'; }
  void sizes(Shape const&);
  std::string bytes_{"\x80\x02"};
};

} // namespace rossby::io
