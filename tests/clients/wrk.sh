#!/bin/bash
# wrk against a running server: tests/clients/wrk.sh URL
# New items, duplicates and reads from 64 connections; every answer must be one of these, and no id be given twice.
set -euo pipefail
url=$1
script=$(mktemp --suffix .lua)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'LUA'
local threads = {}
local content_of = {}  -- by id, of this thread
local number, sent = 0, {}

function setup(thread)
  thread:set("thread_number", #threads)
  table.insert(threads, thread)
end

function init()
  wrong, created, duplicate = 0, 0, 0
end

function request()
  number = number + 1
  local body = "wrk " .. thread_number .. " " .. math.floor(number / 3)  -- each three times, often at once
  return wrk.format("POST", "/v1/items", {["Content-Type"] = "text/plain"}, body)
end

function response(status, headers, body)
  local outcome, id = body:match('^{"outcome":"(%a+)","id":(%d+)}$')
  if status == 201 and outcome == "created" and not content_of[id] then
    created = created + 1
    content_of[id] = true
  elseif status == 200 and (outcome == "duplicate" or outcome == "joined") then
    duplicate = duplicate + 1
  else
    wrong = wrong + 1
  end
end

function done(summary)
  local totals = {wrong = 0, created = 0, duplicate = 0}
  for _, thread in ipairs(threads) do
    for name in pairs(totals) do
      totals[name] = totals[name] + thread:get(name)
    end
  end
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("RESULT wrong=%d failed=%d created=%d duplicate=%d", totals.wrong, failed, totals.created,
                      totals.duplicate))
end
LUA
result=$(wrk --threads 2 --connections 64 --duration 3s --script "$script" "$url" | grep '^RESULT')
echo "$result"
[[ $result =~ ^RESULT\ wrong=0\ failed=0\ created=([1-9][0-9]+)\ duplicate=([1-9][0-9]+)$ ]] || {
  echo "wrk: there were wrong or failed answers, or hardly any" >&2
  exit 1
}
