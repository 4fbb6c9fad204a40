-- Anthropic's messages and completions.
local cjson = require "cjson.safe"
local endpoint = require "kong.llm.providers.endpoint"

local concat = table.concat
local fmt = string.format
local ipairs = ipairs

local CHAT = "llm/v1/chat"
local ANTHROPIC_PATHS = { [CHAT] = "/v1/messages", ["llm/v1/completions"] = "/v1/complete" }
local FINISH_REASONS = { end_turn = "stop", stop_sequence = "stop", max_tokens = "length", tool_use = "tool_calls" }

local from_openai_message = {
  assistant = function(message)
    if not message.tool_calls then
      return message
    end
    local uses = {}
    for i, call in ipairs(message.tool_calls) do
      local called = call["function"]
      uses[i] = { type = "tool_use", id = call.id, name = called.name, input = cjson.decode(called.arguments) }
    end
    return { role = "assistant", content = uses }
  end,
  tool = function(message)
    local result = { type = "tool_result", tool_use_id = message.tool_call_id, content = message.content }
    return { role = "user", content = { result } }
  end,
  user = function(message)
    return message
  end,
}


local function anthropic_tools(tools)
  if not tools then
    return nil
  end
  local out = {}
  for _, tool in ipairs(tools) do
    local called = tool["function"]
    if called then
      out[#out + 1] = { name = called.name, description = called.description, input_schema = called.parameters }
    end
  end
  return out
end


local function anthropic_chat(request, options)
  local messages, system = {}, nil
  for _, message in ipairs(request.messages) do
    local convert = from_openai_message[message.role]
    if convert then
      messages[#messages + 1] = convert(message)
    else
      system = message.content
    end
  end
  return {
    model = request.model,
    messages = messages,
    system = system,
    temperature = options.temperature or request.temperature,
    max_tokens = options.max_tokens or request.max_tokens,
    stream = request.stream or false,
    tools = anthropic_tools(request.tools),
    tool_choice = request.tool_choice,
  }
end


local function anthropic_completion(request, options)
  return {
    model = request.model,
    prompt = fmt("Human: %s\n\nAssistant:", request.prompt),
    temperature = options.temperature or request.temperature,
    max_tokens_to_sample = options.max_tokens or request.max_tokens,
    stream = request.stream or false,
  }
end


local function openai_message(content)
  local texts, calls = {}, nil
  for _, part in ipairs(content) do
    if part.text then
      texts[#texts + 1] = part.text
    elseif part.type == "tool_use" then
      calls = calls or {}
      local called = { name = part.name, arguments = cjson.encode(part.input) }
      calls[#calls + 1] = { id = part.id, type = "function", ["function"] = called }
    end
  end
  return { role = "assistant", content = concat(texts, "\n"), tool_calls = calls }
end


local function openai_usage(usage)
  if not usage then
    return nil
  end
  local input, output = usage.input_tokens, usage.output_tokens
  return { prompt_tokens = input, completion_tokens = output, total_tokens = input and output and input + output }
end


return {
  endpoint = endpoint.new("https://api.anthropic.com", ANTHROPIC_PATHS),
  to = function(request, model, route_type)
    local convert = route_type == CHAT and anthropic_chat or anthropic_completion
    return convert(request, model.options or {})
  end,
  from = function(response, route_type)
    if route_type == CHAT and response.content then
      return {
        id = response.id,
        model = response.model,
        object = "chat.completion",
        usage = openai_usage(response.usage),
        choices = { {
          index = 0,
          finish_reason = FINISH_REASONS[response.stop_reason] or response.stop_reason,
          message = openai_message(response.content),
        } },
      }
    end
    if response.completion then
      return {
        model = response.model,
        object = "text_completion",
        choices = { { index = 0, finish_reason = response.stop_reason, text = response.completion } },
      }
    end
    return nil
  end,
}
