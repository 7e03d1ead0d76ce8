#pragma once

#include <cstdio>
#include <cstdlib>

namespace itemgate {

/// Ends the process, as a fuzzer notices it, if the property does not hold of the input under test.
inline void Require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", property);
  std::abort();
}

}  // namespace itemgate
