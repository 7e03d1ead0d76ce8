// Runs a fuzz target without libFuzzer, under any compiler: over each file of a corpus, then over mutations of them,
// the same ones each time.
//
// usage: <target> <corpus folder> <mutations>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace itemgate {
namespace {

std::string input_name;

extern "C" void SayWhichInputFailed(int) {
  std::fprintf(stderr, "failed on %s\n", input_name.c_str());
  std::_Exit(EXIT_FAILURE);
}

void Run(std::string name, std::string_view input) {
  input_name = std::move(name);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::vector<std::string> ReadCorpus(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry);
  std::ranges::sort(paths);
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    Run(path.filename(), inputs.back());
  }
  return inputs;
}

// A piece of any of the inputs, short ones more often.
std::string_view AnyPiece(const std::vector<std::string>& inputs, Random& random) {
  const std::string_view input = inputs[random.Below(inputs.size())];
  const std::size_t length = random.Below(1 + random.Below(16));
  return input.substr(random.Below(input.size() + 1), length);
}

std::string Mutated(const std::vector<std::string>& inputs, Random& random) {
  static constexpr std::string_view kTokens =
      "{}[]:,\"\\-+.0123456789eEu/ \n\0\x7F\x80\xBF\xED\xF0\xFF";
  std::string input = inputs[random.Below(inputs.size())];
  for (std::uint64_t left = 1 + random.Below(4); left > 0; --left) {
    const std::size_t at = random.Below(input.size() + 1);
    switch (random.Below(4)) {
      case 0:
        input.insert(at, 1, kTokens[random.Below(kTokens.size())]);
        break;
      case 1:
        input.insert(at, AnyPiece(inputs, random));
        break;
      case 2:
        input.erase(at, 1 + random.Below(8));
        break;
      default:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << random.Below(8)));
    }
  }
  return input;
}

int Main(const char* folder, std::uint64_t mutations) {
  std::signal(SIGABRT, SayWhichInputFailed);
  const std::vector<std::string> inputs = ReadCorpus(folder);
  if (inputs.empty()) {
    std::fprintf(stderr, "no file in %s\n", folder);
    return EXIT_FAILURE;
  }
  for (std::uint64_t seed = 1; seed <= mutations; ++seed) {
    Random random(seed);
    Run("the mutation of seed " + std::to_string(seed), Mutated(inputs, random));
  }
  std::printf("%zu files and %s mutations: all properties hold\n", inputs.size(),
              std::to_string(mutations).c_str());
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace itemgate

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s <corpus folder> <mutations>\n", argv[0]);
    return 2;
  }
  return itemgate::Main(argv[1], std::strtoull(argv[2], nullptr, 10));
}
