-- Google's Gemini, in its public form (an API key in a header or argument) or on Vertex (a token in a header).
local cjson = require "cjson.safe"

local concat = table.concat
local fmt = string.format
local ipairs = ipairs
local type = type

local ROLES = { user = "user", assistant = "model" }
local PUBLIC_URL = "https://generativelanguage.googleapis.com/v1beta/models/%s:generateContent"
local VERTEX_URL = "https://%s/v1/projects/%s/locations/%s/publishers/google/models/%s:generateContent"


local function endpoint(model)
  local options = model.options or {}
  local vertex = options.gemini
  if options.upstream_url then
    return options.upstream_url
  end
  if vertex and vertex.api_endpoint then
    return fmt(VERTEX_URL, vertex.api_endpoint, vertex.project_id, vertex.location_id, model.name)
  end
  return fmt(PUBLIC_URL, model.name)
end


-- A message's content, text or a list of parts with text.
local function parts_of(content)
  if type(content) ~= "table" then
    return { { text = content or "" } }
  end
  local parts = {}
  for i, part in ipairs(content) do
    parts[i] = { text = part.text or "" }
  end
  return parts
end


local function declarations_of(tools)
  if not tools then
    return nil
  end
  local functions = {}
  for i, tool in ipairs(tools) do
    functions[i] = tool["function"]
  end
  return { { function_declarations = functions } }
end


local function calls_of(parts)
  local calls
  for _, part in ipairs(parts) do
    local call = part.functionCall
    if call then
      calls = calls or {}
      local called = { name = call.name, arguments = cjson.encode(call.args) }
      calls[#calls + 1] = { type = "function", ["function"] = called }
    end
  end
  return calls
end


local function text_of(parts)
  local texts = {}
  for _, part in ipairs(parts) do
    texts[#texts + 1] = part.text
  end
  return texts[1] and concat(texts)
end


return {
  endpoint = endpoint,

  to = function(request, model)
    local options = model.options or {}
    local contents, system = {}, {}
    for _, message in ipairs(request.messages or {}) do
      if message.role == "system" then
        system[#system + 1] = message.content
      else
        contents[#contents + 1] = { role = ROLES[message.role] or "user", parts = parts_of(message.content) }
      end
    end
    return {
      contents = contents,
      systemInstruction = system[1] and { parts = { { text = concat(system) } } },
      generationConfig = {
        maxOutputTokens = options.max_tokens or request.max_tokens,
        temperature = options.temperature or request.temperature,
        topP = options.top_p or request.top_p,
        topK = options.top_k,
        stopSequences = request.stop,
      },
      tools = declarations_of(request.tools),
    }
  end,

  from = function(response, _, model)
    local candidate = response.candidates and response.candidates[1]
    local parts = candidate and candidate.content and candidate.content.parts
    if not parts then
      return nil
    end
    local used = response.usageMetadata
    return {
      object = "chat.completion",
      model = model.name,
      usage = used and {
        prompt_tokens = used.promptTokenCount,
        completion_tokens = used.candidatesTokenCount,
        total_tokens = used.totalTokenCount,
      },
      choices = { {
        index = 0,
        finish_reason = candidate.finishReason and candidate.finishReason:lower(),
        message = { role = "assistant", content = text_of(parts), tool_calls = calls_of(parts) },
      } },
    }
  end,
}
