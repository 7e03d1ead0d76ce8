#include "cli/version.h"

namespace itemgate::cli {

std::string Version() { return ITEMGATE_VERSION; }

}  // namespace itemgate::cli
