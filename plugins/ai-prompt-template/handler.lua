-- Makes requests for models from templates: a request names one ({template://NAME}) in place of its messages or prompt and
-- brings the values for it.
local llm = require "kong.llm"
local meta = require "kong.meta"
local templater = require "kong.plugins.ai-prompt-template.templater"

local ipairs = ipairs
local kong = kong
local match = string.match
local type = type


local AIPromptTemplate = {
  PRIORITY = 773,
  VERSION = meta.version,
}


local function find(templates, name)
  for _, template in ipairs(templates) do
    if template.name == name then
      return template
    end
  end
  return nil, "could not find template name [" .. name .. "]"
end


-- What stands where the messages would: value | nil, err.
local function reference_in(request)
  if request.messages and request.prompt then
    return nil, "cannot run 'messages' and 'prompt' templates at the same time"
  end
  local reference = request.messages or request.prompt
  if not reference then
    return nil, "only 'llm/v1/chat' and 'llm/v1/completions' formats are supported for templating"
  end
  return reference
end


-- The new body | false when it stays as it is | nil, err.
local function render(conf, request)
  local reference, err = reference_in(request)
  if not reference then
    return nil, err
  end
  local name = type(reference) == "string" and match(reference, "^{template://(.*)}$")
  if not name then
    if conf.allow_untemplated_requests then
      return false
    end
    return nil, "this LLM route only supports templated requests"
  end
  local template
  template, err = find(conf.templates, name)
  if not template then
    return nil, err
  end
  return templater.render(template, request.properties or {})
end


function AIPromptTemplate:access(conf)
  local max_size = conf.max_request_body_size
  if conf.log_original_request then
    kong.log.set_serialize_value("ai.payload.original_request", kong.request.get_raw_body(max_size))
  end
  local request = llm.read_body(max_size)
  if not request then
    return llm.refuse(400, "this LLM route only supports application/json requests")
  end
  local body, err = render(conf, request)
  if body == nil then
    return llm.refuse(400, err)
  end
  if body then
    kong.service.request.set_raw_body(body)
  end
end


return AIPromptTemplate
