#pragma once

#include <cstddef>
#include <string>

#include "itemgate/error.h"

namespace itemgate::postgres {

/// The hosts that the URL of a database names, as libpq takes them: lists separated by commas, each empty if the URL
/// has none. One port may be that of all.
struct Hosts {
  std::string names;      // its parameter "host"
  std::string addresses;  // "hostaddr"
  std::string ports;      // "port"
  std::size_t count = 1;  // also if the URL names none
};

/// They begin with that one, counted from 0 and round again. libpq goes from one that refuses it to the next by itself,
/// but waits for one that says nothing for ever: whoever connects without blocking then begins anew with the next.
/// Fails with kInvalidArgument if the URL is not one that libpq can read.
[[nodiscard]] Result<Hosts> HostsFrom(const std::string& url, std::size_t first);

}  // namespace itemgate::postgres
