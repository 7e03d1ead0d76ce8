#include "postgres/sql_error.h"

#include <algorithm>
#include <array>
#include <utility>

namespace itemgate::postgres {
namespace {

struct Meaning {
  std::string_view prefix;  // of the SQLSTATE; the longer ones stand before their class
  ErrorCode code;
  std::string_view advice;  // empty: the server's words say enough
};

constexpr std::string_view kPrepare = "prepare the database first: itemgate migrate --store URL";
constexpr std::string_view kBringUpToDate =
    "bring the tables up to date: itemgate migrate --store URL";

constexpr std::array kMeanings{
    Meaning{"53100", ErrorCode::kStorageFull, "make room on the database server's disk"},
    Meaning{"53300", ErrorCode::kUnavailable,
            "raise max_connections of the database, or let the servers open fewer"},
    Meaning{"53", ErrorCode::kUnavailable, "the database server is short of resources"},
    Meaning{"54", ErrorCode::kTooLarge, "send smaller batches or contents"},
    Meaning{"25006", ErrorCode::kUnavailable,
            "this is a standby or a read-only database; name the primary, or add "
            "target_session_attrs=read-write to the URL"},
    Meaning{"28", ErrorCode::kInvalidArgument,
            "check user and password, and pg_hba.conf of the database server"},
    Meaning{"3D000", ErrorCode::kInvalidArgument,
            "create the database first: createdb -O USER NAME"},
    Meaning{"3F000", ErrorCode::kNotFound, kPrepare},
    Meaning{"42P01", ErrorCode::kNotFound, kPrepare},
    Meaning{"42703", ErrorCode::kUnsupported, kBringUpToDate},
    Meaning{"42883", ErrorCode::kUnsupported, kBringUpToDate},
    Meaning{"42501", ErrorCode::kInvalidArgument,
            "grant the user what it needs; docs/postgres.md lists it"},
    Meaning{"40", ErrorCode::kUnavailable, "it lost against another transaction; send it again"},
    Meaning{"23505", ErrorCode::kUnavailable, "somebody else was quicker; send it again"},
    Meaning{"55P03", ErrorCode::kUnavailable, "somebody holds a lock; send it again"},
    Meaning{"57014", ErrorCode::kUnavailable, "somebody cancelled it; send it again"},
    Meaning{"57P", ErrorCode::kUnavailable, "the database server is starting or stopping"},
    Meaning{"08", ErrorCode::kUnavailable, "the database server cannot be reached"},
    Meaning{"58", ErrorCode::kIo, "look into the log of the database server"},
    Meaning{"XX001", ErrorCode::kCorrupt, "restore the database from a backup"},
    Meaning{"XX002", ErrorCode::kCorrupt, "REINDEX the index it names"},
    Meaning{"0A", ErrorCode::kUnsupported, "this database lacks what Itemgate needs"},
};

// What OpenSSL says, and libpq hands on, of a certificate that is not trusted.
constexpr std::string_view kNotTrusted = "certificate verify failed";
constexpr std::string_view kTrust =
    "; sslrootcert must name the authority that signed the server's certificate, which must be "
    "valid today";

constexpr std::size_t kSqlStateSize = 5;

/// Where the SQLSTATE stands in a line such as "… FATAL:  3D000: database \"x\" does not exist"; npos if it has none.
std::size_t SqlStateIn(std::string_view line) {
  const auto is_of_state = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
  const std::size_t severity_end = line.find(":  ");
  if (severity_end == std::string_view::npos) return std::string_view::npos;
  const std::string_view rest = line.substr(severity_end + 3);
  const bool has_state = rest.substr(0, kSqlStateSize + 2).ends_with(": ") &&
                         rest.find(':') == kSqlStateSize &&
                         std::ranges::all_of(rest.substr(0, kSqlStateSize), is_of_state);
  return has_state ? severity_end + 3 : std::string_view::npos;
}

}  // namespace

Error ErrorOf(const ServerMessage& message) {
  ErrorCode code = ErrorCode::kFailed;
  std::string_view advice;
  for (const Meaning& meaning : kMeanings) {
    if (!message.sql_state.starts_with(meaning.prefix)) continue;
    code = meaning.code;
    advice = meaning.advice;
    break;
  }
  std::string text = "PostgreSQL: " + std::string(message.primary);
  if (!message.detail.empty()) text += " (" + std::string(message.detail) + ")";
  if (!message.sql_state.empty()) text += " [" + std::string(message.sql_state) + "]";
  if (!advice.empty()) text += "; " + std::string(advice);
  return {code, std::move(text)};
}

Error ConnectErrorOf(std::string_view libpq_text) {
  std::string text;
  std::string sql_state;  // of the server that was asked last
  while (!libpq_text.empty()) {
    const std::size_t end = std::min(libpq_text.find('\n'), libpq_text.size());
    std::string line(libpq_text.substr(0, end));
    libpq_text.remove_prefix(std::min(end + 1, libpq_text.size()));
    if (line.starts_with("LOCATION:")) continue;  // in the source of the server
    if (const std::size_t at = SqlStateIn(line); at != std::string::npos) {
      sql_state = line.substr(at, kSqlStateSize);
      line.erase(at, kSqlStateSize + 2);
    }
    text += line + '\n';
  }
  text = OneLine(text);
  if (text.empty()) text = "the connection was lost";
  if (text.contains(kNotTrusted)) text += kTrust;
  return {ErrorCode::kUnavailable, ErrorOf({.sql_state = sql_state, .primary = text}).message};
}

Error WhileServing(Error error) {
  switch (error.code) {
    case ErrorCode::kTooLarge:
    case ErrorCode::kStorageFull:
    case ErrorCode::kIo:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnavailable:
    case ErrorCode::kUnknown:
      break;
    default:
      error.code = ErrorCode::kUnavailable;
  }
  return error;
}

std::string OneLine(std::string_view libpq_text) {
  std::string line;
  for (std::size_t i = 0; i < libpq_text.size(); ++i) {
    const char c = libpq_text[i];
    if (c != '\n' && c != '\t')
      line += c;
    else if (!line.empty() && !line.ends_with(' '))  // an indented line begins another sentence
      line += libpq_text.substr(i).starts_with("\n\t") ? ". " : " ";
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

bool LostARace(std::string_view sql_state) {
  return sql_state == "40001" || sql_state == "40P01" || sql_state == "23505";
}

}  // namespace itemgate::postgres
