#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <utility>

namespace itemgate::cli {

Output::Output(int descriptor, std::string name)
    : sink_(descriptor, std::move(name)),
      descriptor_(descriptor),
      is_terminal_(::isatty(descriptor) == 1) {}

void Output::Print(std::string_view text) {
  if (failed()) return;
  if (const auto written = sink_.Write(text); !written) failure_ = written.error();
}

void Output::PrintLine(std::string_view text) {
  Print(text);
  Print("\n");
}

void Output::Flush() {
  if (failed()) return;
  if (const auto flushed = sink_.Flush(); !flushed) failure_ = flushed.error();
}

int Output::columns() const {
  winsize size{};
  if (::ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace itemgate::cli
