#pragma once

#include <source_location>

namespace itemgate {

/// Ends the process with the place and the condition; for errors of the programmer, never for input.
[[noreturn]] void CheckFailed(const char* condition, std::source_location where);

}  // namespace itemgate

/// States one condition that must hold; checked in every build.
#define ITEMGATE_CHECK(condition)                                             \
  do {                                                                        \
    if (!(condition)) [[unlikely]]                                            \
      ::itemgate::CheckFailed(#condition, ::std::source_location::current()); \
  } while (false)
