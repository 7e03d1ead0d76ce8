#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/json_writer.h"
#include "client/client_parts.h"
#include "client/network.h"

namespace itemgate::client {

/// For tests: an Itemgate server of a few lines and the network to it, without sockets, threads or sleeping.
///
/// Fault model: each attempt takes the next fault of a queue. A connection can be refused, break before or after the
/// request took effect, or in the middle of the answer, or never answer; the server can answer something else; kept
/// connections can be closed. Bytes arrive in pieces of any size. Time passes only by waiting. One thread.
class FakeServer {
 public:
  enum class Fault {
    kNone,
    kRefuseConnection,
    kBreakBefore,  // the request
    kBreakAfter,   // the request took effect
    kCutAnswer,    // in the middle
    kSilence,      // it took effect, and there is no answer
    kInstead,      // `instead` is answered, and it took no effect
  };

  struct Seen {
    std::string method;
    std::string target;
    std::string head;  // whole
    std::string body;
  };

  /// The parts of a client of this server. The server must outlive it.
  [[nodiscard]] ClientParts Parts(std::uint64_t seed = 1) {
    return {.clock = clock, .network = std::make_unique<FakeNetwork>(*this), .seed = seed};
  }

  /// All kept connections are closed, as after a restart.
  void CloseConnections() { ++epoch_; }

  static std::string Answer(int status, std::string_view body, std::string_view fields = "") {
    return "HTTP/1.1 " + std::to_string(status) + " Status\r\n" + std::string(fields) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }

  /// Stands still but for waiting.
  class FakeClock final : public Clock {
   public:
    [[nodiscard]] Instant Now() const override { return now_; }
    [[nodiscard]] WallTime WallNow() const override { return {}; }
    void Set(Instant now) { now_ = now; }

   private:
    Instant now_{};
  };

  FakeClock clock;
  std::deque<Fault> faults;  // of the next attempts; then none
  std::string instead;
  std::function<std::string(const Seen&)> answer_other;  // to what is no save
  std::size_t piece_bytes = 7;                           // of what is received at once
  int in_progress = 0;                                   // so many saves are answered 202 first
  // Of a batch: 202 or 503 instead of saving that content; or 0.
  std::function<int(std::string_view)> status_instead = [](auto) { return 0; };
  std::map<std::string, std::uint64_t> items;  // content to id
  std::vector<Seen> seen;
  int connections = 0;
  std::vector<Duration> waits;

 private:
  class FakeConnection final : public Connection {
   public:
    explicit FakeConnection(FakeServer& server) : server_(server), epoch_(server.epoch_) {}

    Result<Moved> Transfer(std::string_view out, std::span<char> in, Instant deadline) override {
      if (epoch_ != server_.epoch_) return Moved{.ended = true};
      if (!out.empty()) {
        const std::size_t sent = std::min<std::size_t>(out.size(), 100);
        request_.append(out.substr(0, sent));
        TakeRequests();
        return Moved{.sent = sent};
      }
      if (!answer_.empty()) {
        const std::size_t count = std::min({answer_.size(), in.size(), server_.piece_bytes});
        std::copy_n(answer_.begin(), count, in.begin());
        answer_.erase(0, count);
        return Moved{.received = count};
      }
      if (is_broken_) return Moved{.ended = true};
      server_.clock.Set(std::max(server_.clock.Now(), deadline));
      return Fail(ErrorCode::kUnavailable, "the server did not answer in time");
    }

   private:
    void TakeRequests() {
      const std::size_t head_end = request_.find("\r\n\r\n");
      if (head_end == std::string::npos) return;
      const std::size_t length_at = request_.find("Content-Length: ");
      const std::size_t length =
          length_at < head_end ? std::stoul(request_.substr(length_at + 16, 20)) : 0;
      if (request_.size() < head_end + 4 + length) return;
      Seen request{.head = request_.substr(0, head_end + 4), .body = request_.substr(head_end + 4)};
      request.method = request.head.substr(0, request.head.find(' '));
      request.target = request.head.substr(request.method.size() + 1);
      request.target.resize(request.target.find(' '));
      request_.clear();
      Reply(request);
    }

    void Reply(const Seen& request) {
      const Fault fault = server_.NextFault();
      server_.seen.push_back(request);
      is_broken_ =
          fault == Fault::kBreakBefore || fault == Fault::kBreakAfter || fault == Fault::kCutAnswer;
      if (fault == Fault::kBreakBefore) return;
      if (fault == Fault::kInstead) {
        answer_ = server_.instead;
        return;
      }
      const std::string answer = server_.Handle(request);
      if (fault == Fault::kNone) answer_ = answer;
      if (fault == Fault::kCutAnswer) answer_ = answer.substr(0, answer.size() / 2);
    }

