#include "obs/heap.h"

#include <malloc.h>

namespace itemgate {

std::uint64_t HeapBytesInUse() {
#if defined(__GLIBC__)
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

}  // namespace itemgate
