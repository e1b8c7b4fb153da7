#pragma once
/// \file
/// Files that are whole or not there: written under another name, synced, then renamed.

#include <cstddef>
#include <string>

namespace rossby::io {

/// Where the new content of `file` is written first.
std::string unfinished_name(std::string const& file);
/// Makes the unfinished file, empty. Never one that is there: what an earlier run has left is removed, and a link of
/// this name is not followed. Two programs must not write one file: see OutputLock.
void begin_file(std::string const& file);
/// The same. Fails when the disk (or a quota) has no room for `bytes` more under the unfinished name of `file`, which
/// it leaves empty. HDF5 can't be stopped cleanly once a write of its has failed, so room is made sure of first.
void expect_room(std::string const& file, std::size_t bytes);
/// Brings the unfinished file to disk and gives it its name. \throws Error; the old file is then untouched.
void finish_file(std::string const& file);
/// Removes the unfinished file, if there is one.
void discard_unfinished(std::string const& file) noexcept;
/// Writes a text file that way.
void replace_text(std::string const& file, std::string const& text);
/// `name` becomes another name (or a copy, where the file system has no links) of `file`, replacing what it was.
void keep_as(std::string const& file, std::string const& name);

} // namespace rossby::io
