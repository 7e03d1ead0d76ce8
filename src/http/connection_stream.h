#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "http/application.h"
#include "http/server_connection.h"

namespace itemgate::http {

/// The connection's side of the one streamed exchange that it has at a time. Pieces that are written between two sends
/// leave as one chunk.
class ConnectionStream final : public Stream {
 public:
  /// `connection` must outlive it.
  explicit ConnectionStream(ServerConnection& connection) : connection_(connection) {}

  // From Stream, for the application.
  [[nodiscard]] Executor& loop() override { return connection_.context_.loop; }
  [[nodiscard]] std::string_view peer() const override { return connection_.peer_; }
  void Begin(Response head) override;
  void Write(std::string_view piece) override;
  void End() override;
  void Abort() override;
  [[nodiscard]] std::size_t unsent_bytes() const override { return connection_.UnsentBytes(); }
  void PauseBody() override { is_paused_ = true; }
  void ResumeBody() override;

  // For the connection.
  void SetHandler(std::shared_ptr<StreamHandler> handler) { handler_ = std::move(handler); }
  [[nodiscard]] const std::shared_ptr<StreamHandler>& handler() const { return handler_; }
  /// Completes the chunk that is being written.
  void CloseChunk();
  /// All output is with the kernel.
  void Drained();

  [[nodiscard]] bool has_begun() const { return state_ != State::kWaiting; }
  [[nodiscard]] bool is_finished() const {
    return state_ == State::kEnded || state_ == State::kAborted;
  }
  [[nodiscard]] bool is_aborted() const { return state_ == State::kAborted; }
  [[nodiscard]] bool is_chunked() const { return !connection_.message_.is_http_1_0; }
  [[nodiscard]] bool is_paused() const { return is_paused_; }

 private:
  enum class State { kWaiting, kBegun, kEnded, kAborted };

  ServerConnection& connection_;
  std::shared_ptr<StreamHandler> handler_;  // co-owned by what the application started for it
  State state_ = State::kWaiting;
  std::size_t chunk_begin_ = 0;  // where in the output the open chunk's size stands
  bool has_open_chunk_ = false;
  bool is_paused_ = false;
  bool has_written_ = false;  // since the output was last drained
};

}  // namespace itemgate::http
