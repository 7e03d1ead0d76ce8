#include "store/postgres/schema.h"

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "postgres/session.h"

namespace itemgate {
namespace {

// Everybody who migrates takes this advisory lock: any number that nobody else is likely to use.
constexpr std::string_view kMigrationLock = "7524161930272";

constexpr std::string_view kCreate =
    "CREATE SCHEMA IF NOT EXISTS itemgate;"
    "CREATE TABLE IF NOT EXISTS itemgate.migration ("
    "  version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())";

// Version 1. The store is one row: whoever makes items locks it, so that ids are given one after the other in the order
// of commits. Its generation rises whenever a failover may have lost commits.
// Claims are few: those under way, and those parked. Of the function, docs/postgres.md says why it is one.
constexpr std::string_view kVersion1 = R"(
CREATE TABLE itemgate.store (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  generation bigint NOT NULL DEFAULT 1);
INSERT INTO itemgate.store DEFAULT VALUES;

CREATE TABLE itemgate.item (
  id bigint NOT NULL,
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  scope text COLLATE "C" NOT NULL,
  length bigint NOT NULL,
  attempt bigint NOT NULL,
  saved_at timestamptz NOT NULL,
  media_type bytea NOT NULL,
  content bytea NOT NULL) PARTITIONING;
CREATE UNIQUE INDEX item_key ON itemgate.item (digest, scope);
CREATE ID_INDEX INDEX item_id ON itemgate.item (id);

CREATE TABLE itemgate.server (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  heartbeat bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE itemgate.claim (
  digest bytea NOT NULL,
  scope text COLLATE "C" NOT NULL,
  parked boolean NOT NULL DEFAULT false,
  attempt bigint NOT NULL,
  generation bigint NOT NULL,
  epoch bigint NOT NULL,
  server bigint NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (digest, scope));

CREATE FUNCTION itemgate.known_ids(digests bytea[], scopes text[], attempt bigint) RETURNS bigint[]
LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN ARRAY(
    SELECT (SELECT CASE WHEN i.attempt = known_ids.attempt + g.place THEN -i.id ELSE i.id END
              FROM itemgate.item i WHERE i.digest = g.digest AND i.scope = g.scope COLLATE "C")
      FROM unnest(digests, scopes) WITH ORDINALITY AS g(digest, scope, place) ORDER BY g.place);
END $$;

CREATE FUNCTION itemgate.insert_items(
  digests bytea[], scopes text[], lengths bigint[], media_types bytea[], contents bytea[], attempt bigint,
  again boolean, my_generation bigint,
  OUT generation bigint, OUT ids bigint[])
LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  -- Where the first is new, most are: then looking for the others now would be wasted. Whoever asks again for a lost
  -- answer must write: only then its commit waits for the standby, as the lost one perhaps did not.
  IF NOT again AND (itemgate.known_ids(digests[1:1], scopes[1:1], 0))[1] IS NOT NULL THEN
    ids := itemgate.known_ids(digests, scopes, attempt);
    IF array_position(ids, NULL) IS NULL THEN
      SELECT s.generation INTO STRICT generation FROM itemgate.store s WHERE s.only_row;
      RETURN;
    END IF;
  END IF;
  -- From here to the commit nobody else makes items. What follows sees all that was committed before.
  SELECT s.generation INTO STRICT generation FROM itemgate.store s WHERE s.only_row FOR UPDATE;
  IF generation <> my_generation THEN RETURN; END IF;
  WITH made AS (
    INSERT INTO itemgate.item AS n (id, digest, scope, length, attempt, saved_at, media_type, content)
      SELECT (SELECT coalesce(max(i.id), 0) FROM itemgate.item i) + row_number() OVER (),
             g.digest, g.scope, g.length, insert_items.attempt + g.place, (SELECT clock_timestamp()), g.media_type,
             g.content
        FROM unnest(digests, scopes, lengths, media_types, contents) WITH ORDINALITY
          AS g(digest, scope, length, media_type, content, place)
       WHERE (SELECT i.id FROM itemgate.item i WHERE i.digest = g.digest AND i.scope = g.scope COLLATE "C") IS NULL
      RETURNING n.id, n.attempt - insert_items.attempt AS place)
  SELECT array_agg(coalesce(-made.id,
           (SELECT CASE WHEN i.attempt = insert_items.attempt + g.place THEN -i.id ELSE i.id END
              FROM itemgate.item i WHERE i.digest = g.digest AND i.scope = g.scope COLLATE "C")) ORDER BY g.place)
    INTO ids
    FROM unnest(digests, scopes) WITH ORDINALITY AS g(digest, scope, place) LEFT JOIN made ON made.place = g.place;
END $$;
)";

// How a content stands, as every function of claims answers: kind 0 mine, 1 saved, 2 held, 3 parked, 4 nobody,
// 5 refused.
constexpr std::string_view kClaims1 = R"(
CREATE TYPE itemgate.claim_state AS (
  kind bigint, id bigint, created bigint,
  attempt bigint, generation bigint, epoch bigint, server bigint, heartbeat bigint);

CREATE FUNCTION itemgate.claim_state_of(k bytea, s text, my_attempt bigint) RETURNS itemgate.claim_state
LANGUAGE plpgsql SET jit = off AS $$
DECLARE state itemgate.claim_state;
BEGIN
  SELECT 1, i.id, (i.attempt = my_attempt)::int, 0, 0, 0, 0, 0 INTO state
    FROM itemgate.item i WHERE i.digest = k AND i.scope = s COLLATE "C";
  IF FOUND THEN RETURN state; END IF;
  SELECT CASE WHEN c.parked THEN 3 WHEN c.attempt = my_attempt THEN 0 ELSE 2 END, 0, 0,
         c.attempt, c.generation, c.epoch, c.server,
         coalesce((SELECT v.heartbeat FROM itemgate.server v WHERE v.id = c.server), -1) INTO state
    FROM itemgate.claim c WHERE c.digest = k AND c.scope = s COLLATE "C";
  IF FOUND THEN RETURN state; END IF;
  state := ROW(4, 0, 0, 0, 0, 0, 0, 0);
  RETURN state;
END $$;

-- False if the store has another generation than whoever asks: then nothing that it may have claimed stays held.
CREATE FUNCTION itemgate.may_claim(k bytea, s text, my_attempt bigint, my_generation bigint) RETURNS boolean
LANGUAGE plpgsql SET jit = off AS $$
BEGIN
  IF EXISTS (SELECT FROM itemgate.store g WHERE g.only_row AND g.generation = my_generation) THEN
    -- Asked again, for the answer was lost: a commit that writes waits for the standby, as the first perhaps did not.
    UPDATE itemgate.claim c SET since = c.since
      WHERE c.digest = k AND c.scope = s COLLATE "C" AND c.attempt = my_attempt;
    RETURN true;
  END IF;
  DELETE FROM itemgate.claim c WHERE c.digest = k AND c.scope = s COLLATE "C" AND NOT c.parked
    AND c.attempt = my_attempt AND c.epoch = 1;
  UPDATE itemgate.claim c SET parked = true
    WHERE c.digest = k AND c.scope = s COLLATE "C" AND c.attempt = my_attempt;
  RETURN false;
END $$;

CREATE FUNCTION itemgate.claim(k bytea, s text, my_attempt bigint, my_server bigint, my_generation bigint)
RETURNS itemgate.claim_state
LANGUAGE plpgsql SET jit = off AS $$
DECLARE state itemgate.claim_state;
BEGIN
  IF NOT itemgate.may_claim(k, s, my_attempt, my_generation) THEN
    state := ROW(5, 0, 0, 0, 0, 0, 0, 0);
    RETURN state;
  END IF;
  state := itemgate.claim_state_of(k, s, my_attempt);
  IF state.kind <> 4 THEN RETURN state; END IF;
  INSERT INTO itemgate.claim (digest, scope, attempt, generation, epoch, server)
    SELECT k, s, my_attempt, g.generation, 1, my_server
      FROM itemgate.store g WHERE g.only_row AND g.generation = my_generation
    ON CONFLICT DO NOTHING;
  -- Now that nobody else can claim it: was it saved since the first look?
  DELETE FROM itemgate.claim c USING itemgate.item i
    WHERE c.digest = k AND c.scope = s COLLATE "C" AND c.attempt = my_attempt
      AND i.digest = c.digest AND i.scope = c.scope;
  RETURN itemgate.claim_state_of(k, s, my_attempt);
END $$;

CREATE FUNCTION itemgate.take_over(
  k bytea, s text, my_attempt bigint, my_server bigint, my_generation bigint,
  seen_attempt bigint, seen_generation bigint, seen_epoch bigint)
RETURNS itemgate.claim_state LANGUAGE plpgsql SET jit = off AS $$
DECLARE state itemgate.claim_state;
BEGIN
  IF NOT itemgate.may_claim(k, s, my_attempt, my_generation) THEN
    state := ROW(5, 0, 0, 0, 0, 0, 0, 0);
    RETURN state;
  END IF;
  UPDATE itemgate.claim c SET attempt = my_attempt, server = my_server, epoch = c.epoch + 1,
      generation = my_generation, since = now()
    WHERE c.digest = k AND c.scope = s COLLATE "C"
      AND c.attempt = seen_attempt AND c.generation = seen_generation AND c.epoch = seen_epoch;
  RETURN itemgate.claim_state_of(k, s, my_attempt);
END $$;

CREATE FUNCTION itemgate.confirm(
  k bytea, s text, my_attempt bigint, my_generation bigint, my_epoch bigint, len bigint, media bytea, bytes bytea)
RETURNS itemgate.claim_state LANGUAGE plpgsql SET jit = off SET enable_seqscan = off AS $$
BEGIN
  PERFORM FROM itemgate.store g WHERE g.only_row FOR UPDATE;
  DELETE FROM itemgate.claim c WHERE c.digest = k AND c.scope = s COLLATE "C"
    AND c.attempt = my_attempt AND c.generation = my_generation AND c.epoch = my_epoch;
  IF FOUND THEN
    INSERT INTO itemgate.item (id, digest, scope, length, attempt, saved_at, media_type, content)
      SELECT (SELECT coalesce(max(i.id), 0) + 1 FROM itemgate.item i), k, s, len, my_attempt, clock_timestamp(),
             media, bytes
       WHERE NOT EXISTS (SELECT FROM itemgate.item i WHERE i.digest = k AND i.scope = s COLLATE "C");
  END IF;
  RETURN itemgate.claim_state_of(k, s, my_attempt);
END $$;

CREATE FUNCTION itemgate.park(k bytea, s text, my_attempt bigint, my_generation bigint, my_epoch bigint)
RETURNS itemgate.claim_state LANGUAGE plpgsql SET jit = off AS $$
BEGIN
  UPDATE itemgate.claim c SET parked = true WHERE c.digest = k AND c.scope = s COLLATE "C"
    AND c.attempt = my_attempt AND c.generation = my_generation AND c.epoch = my_epoch;
  RETURN itemgate.claim_state_of(k, s, my_attempt);
END $$;

CREATE FUNCTION itemgate.release(k bytea, s text, my_attempt bigint, my_generation bigint, my_epoch bigint)
RETURNS itemgate.claim_state LANGUAGE plpgsql SET jit = off AS $$
BEGIN
  DELETE FROM itemgate.claim c WHERE c.digest = k AND c.scope = s COLLATE "C" AND NOT c.parked
    AND c.attempt = my_attempt AND c.generation = my_generation AND c.epoch = my_epoch;
  RETURN itemgate.claim_state_of(k, s, my_attempt);
END $$;
)";

// Version 2. What the servers of this database, and nobody else, seal the entries of their seen cache with: 244 random
// bits. Whoever can read it can read the items, too.
constexpr std::string_view kVersion2 = R"(
ALTER TABLE itemgate.store ADD COLUMN cache_secret bytea NOT NULL CHECK (octet_length(cache_secret) = 32)
  DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
INSERT INTO itemgate.migration (version) VALUES (2)
)";

