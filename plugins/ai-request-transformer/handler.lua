-- Has a model rewrite the body of requests.
local llm = require "kong.llm"
local meta = require "kong.meta"

local kong = kong


local AIRequestTransformer = {
  PRIORITY = 777,
  VERSION = meta.version,
}


function AIRequestTransformer:access(conf)
  local body, err = llm.rewrite(conf, kong.request.get_raw_body(conf.max_request_body_size) or "")
  if not body then
    return llm.refuse(400, err)
  end
  kong.service.request.set_raw_body(body)
end


return AIRequestTransformer
