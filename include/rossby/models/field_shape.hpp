#pragma once
/// \file
/// What a model takes and gives, in terms of data.

namespace rossby {

/// The grid and the channels of a model's input and output. Every architecture has them, under CREDIT's keys
/// `image_height`, `image_width`, `frames`, `channels` and so on.
struct FieldShape {
  int height = 640, width = 1280;
  int frames = 2, output_frames = 1;
  int channels = 4, levels = 15; ///< prognostic variables on levels, and their levels
  int surface_channels = 7;      ///< prognostic variables of one level
  int input_only_channels = 3, output_only_channels = 0;

  /// Channels of one frame.
  int in() const { return channels * levels + surface_channels + input_only_channels; }
  int out() const { return channels * levels + surface_channels + output_only_channels; }
  /// Of all frames together.
  int input_channels() const { return in() * frames; }
  int output_channels() const { return out() * output_frames; }
};

} // namespace rossby
