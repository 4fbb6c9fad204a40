-- require "pgmoon.json": values of the types json and jsonb.
local cjson = require "cjson"

local Json = {}


--- The value as JSON in a literal of SQL. escape_literal: of a connection, or the usual one.
function Json.encode_json(value, escape_literal)
  local text = cjson.encode(value)
  if escape_literal then
    return escape_literal(text)
  end
  return require("pgmoon").Postgres.escape_literal(nil, text)
end


function Json.decode_json(text)
  return cjson.decode(text)
end


return Json
