-- Changes answers on their way to the client: headers, and keys of JSON bodies.
local body_transformer = require "kong.plugins.response-transformer.body_transformer"
local header_transformer = require "kong.plugins.response-transformer.header_transformer"
local meta = require "kong.meta"

local kong = kong


local ResponseTransformer = {
  PRIORITY = 800,
  VERSION = meta.version,
}


function ResponseTransformer:header_filter(conf)
  header_transformer.transform_headers(conf, kong.response.get_headers())
end


function ResponseTransformer:body_filter(conf)
  if not header_transformer.is_body_transform_set(conf)
     or not header_transformer.is_json_body(kong.response.get_header("Content-Type")) then
    return
  end
  local text = kong.response.get_raw_body()
  if not text then
    return
  end
  local changed, err = body_transformer.transform_json_body(conf, text)
  if not changed then
    kong.log.warn("body transform failed: ", err)
    return
  end
  return kong.response.set_raw_body(changed)
end


return ResponseTransformer
