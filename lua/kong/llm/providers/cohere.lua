-- Cohere's chat and generate (version 1 of its API).
local endpoint = require "kong.llm.providers.endpoint"

local ipairs = ipairs

local CHAT = "llm/v1/chat"
local PATHS = { [CHAT] = "/v1/chat", ["llm/v1/completions"] = "/v1/generate" }
local ROLES = { system = "SYSTEM", assistant = "CHATBOT", user = "USER" }


local function usage_of(response)
  local units = response.meta and response.meta.billed_units
  if not units then
    return nil
  end
  local input, output = units.input_tokens, units.output_tokens
  return { prompt_tokens = input, completion_tokens = output, total_tokens = input and output and input + output }
end


return {
  endpoint = endpoint.new("https://api.cohere.com", PATHS),

  -- The last message is the question, those before it are history.
  to = function(request, model, route_type)
    local options = model.options or {}
    local out = {
      model = request.model,
      stream = request.stream or false,
      temperature = options.temperature or request.temperature,
      max_tokens = options.max_tokens or request.max_tokens,
      p = options.top_p or request.top_p,
      k = options.top_k or request.top_k,
    }
    if route_type ~= CHAT then
      out.prompt = request.prompt
      return out
    end
    local messages = request.messages
    for i, message in ipairs(messages) do
      if i == #messages then
        out.message = message.content
      else
        out.chat_history = out.chat_history or {}
        out.chat_history[i] = { role = ROLES[message.role] or "USER", message = message.content }
      end
    end
    return out
  end,

  from = function(response, _, model)
    local out = { model = model.name, usage = usage_of(response), choices = {} }
    if response.text then
      out.id, out.object = response.generation_id, "chat.completion"
      local message = { role = "assistant", content = response.text }
      out.choices[1] = { index = 0, finish_reason = "stop", message = message }
      return out
    end
    if response.generations then
      out.id, out.object = response.id, "text_completion"
      for i, generation in ipairs(response.generations) do
        out.choices[i] = { index = i - 1, finish_reason = "stop", text = generation.text }
      end
      return out
    end
    return nil
  end,
}