    FakeServer& server_;
    const int epoch_;
    std::string request_;
    std::string answer_;
    bool is_broken_ = false;
  };

  class FakeNetwork final : public Network {
   public:
    explicit FakeNetwork(FakeServer& server) : server_(server) {}

    Result<std::unique_ptr<Connection>> Connect(Instant) override {
      if (!server_.faults.empty() && server_.faults.front() == Fault::kRefuseConnection) {
        server_.faults.pop_front();
        return Fail(ErrorCode::kUnavailable, "Connection refused");
      }
      ++server_.connections;
      return std::make_unique<FakeConnection>(server_);
    }

    void Wait(Duration duration) override {
      server_.waits.push_back(duration);
      server_.clock.Set(server_.clock.Now() + duration);
    }

   private:
    FakeServer& server_;
  };

  Fault NextFault() {
    if (faults.empty() || faults.front() == Fault::kRefuseConnection) return Fault::kNone;
    const Fault fault = faults.front();
    faults.pop_front();
    return fault;
  }

  std::string Handle(const Seen& request) {
    if (request.target.ends_with("/v1/items") && request.method == "POST") {
      if (in_progress > 0) {
        --in_progress;
        return Answer(202, R"({"outcome":"in-progress","operation":"x"})");
      }
      const auto [id, is_new] = Save(request.body);
      return Answer(is_new ? 201 : 200, R"({"outcome":")" + OutcomeOf(is_new) + R"(","id":)" +
                                            std::to_string(id) + "}");
    }
    if (request.target.ends_with("/v1/items:batch"))
      return request.head.contains("application/vnd.itemgate.batch") ? SaveFramed(request.body)
                                                                     : SaveLines(request.body);
    return answer_other ? answer_other(request) : Answer(404, R"({"code":"not-found"})");
  }

  std::string SaveFramed(std::string_view body) {
    std::string answer;
    std::uint64_t count = 0;
    const auto append = [&](std::uint8_t outcome, std::uint16_t status, std::uint64_t id) {
      char record[12]{static_cast<char>(outcome)};
      StoreLittle(record + 2, status);
      StoreLittle(record + 4, id);
      answer.append(record, sizeof record);
    };
    for (; !body.empty(); ++count) {
      const auto length = LoadLittle<std::uint32_t>(body.data());
      const std::string content(body.substr(4, length));
      body.remove_prefix(4 + length);
      if (const int status = content.empty() ? 400 : status_instead(content); status != 0) {
        append(status == 202 ? 2 : status == 400 ? 4 : 6, static_cast<std::uint16_t>(status), 0);
        continue;
      }
      const auto [id, is_new] = Save(content);
      append(is_new ? 0 : 1, is_new ? 201 : 200, id);
    }
    append(255, 0, count);
    return Answer(200, answer);
  }

  /// Takes lines as AppendJsonLine writes them, of contents without escapes.
  std::string SaveLines(std::string_view body) {
    std::string answer;
    for (std::size_t index = 0; !body.empty(); ++index) {
      const std::string_view line = body.substr(0, body.find('\n'));
      body.remove_prefix(line.size() + 1);
      const std::size_t begin = line.find(":\"") + 2;
      const std::string content(line.substr(begin, line.find('"', begin) - begin));
      JsonWriter json;
      json.BeginObject().Field("index", index);
      const int status = content.empty() ? 400 : status_instead(content);
      if (status == 202) {
        json.Field("status", status).Field("outcome", "in-progress").Field("operation", "x");
      } else if (status != 0) {
        json.Field("status", status).Field("outcome", status == 400 ? "rejected" : "unavailable");
        json.Name("problem").BeginObject().Field("code", status == 400 ? "empty-content" : "later");
        json.Field("detail", status == 400 ? "it is empty" : "later").EndObject();
      } else {
        const auto [id, is_new] = Save(content);
        json.Field("status", is_new ? 201 : 200).Field("outcome", OutcomeOf(is_new));
        json.Field("id", id);
      }
      answer += json.EndObject().Take() + "\n";
    }
    return Answer(200, answer + "{\"done\":true}\n");
  }

  static std::string OutcomeOf(bool is_new) { return is_new ? "created" : "duplicate"; }

  std::pair<std::uint64_t, bool> Save(const std::string& content) {
    const auto [item, is_new] = items.try_emplace(content, items.size() + 1);
    return {item->second, is_new};
  }

  int epoch_ = 0;  // of the connections that are not closed
};

}  // namespace itemgate::client
