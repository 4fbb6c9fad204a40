-- Refuses prompts by regular expressions. What exactly was wrong is told to the log only.
local llm = require "kong.llm"
local meta = require "kong.meta"

local concat = table.concat
local ipairs = ipairs
local kong = kong
local ngx = ngx
local type = type

local WRONG_FORMAT = "ai-prompt-guard only supports llm/v1/chat or llm/v1/completions prompts"


local AIPromptGuard = {
  PRIORITY = 771,
  VERSION = meta.version,
}


-- The messages that count, the newest first.
local function collect(messages, conf)
  local texts = {}
  for i = #messages, 1, -1 do
    local message = messages[i]
    if type(message.role) ~= "string" then
      return nil, WRONG_FORMAT
    end
    if message.role == "user" or conf.match_all_roles then
      if type(message.content) ~= "string" then
        return nil, WRONG_FORMAT
      end
      texts[#texts + 1] = message.content
      if conf.allow_all_conversation_history then
        break
      end
    end
  end
  return concat(texts, " ")
end


local function prompt_of(request, conf)
  if type(request.messages) == "table" then
    return collect(request.messages, conf)
  end
  if type(request.prompt) == "string" then
    return request.prompt
  end
  return nil, WRONG_FORMAT
end


-- Whether one of the patterns matches. A wrong pattern is the operator's fault: 500.
local function matches(prompt, patterns)
  for _, pattern in ipairs(patterns) do
    local from, _, err = ngx.re.find(prompt, pattern, "jo")
    if err then
      kong.log.err("bad regex pattern '", pattern, "', failed to execute: ", err)
      return kong.response.exit(500)
    end
    if from then
      return true
    end
  end
  return false
end


-- nil, or why the request is refused.
local function fault_of(request, conf)
  local prompt, err = prompt_of(request, conf)
  if not prompt then
    return err
  end
  if matches(prompt, conf.deny_patterns or {}) then
    return "prompt pattern is blocked"
  end
  local allowed = conf.allow_patterns
  if allowed and allowed[1] and not matches(prompt, allowed) then
    return "prompt doesn't match any allowed pattern"
  end
end


function AIPromptGuard:access(conf)
  llm.check_format(conf)
  local request = llm.read_body(conf.max_request_body_size)
  if not request then
    return llm.refuse(400, "this LLM route only supports application/json requests")
  end
  local fault = fault_of(request, conf)
  if fault then
    kong.log.debug(fault)
    return llm.refuse(400, "bad request")
  end
end


return AIPromptGuard
