#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "itemgate/error.h"

// What the programs of this folder share. They are started as tests/serving.py starts `itemgate serve`, and run until
// they are ended.
namespace itemgate {

using Flags = std::map<std::string, std::string, std::less<>>;

/// Of "program serve --flag value …".
inline Flags FlagsOf(std::span<char* const> arguments) {
  Flags flags;
  for (std::size_t i = 2; i + 1 < arguments.size(); i += 2) flags[arguments[i]] = arguments[i + 1];
  return flags;
}

template <typename T>
T Must(Result<T> made) {
  if (made) return *std::move(made);
  std::fprintf(stderr, "%s\n", made.error().message.c_str());
  std::exit(1);
}

/// Appears at once and whole.
inline void WriteAddresses(const std::string& path, const std::string& address,
                           const std::string& management) {
  const std::string draft = path + ".new";
  std::FILE* const file = std::fopen(draft.c_str(), "w");
  if (file == nullptr) std::exit(1);
  std::fprintf(file, R"({"listen":["%s"],"management":["%s"],"pid":%d})", address.c_str(),
               management.c_str(), getpid());
  std::fclose(file);
  std::rename(draft.c_str(), path.c_str());
}

}  // namespace itemgate