// Version 3. Every server tells of itself in its row. What an operator knows of a parked content stands in its claim:
// kind 6 is a parked one that the backend has, as an operator says.
constexpr std::string_view kVersion3 = R"(
ALTER TABLE itemgate.server
  ADD COLUMN addresses text NOT NULL DEFAULT '', ADD COLUMN version text NOT NULL DEFAULT '',
  ADD COLUMN state text NOT NULL DEFAULT 'unknown', ADD COLUMN reason text NOT NULL DEFAULT '',
  ADD COLUMN redis text NOT NULL DEFAULT '', ADD COLUMN lock text NOT NULL DEFAULT '',
  ADD COLUMN created bigint NOT NULL DEFAULT 0, ADD COLUMN in_flight bigint NOT NULL DEFAULT 0,
  ADD COLUMN schema_version bigint NOT NULL DEFAULT 1, ADD COLUMN generation bigint NOT NULL DEFAULT 0;
ALTER TABLE itemgate.server SET (fillfactor = 50);  -- a heartbeat finds room in the page of its row
ALTER TABLE itemgate.claim
  ADD COLUMN parked_at timestamptz, ADD COLUMN parked_by text NOT NULL DEFAULT '',
  ADD COLUMN resolved_as_saved boolean NOT NULL DEFAULT false;

