#pragma once

#include <memory>
#include <optional>
#include <string>

#include "transfer/descriptor_sink.h"

namespace itemgate {

/// A file to write that appears under its name only when it is complete: written beside it, then renamed. What is not
/// an ordinary file (a pipe, a device) is written as it is. One thread at a time.
class OutputFile {
 public:
  /// Fails with kIo or kNotFound, and leaves alone what is there.
  [[nodiscard]] static Result<std::unique_ptr<OutputFile>> Create(const std::string& path);

  /// Drops what was written, if it was not committed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] ByteSink& sink() { return sink_; }

  /// Writes out all that the sink was given, to the disk, and gives the file its name.
  [[nodiscard]] Result<void> Commit();

 private:
  OutputFile(int descriptor, std::string path, std::string draft);

  const int descriptor_;
  const std::string path_;
  const std::string draft_;  // empty if the file is written in its place
  bool committed_ = false;
  DescriptorSink sink_;
};

}  // namespace itemgate
