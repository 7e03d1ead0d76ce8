-- wrk -t1 ... -s new.lua URL -- FOLDER NAME: every content is new, if the name is.
local digits, before, behind
local number = 0

function init(arguments)
  package.path = arguments[1] .. "/?.lua;" .. package.path
  local contents = require("contents")
  digits = contents.digits
  before, behind = contents.template(arguments[2])
end

function request()
  number = number + 1
  return before .. digits(number) .. behind
end
