#include "server/open_api_schemas.h"

namespace itemgate::server {
namespace {

constexpr std::string_view kComponents = R"json({
"schemas":{
"ItemDescription":{"type":"object","additionalProperties":false,
  "oneOf":[{"required":["content"]},{"required":["contentBase64"]}],
  "properties":{"content":{"type":"string","minLength":1},
  "contentBase64":{"type":"string","contentEncoding":"base64","minLength":4},
  "mediaType":{"type":"string","maxLength":255},"scope":{"type":"string","minLength":1,"maxLength":128}}},
"Saved":{"type":"object","required":["outcome","id"],
  "properties":{"outcome":{"enum":["created","duplicate","joined"]},"id":{"type":"integer","minimum":1}}},
"InProgress":{"type":"object","required":["outcome","operation"],
  "properties":{"outcome":{"const":"in-progress"},"operation":{"type":"string"}}},
"Item":{"type":"object","required":["id","scope","saved_at","length","sha256"],
  "properties":{"id":{"type":"integer","minimum":1},"scope":{"type":"string"},
  "saved_at":{"type":"string","format":"date-time"},"length":{"type":"integer"},
  "sha256":{"type":"string","pattern":"^[0-9a-f]{64}$"},"media_type":{"type":"string"},
  "content":{"type":"string"},"content_base64":{"type":"string","contentEncoding":"base64"}}},
"ItemPage":{"type":"object","required":["items"],
  "properties":{"items":{"type":"array","items":{"$ref":"#/components/schemas/Item"}},
  "next":{"type":"integer","description":"The `after` of the next page; left out at the end."}}},
"FindMissing":{"type":"object","additionalProperties":false,"required":["sha256"],
  "properties":{"scope":{"type":"string"},
  "sha256":{"type":"array","maxItems":10000,"items":{"type":"string","pattern":"^[0-9a-fA-F]{64}$"}}}},
"Missing":{"type":"object","required":["missing"],"properties":{"missing":{"type":"array","items":{"type":"string"}}}},
"Operation":{"type":"object","required":["operation","state"],
  "properties":{"operation":{"type":"string"},"state":{"enum":["saved","in-progress","failed"]},
  "id":{"type":"integer"},"problem":{"type":"object","required":["code","status","detail"],
  "properties":{"code":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"}}}}},
"InFlight":{"type":"object","required":["in_flight","saves"],
  "properties":{"in_flight":{"type":"integer"},"saves":{"type":"array","items":{"type":"object",
  "required":["operation","scope","sha256","since","for_seconds","sender","waiters"],
  "properties":{"operation":{"type":"string"},"scope":{"type":"string"},"sha256":{"type":"string"},
  "since":{"type":"string","format":"date-time"},"for_seconds":{"type":"number"},"sender":{"type":"string"},
  "waiters":{"type":"integer"}}}}}},
"Statistics":{"type":"object","required":["items","content_bytes","disk_bytes","syncs","created","duplicates","joined",
  "in_progress","refused","near_cache_hits","in_flight"],"additionalProperties":{"type":"integer"}},
"Cluster":{"type":"object","required":["schema_version","generation","problem","servers"],
  "properties":{"schema_version":{"type":"integer"},"generation":{"type":"integer"},
  "problem":{"type":"string","description":"Why the last look failed; empty: it did not."},
  "servers":{"type":"array","items":{"type":"object",
  "required":["id","name","self","state","reason","heartbeat_age_seconds","started_at","version","schema_version",
  "generation","redis","lock","created","in_flight","addresses"],
  "properties":{"id":{"type":"string"},"name":{"type":"string"},"self":{"type":"boolean"},
  "state":{"enum":["serving","draining","not-ready","unknown","gone"]},"reason":{"type":"string"},
  "heartbeat_age_seconds":{"type":"number"},"started_at":{"type":"string","format":"date-time"},
  "version":{"type":"string"},"schema_version":{"type":"integer"},"generation":{"type":"integer"},
  "redis":{"type":"string"},"lock":{"type":"string"},"created":{"type":"integer"},"in_flight":{"type":"integer"},
  "addresses":{"type":"array","items":{"type":"string"}}}}}}},
"Configuration":{"type":"object",
  "required":["settings","limits","idempotency_key_lifetime_seconds","digest_algorithms"],
  "properties":{"settings":{"type":"object"},"limits":{"type":"object"},
  "idempotency_key_lifetime_seconds":{"type":"integer"},
  "digest_algorithms":{"type":"array","items":{"type":"string"}}}},
"BatchLines":{"type":"string","description":"Lines of JSON, each an ItemDescription."},
"BatchAnswers":{"type":"string",
  "description":"Lines of JSON: one for each item, in order, and a last one with `done`."},
"BatchFrames":{"type":"string","format":"binary",
  "description":"For each item a little-endian u32 length and its content."},
"Events":{"type":"string","description":"Server-sent events: id, event: item, data: an Item as JSON."},
"VerifyLines":{"type":"string","description":"Lines of JSON: progress, and a last one with `done`."},
"AnyObject":{"type":"object"},
"Text":{"type":"string"},
"Problem":{"type":"object","required":["type","title","status","code","detail","retryable"],
  "properties":{"type":{"type":"string","format":"uri"},"title":{"type":"string"},"status":{"type":"integer"},
  "code":{"type":"string"},"detail":{"type":"string"},"retryable":{"type":"boolean"},"request_id":{"type":"string"},
  "trace_id":{"type":"string"},"itemId":{"type":"integer"},"operation":{"type":"string"}}}
},
"headers":{
"Item-Id":{"description":"The item's id.","schema":{"type":"integer"}},
"Item-Outcome":{"description":"created, duplicate, joined or in-progress.","schema":{"type":"string"}},
"Item-Scope":{"description":"The item's scope.","schema":{"type":"string"}},
"Item-Saved-At":{"description":"When the item was saved.","schema":{"type":"string","format":"date-time"}},
"Location":{"description":"Where to look next: the item, or the operation.","schema":{"type":"string"}},
"Content-Location":{"description":"The item.","schema":{"type":"string"}},
"ETag":{"description":"The SHA-256 that identifies the item, in hexadecimal digits and quotes.",
  "schema":{"type":"string"}},
"Repr-Digest":{"description":"sha-256=:BASE64: of the content (RFC 9530).","schema":{"type":"string"}},
"Retry-After":{"description":"Seconds after which it makes sense to try again.","schema":{"type":"integer"}},
"Idempotent-Replayed":{"description":"With Idempotency-Key: true if the answer is that of an earlier request.",
  "schema":{"type":"boolean"}},
"Preference-Applied":{"description":"What was done of Prefer.","schema":{"type":"string"}},
"X-Request-Id":{"description":"The id of the request, as it was given or made.","schema":{"type":"string"}}
},
"parameters":{
"X-Request-Id":{"name":"X-Request-Id","in":"header",
  "description":"An id for the request; 1 to 128 visible characters.",
  "schema":{"type":"string"}},
"traceparent":{"name":"traceparent","in":"header","description":"W3C Trace Context.","schema":{"type":"string"}}
}})json";

}  // namespace

std::string_view OpenApiComponents() { return kComponents; }

}  // namespace itemgate::server
