-- What the scripts beside this file share: requests with contents of 256 bytes that differ by a name and a number.
local contents = {}
local DIGITS = 12
local filling = string.rep("x", 256 - 8 - 16 - DIGITS - 2)

-- The text before and behind the digits of the number.
function contents.template(name)
  local body = string.format('{"sku":"%-16.16s%s%s"}', name, string.rep("#", DIGITS), filling)
  local request = wrk.format("POST", "/v1/items", {["Content-Type"] = "application/json"}, body)
  return request:match("^(.-)#+(.*)$")
end

function contents.digits(number)
  return string.format("%012d", number)
end

return contents