CREATE OR REPLACE FUNCTION itemgate.claim_state_of(k bytea, s text, my_attempt bigint) RETURNS itemgate.claim_state
LANGUAGE plpgsql SET jit = off AS $$
DECLARE state itemgate.claim_state;
BEGIN
  SELECT 1, i.id, (i.attempt = my_attempt)::int, 0, 0, 0, 0, 0 INTO state
    FROM itemgate.item i WHERE i.digest = k AND i.scope = s COLLATE "C";
  IF FOUND THEN RETURN state; END IF;
  SELECT CASE WHEN c.parked AND c.resolved_as_saved THEN 6 WHEN c.parked THEN 3 WHEN c.attempt = my_attempt THEN 0
              ELSE 2 END, 0, 0,
         c.attempt, c.generation, c.epoch, c.server,
         coalesce((SELECT v.heartbeat FROM itemgate.server v WHERE v.id = c.server), -1) INTO state
    FROM itemgate.claim c WHERE c.digest = k AND c.scope = s COLLATE "C";
  IF FOUND THEN RETURN state; END IF;
  state := ROW(4, 0, 0, 0, 0, 0, 0, 0);
  RETURN state;
END $$;

CREATE OR REPLACE FUNCTION itemgate.park(
  k bytea, s text, my_attempt bigint, my_generation bigint, my_epoch bigint)
