#include "testing/insertions.h"

#include <future>
#include <vector>

#include <gtest/gtest.h>

namespace itemgate {

Insertion InsertionOf(std::string_view content, Scope scope) {
  return {.key = MakeContentKey(scope, content).value(),
          .content = content,
          .media_type = "text/plain"};
}

Result<void> InsertAll(ItemStore& store, std::span<Insertion> insertions) {
  std::vector<Insertion*> batch;
  for (Insertion& insertion : insertions) batch.push_back(&insertion);
  std::promise<Result<void>> done;
  store.Insert(batch, [&](Result<void> result) { done.set_value(std::move(result)); });
  return done.get_future().get();
}

Insertion InsertOne(ItemStore& store, std::string_view content, Scope scope) {
  Insertion insertion = InsertionOf(content, scope);
  const Result<void> done = InsertAll(store, {&insertion, 1});
  EXPECT_TRUE(done) << done.error().message;
  return insertion;
}

}  // namespace itemgate
