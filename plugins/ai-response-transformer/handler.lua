-- Has a model rewrite the body of responses.
local cjson = require "cjson.safe"
local llm = require "kong.llm"
local meta = require "kong.meta"

local kong = kong
local pairs = pairs
local type = type


local AIResponseTransformer = {
  PRIORITY = 769,
  VERSION = meta.version,
}


-- status, body, headers as the model's JSON says them | nil, err.
local function parse_instructions(text)
  local answer, err = cjson.decode(text)
  if type(answer) ~= "table" then
    return nil, err or "input not table or string"
  end
  return answer.status or 200, answer.body or answer, answer.headers
end


function AIResponseTransformer:response(conf)
  local original = kong.service.response.get_raw_body() or ""
  if kong.service.response.get_header("Content-Encoding") == "gzip" then
    original = require("kong.tools.gzip").inflate_gzip(original)
  end
  local body, err = llm.rewrite(conf, original)
  if not body then
    return llm.refuse(400, err)
  end

  local headers = kong.service.response.get_headers()
  headers["content-length"], headers["content-encoding"], headers["transfer-encoding"] = nil, nil, nil
  local status = kong.service.response.get_status()
  if conf.parse_llm_response_json_instructions then
    local more
    status, body, more = parse_instructions(body)
    if not status then
      return llm.refuse(500, "failed to parse JSON response instructions from AI backend: " .. body)
    end
    for name, value in pairs(more or {}) do
      headers[name] = value
    end
  end
  return kong.response.exit(status, body, headers)
end


return AIResponseTransformer
