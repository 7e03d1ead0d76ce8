#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

#include "obs/log.h"

namespace itemgate {
namespace {

constexpr std::size_t kQueuedLinesMax = 8192;

class StandardErrorSink final : public LogSink {
 public:
  StandardErrorSink()
      // Shared with the logger, which spdlog's queue refers to.
      : pool_(std::make_shared<spdlog::details::thread_pool>(kQueuedLinesMax, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "itemgate", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool_,
            spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern("%v", spdlog::pattern_time_type::utc);
    logger_->set_error_handler([](const std::string&) {});  // nowhere is left to tell it
  }

  void WriteLine(std::string_view line) override { logger_->info(line); }

  std::uint64_t dropped() const override { return pool_->overrun_counter(); }

 private:
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

std::unique_ptr<LogSink> NewStandardErrorSink() { return std::make_unique<StandardErrorSink>(); }

}  // namespace itemgate
