-- Bodies as tables: forms, JSON and multipart, for kong.request, kong.service.request and kong.service.response.
-- Decoders give table, nil, type | nil, err, type.
local cjson = require "kong.tools.cjson"

local find = string.find
local lower = string.lower
local sub = string.sub
local type = type

local FORM = "application/x-www-form-urlencoded"
local JSON = "application/json"
local MULTIPART = "multipart/form-data"

local body = { FORM = FORM, JSON = JSON, MULTIPART = MULTIPART }


-- The type in lower case, without parameters.
function body.bare_type(content_type)
  local text = lower(content_type)
  local at = find(text, ";", 1, true)
  return at and sub(text, 1, at - 1) or text
end


-- FORM, JSON or MULTIPART, whichever the type begins with; nil for others.
function body.kind_of(bare)
  if sub(bare, 1, #FORM) == FORM then
    return FORM
  end
  if sub(bare, 1, #JSON) == JSON then
    return JSON
  end
  if sub(bare, 1, #MULTIPART) == MULTIPART then
    return MULTIPART
  end
  return nil
end


function body.decode_json(text)
  local decoded = cjson.decode_with_array_mt(text)
  if type(decoded) ~= "table" then
    return nil, "invalid json body", JSON
  end
  return decoded, nil, JSON
end


function body.decode_multipart(text, content_type)
  local parts = require("multipart")(text, content_type)
  if not parts then
    return nil, "unable to decode multipart body", MULTIPART
  end
  local values = parts:get_all_with_arrays()
  if not values then
    return nil, "unable to read multipart values", MULTIPART
  end
  return values, nil, MULTIPART
end


function body.unsupported(content_type, bare)
  return nil, "unsupported content type '" .. content_type .. "'", bare
end


return body
