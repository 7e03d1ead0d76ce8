#include "net/descriptor.h"

#include <unistd.h>

namespace itemgate {

void Descriptor::Close() {
  if (is_open()) close(Release());
}

}  // namespace itemgate