RETURNS itemgate.claim_state LANGUAGE plpgsql SET jit = off AS $$
BEGIN
  UPDATE itemgate.claim c SET parked = true, parked_at = coalesce(c.parked_at, now()),
      parked_by = CASE WHEN c.parked THEN c.parked_by
                       ELSE coalesce((SELECT v.name FROM itemgate.server v WHERE v.id = c.server), '') END
    WHERE c.digest = k AND c.scope = s COLLATE "C"
      AND c.attempt = my_attempt AND c.generation = my_generation AND c.epoch = my_epoch;
  RETURN itemgate.claim_state_of(k, s, my_attempt);
END $$;
INSERT INTO itemgate.migration (version) VALUES (3)
)";

// Version 4. The function that makes items, in fewer steps. Where all are new, as almost always, their ids follow from
// their places, and nothing is looked up or put together after the insertion; what can be looked up before the turn is.
constexpr std::string_view kVersion4 = R"(
CREATE OR REPLACE FUNCTION itemgate.insert_items(
  digests bytea[], scopes text[], lengths bigint[], media_types bytea[], contents bytea[], attempt bigint,
  again boolean, my_generation bigint,
  OUT generation bigint, OUT ids bigint[])
LANGUAGE plpgsql SET jit = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  seen bigint;  -- none of them was among the items up to this one
  last bigint;
  made bigint;
BEGIN
  -- Where the first is new, most are: then looking for the ids of the others now would be wasted. Whoever asks again
  -- for a lost answer must write: only then its commit waits for the standby, as the lost one perhaps did not.
  IF NOT again THEN
    IF EXISTS (SELECT FROM itemgate.item i WHERE i.digest = digests[1] AND i.scope = scopes[1] COLLATE "C") THEN
      ids := itemgate.known_ids(digests, scopes, attempt);
      IF array_position(ids, NULL) IS NULL THEN
        SELECT s.generation INTO STRICT generation FROM itemgate.store s WHERE s.only_row;
        RETURN;
      END IF;
    ELSIF cardinality(digests) >= 64 THEN
      -- One statement, and so one snapshot: what it does not see will have a higher id.
      SELECT (SELECT max(i.id) FROM itemgate.item i) INTO seen
       WHERE NOT EXISTS (SELECT FROM unnest(digests, scopes) AS g(digest, scope)
                           JOIN itemgate.item i ON i.digest = g.digest AND i.scope = g.scope COLLATE "C");
    END IF;
  END IF;
  -- From here to the commit nobody else makes items. What follows sees all that was committed before.
  SELECT s.generation INTO STRICT generation FROM itemgate.store s WHERE s.only_row FOR UPDATE;
  IF generation <> my_generation THEN RETURN; END IF;
  SELECT coalesce(max(i.id), 0) INTO last FROM itemgate.item i;
  -- All, if none is there: none among the few that came since the look before the turn, or none at all.
  INSERT INTO itemgate.item (id, digest, scope, length, attempt, saved_at, media_type, content)
    SELECT last + g.place, g.digest, g.scope, g.length, insert_items.attempt + g.place, (SELECT clock_timestamp()),
           g.media_type, g.content
      FROM (SELECT generate_series(1, cardinality(digests)) AS place, unnest(digests) AS digest,
                   unnest(scopes) AS scope, unnest(lengths) AS length, unnest(media_types) AS media_type,
                   unnest(contents) AS content) AS g
     WHERE CASE WHEN last - seen <= 4 * cardinality(digests) THEN NOT EXISTS (
                  SELECT FROM (SELECT i.digest, i.scope FROM itemgate.item i WHERE i.id > seen OFFSET 0) AS r
                   WHERE (r.digest, r.scope COLLATE "C") IN (SELECT unnest(digests), unnest(scopes) OFFSET 0))
                ELSE NOT EXISTS (SELECT FROM unnest(digests, scopes) AS k(digest, scope)
                                   JOIN itemgate.item i ON i.digest = k.digest AND i.scope = k.scope COLLATE "C") END;
  GET DIAGNOSTICS made = ROW_COUNT;
  IF made > 0 THEN
    ids := ARRAY(SELECT -(last + place) FROM generate_series(1, cardinality(digests)) AS place);
    RETURN;
  END IF;
  INSERT INTO itemgate.item (id, digest, scope, length, attempt, saved_at, media_type, content)
    SELECT last + row_number() OVER (ORDER BY g.place), g.digest, g.scope, g.length, insert_items.attempt + g.place,
           (SELECT clock_timestamp()), g.media_type, g.content
      FROM unnest(digests, scopes, lengths, media_types, contents) WITH ORDINALITY
        AS g(digest, scope, length, media_type, content, place)
     WHERE (SELECT i.id FROM itemgate.item i WHERE i.digest = g.digest AND i.scope = g.scope COLLATE "C") IS NULL;
  ids := itemgate.known_ids(digests, scopes, attempt);
