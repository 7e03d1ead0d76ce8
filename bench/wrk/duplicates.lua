-- wrk ... -s duplicates.lua URL -- FOLDER NAME [PIPELINED]: the same 1000 contents over and over, so many in one write.
local DISTINCT = 1000
local requests, place = {}, 0

function init(arguments)
  package.path = arguments[1] .. "/?.lua;" .. package.path
  local contents = require("contents")
  local before, behind = contents.template(arguments[2])
  local pipelined = tonumber(arguments[3] or "1")
  for first = 0, DISTINCT - 1 do
    local group = {}
    for offset = 0, pipelined - 1 do
      group[#group + 1] = before .. contents.digits((first + offset) % DISTINCT) .. behind
    end
    requests[#requests + 1] = table.concat(group)
  end
end

function request()
  place = place % DISTINCT + 1
  return requests[place]
end
