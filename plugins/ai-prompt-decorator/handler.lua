-- Puts messages before and after those of chat requests.
local llm = require "kong.llm"
local meta = require "kong.meta"

local ipairs = ipairs
local kong = kong


local AIPromptDecorator = {
  PRIORITY = 772,
  VERSION = meta.version,
}


local function add(list, messages)
  for _, message in ipairs(messages or {}) do
    list[#list + 1] = message
  end
end


function AIPromptDecorator:access(conf)
  llm.check_format(conf)
  local request = llm.read_body(conf.max_request_body_size)
  if not request then
    return llm.refuse(400, "this LLM route only supports application/json requests")
  end
  if not llm.is_chat(request) then
    return llm.refuse(400, "this LLM route only supports llm/chat type requests")
  end
  local messages = {}
  add(messages, conf.prompts.prepend)
  add(messages, request.messages)
  add(messages, conf.prompts.append)
  request.messages = messages
  kong.service.request.set_body(request, "application/json")
end


return AIPromptDecorator
