#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace itemgate {

void CheckFailed(const char* condition, std::source_location where) {
  std::fprintf(stderr, "itemgate: internal error: %s does not hold (%s:%u)\n", condition,
               where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

}  // namespace itemgate
