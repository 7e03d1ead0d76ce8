#!/bin/bash
# curl against a running server: tests/clients/curl.sh URL
set -euo pipefail
url=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "curl: $*" >&2
  exit 1
}

# same WHAT GOT EXPECTED
same() {
  [[ $2 == "$3" ]] || fail "$1: got '$2' instead of '$3'"
}

content="curl $RANDOM$RANDOM $$"
status() { curl -sS -o "$folder/body" -D "$folder/head" -w '%{http_code}' "$@"; }
field() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$folder/head"; }

same "new item" "$(status --data-binary "$content" "$url/v1/items")" 201
location=$(field Location)
id=$(field Item-Id)
same "its answer" "$(cat "$folder/body")" "{\"outcome\":\"created\",\"id\":$id}"
same "its location" "$location" "/v1/items/$id"
same "the same again" "$(status --data-binary "$content" "$url/v1/items")" 200
same "where it is" "$(field Content-Location)" "$location"
same "the content" "$(curl -sSf "$url$location")" "$content"
same "only its head" "$(curl -sSfI "$url$location" | sed -n 's/^Item-Id: \(.*\)\r$/\1/Ip')" "$id"
etag=$(curl -sSfI "$url$location" | sed -n 's/^ETag: \(.*\)\r$/\1/Ip')
same "unchanged" "$(status -H "If-None-Match: $etag" "$url$location")" 304
same "by digest" "$(curl -sSf "$url/v1/contents/sha256/$(printf %s "$content" | sha256sum | cut -d' ' -f1)")" "$content"
same "nothing there" "$(status "$url/v1/items/99999999")" 404
same "only create" "$(status -H 'If-None-Match: *' --data-binary "$content" "$url/v1/items")" 412
same "HTTP/1.0" "$(status -0 "$url$location")" 200

# A file that is uploaded in chunks, with Expect: 100-continue.
head -c 3000000 /dev/urandom >"$folder/file"
same "upload" "$(status -T - -X POST -H 'Expect: 100-continue' -H 'Transfer-Encoding: chunked' -H 'Content-Type: x/y' \
  "$url/v1/items" <"$folder/file")" 201
curl -sSf -o "$folder/back" "$url$(field Location)"
cmp "$folder/file" "$folder/back" || fail "the file came back changed"

digest=$(sha256sum "$folder/file" | cut -d' ' -f1)
same "the same under its digest" "$(status -T "$folder/file" "$url/v1/contents/sha256/$digest")" 200
same "another one under it" "$(status -X PUT --data-binary "$content" "$url/v1/contents/sha256/$digest")" 422

# A batch, and many requests over one connection.
for number in $(seq 500); do
  echo "{\"content\": \"$content line $number\"}"
done >"$folder/lines"
same "batch" "$(curl -sSf -N -H 'Content-Type: application/x-ndjson' --data-binary "@$folder/lines" \
  "$url/v1/items:batch" | tail -1)" \
  '{"done":true,"created":500,"duplicate":0,"joined":0,"in_progress":0,"failed":0}'
same "one connection" "$(curl -sSf -w '%{num_connects}\n' -o /dev/null "$url/v1/stats" -o /dev/null "$url/v1/stats" \
  -o /dev/null "$url/v1/stats" | tr -d "\n")" 100

# The feed gives what is there and what comes.
curl -sSfN "$url/v1/feed?after=$((id - 1))" >"$folder/feed" &
feed=$!
trap 'kill $feed 2>/dev/null; rm -rf "$folder"' EXIT
curl -sSf --data-binary "$content live" "$url/v1/items" >/dev/null
for _ in $(seq 200); do
  grep -q "$content live" "$folder/feed" && break
  sleep 0.05
done
grep -q "^id: $id$" "$folder/feed" || fail "the feed did not tell of item $id"
grep -q "$content live" "$folder/feed" || fail "the feed did not tell what was new"