END $$;
INSERT INTO itemgate.migration (version) VALUES (4)
)";

void Replace(std::string& text, std::string_view what, std::string_view with) {
  text.replace(text.find(what), what.size(), with);
}

std::string Version1(std::uint32_t partitions) {
  std::string script(kVersion1);
  // An index on the ids of parts cannot be unique over all of them; there the lock alone keeps ids apart.
  Replace(script, "ID_INDEX", partitions == 0 ? "UNIQUE" : "");
  Replace(script, "PARTITIONING", partitions == 0 ? "" : "PARTITION BY HASH (digest)");
  for (std::uint32_t i = 0; i < partitions; ++i) {
    const std::string number = std::to_string(i);
    script += "CREATE TABLE itemgate.item_" + number +
              " PARTITION OF itemgate.item FOR VALUES WITH (MODULUS " + std::to_string(partitions) +
              ", REMAINDER " + number + ");";
  }
  script += kClaims1;
  return script + "INSERT INTO itemgate.migration (version) VALUES (1)";
}

std::string ScriptOf(int version, const MigrateOptions& options) {
  static constexpr std::array kLaterVersions{kVersion2, kVersion3, kVersion4};
  static_assert(kPostgresSchemaVersion == kLaterVersions.size() + 1);
  if (version == 1) return Version1(options.partitions);
  return std::string(kLaterVersions[static_cast<std::size_t>(version) - 2]);
}

int NumberOf(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Result<Migrated> MigratePostgres(const MigrateOptions& options) {
  constexpr std::uint32_t kPartitionsMax = 1024;
  if (options.partitions > kPartitionsMax)
    return Fail(ErrorCode::kInvalidArgument, "more than 1024 partitions help nobody");
  auto session = postgres::Session::Open(options.database, options.timeout);
  if (!session) return std::unexpected(session.error());

  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout).count();
  Migrated migrated;
  // All in one transaction: a pooler would keep what the session sets or locks.
  const std::string take_turns = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = " +
                                 std::to_string(milliseconds) + "; SELECT pg_advisory_xact_lock(" +
                                 std::string(kMigrationLock) + ")";
  auto result = session->Run(take_turns);
  if (result) result = session->Run(std::string(kCreate));
  if (result) result = session->Run("SELECT coalesce(max(version), 0) FROM itemgate.migration");
  if (!result) return std::unexpected(result.error());
  migrated.from = migrated.to = NumberOf(*result);
  if (migrated.from > kPostgresSchemaVersion)
    return Fail(ErrorCode::kUnsupported,
                "the tables have version " + *result + ", of a newer Itemgate; this one knows " +
                    std::to_string(kPostgresSchemaVersion) + ": use the newer program");
  while (migrated.to < kPostgresSchemaVersion) {
    result = session->Run(ScriptOf(++migrated.to, options));
    if (!result) return std::unexpected(result.error());
  }
  result = session->Run("COMMIT");
  if (!result) return std::unexpected(result.error());
  return migrated;
}

}  // namespace itemgate
