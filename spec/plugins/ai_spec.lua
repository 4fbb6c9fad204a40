-- The AI plugins against a node that plays a provider: it answers with what it was asked.
local cjson = require "cjson.safe"
local kgw = require "spec.support.kgw"


local PROVIDER = [[
_format_version: "3.0"
routes:
- name: openai
  paths: [/v1/chat/completions]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local asked = kong.request.get_body()
        local seen = { path = kong.request.get_path(), key = kong.request.get_header("authorization"), asked = asked }
        local message = { role = "assistant", content = "<<" .. asked.messages[#asked.messages].content:upper() .. ">>" }
        local usage = { prompt_tokens = 3, completion_tokens = 4, total_tokens = 7 }
        kong.response.exit(200, { choices = { { message = message } }, usage = usage, model = "m-1", seen = seen })
- name: anthropic
  paths: [/v1/messages]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local asked = kong.request.get_body()
        local text = asked.system .. "|" .. asked.messages[1].content .. "|" .. kong.request.get_header("anthropic-version")
        kong.response.exit(200, {
          id = "x", model = "c-1", stop_reason = "end_turn", content = { { type = "text", text = text } },
          usage = { input_tokens = 1, output_tokens = 2 },
        })
- name: gemini
  paths: [/gemini]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local asked = kong.request.get_body()
        local text = asked.systemInstruction.parts[1].text .. "|" .. asked.contents[1].parts[1].text
        text = text .. "|" .. kong.request.get_query_arg("key") .. "|" .. asked.generationConfig.maxOutputTokens
        kong.response.exit(200, {
          candidates = { { content = { parts = { { text = text } } }, finishReason = "STOP" } },
          usageMetadata = { promptTokenCount = 1, candidatesTokenCount = 2, totalTokenCount = 3 },
        })
- name: cohere
  paths: [/cohere]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local asked = kong.request.get_body()
        local before = asked.chat_history[1]
        kong.response.exit(200, { text = before.role .. before.message .. "|" .. asked.message, generation_id = "g" })
- name: echo
  paths: [/echo]
  plugins:
  - name: pre-function
    config: {access: ["kong.response.exit(200, kong.request.get_raw_body())"]}
]]

local GATEWAY = [[
_format_version: "3.0"
services:
- name: s
  url: http://127.0.0.1:${UP}/echo
  routes:
  - name: openai
    paths: [/openai]
    plugins:
    - name: ai-proxy
      config: &openai
        route_type: llm/v1/chat
        auth: {header_name: Authorization, header_value: Bearer secret}
        model: {provider: openai, name: m, options: {upstream_url: "http://127.0.0.1:${UP}/v1/chat/completions"}}
  - name: anthropic
    paths: [/anthropic]
    plugins:
    - name: ai-proxy
      config:
        route_type: llm/v1/chat
        model:
          provider: anthropic
          name: c
          options: {anthropic_version: v9, max_tokens: 5, upstream_url: "http://127.0.0.1:${UP}/v1/messages"}
  - name: cohere
    paths: [/cohere]
    plugins:
    - name: ai-proxy
      config:
        route_type: llm/v1/chat
        model: {provider: cohere, name: c, options: {upstream_url: "http://127.0.0.1:${UP}/cohere"}}
  - name: gemini
    paths: [/gemini]
    plugins:
    - name: ai-proxy
      config:
        route_type: llm/v1/chat
        auth: {param_name: key, param_value: k, param_location: query}
        model: {provider: gemini, name: g, options: {max_tokens: 9, upstream_url: "http://127.0.0.1:${UP}/gemini"}}
  - name: bedrock
    paths: [/bedrock]
    plugins:
    - name: ai-proxy
      config: {route_type: llm/v1/chat, auth: {allow_override: false}, model: {provider: bedrock, name: b}}
  - name: decorator
    paths: [/decorator]
    plugins:
    - name: ai-prompt-decorator
      config: {prompts: {prepend: [{role: system, content: first}], append: [{role: user, content: last}]}}
  - name: guard
    paths: [/guard]
    plugins:
    - name: ai-prompt-guard
      config: {allow_patterns: ["weather"], deny_patterns: ["password"]}
  - name: template
    paths: [/template]
    plugins:
    - name: ai-prompt-template
      config:
        allow_untemplated_requests: false
        templates: [{name: t, template: '{"messages":[{"role":"user","content":"Say {{word}}"}]}'}]
  - name: request
    paths: [/request]
    plugins:
    - name: ai-request-transformer
      config: {prompt: shout, transformation_extract_pattern: "[A-Z]+", llm: *openai}
  - name: response
    paths: [/response]
    plugins:
    - name: ai-response-transformer
      config: {prompt: shout, llm: *openai}
]]


describe("AI plugins", function()
  local node

  setup(function()
    local provider = kgw.new({}, PROVIDER):start()
    node = kgw.new({}, (GATEWAY:gsub("${UP}", provider.proxy))):start()
  end)

  teardown(kgw.stop_all)

  local function post(path, body)
    local http = require("resty.http").new()
    local res = assert(http:request_uri("http://127.0.0.1:" .. node.proxy .. path, {
      method = "POST",
      headers = { ["Content-Type"] = "application/json" },
      body = type(body) == "table" and cjson.encode(body) or body,
    }))
    return res.status, cjson.decode(res.body) or res.body, res.headers
  end

  local function chat(...)
    local messages = {}
    for i = 1, select("#", ...) do
      messages[i] = { role = "user", content = (select(i, ...)) }
    end
    return { messages = messages }
  end

  it("ai-proxy asks a model in OpenAI's format, with the gateway's key", function()
    local status, body, headers = post("/openai", chat("hello"))
    assert.equal(200, status)
    assert.equal("<<HELLO>>", body.choices[1].message.content)
    assert.equal("Bearer secret", body.seen.key)
    assert.equal("m", body.seen.asked.model)
    assert.is_false(body.seen.asked.stream)
    assert.equal("openai/m", headers["X-Kong-LLM-Model"])
  end)

  it("ai-proxy refuses other models, formats and bodies", function()
    local request = chat("hello")
    request.model = "mine"
    local status, body = post("/openai", request)
    assert.same({ 400, "cannot use own model - must be: m" }, { status, body.error.message })
    status, body = post("/openai", { prompt = "hello" })
    assert.equal(400, status)
    assert.matches("not compatible with [llm/v1/chat] route type", body.error.message, 1, true)
    status = post("/openai", "no json")
    assert.equal(400, status)
  end)

  it("ai-proxy translates for Anthropic", function()
    local request = { messages = { { role = "system", content = "be kind" }, { role = "user", content = "hi" } } }
    local status, body = post("/anthropic", request)
    assert.equal(200, status)
    assert.equal("be kind|hi|v9", body.choices[1].message.content)
    assert.equal("stop", body.choices[1].finish_reason)
    assert.same({ prompt_tokens = 1, completion_tokens = 2, total_tokens = 3 }, body.usage)
  end)

  it("ai-proxy translates for Cohere and Gemini", function()
    local request = { messages = { { role = "system", content = "be kind" }, { role = "user", content = "hi" } } }
    local status, body = post("/cohere", request)
    assert.equal(200, status)
    assert.equal("SYSTEMbe kind|hi", body.choices[1].message.content)
    status, body = post("/gemini", request)
    assert.equal(200, status)
    assert.equal("be kind|hi|k|9", body.choices[1].message.content)
    assert.equal("stop", body.choices[1].finish_reason)
    assert.equal(3, body.usage.total_tokens)
  end)

  it("ai-proxy says which providers it does not know", function()
    local status, body = post("/bedrock", chat("hello"))
    assert.equal(500, status)
    assert.matches("'bedrock' are not supported", body.error.message, 1, true)
  end)

  it("ai-prompt-decorator puts messages around the request's", function()
    local _, body = post("/decorator", chat("middle"))
    local contents = {}
    for i, message in ipairs(body.messages) do
      contents[i] = message.content
    end
    assert.same({ "first", "middle", "last" }, contents)
    assert.equal(400, (post("/decorator", { prompt = "x" })))
  end)

  it("ai-prompt-guard lets through what matches and nothing that is denied", function()
    assert.equal(200, (post("/guard", chat("how is the weather?"))))
    local status, body = post("/guard", chat("weather and my password"))
    assert.same({ 400, "bad request" }, { status, body.error.message })
    assert.equal(400, (post("/guard", chat("something else"))))
  end)

  it("ai-prompt-template fills in templates", function()
    local _, body = post("/template", { messages = "{template://t}", properties = { word = 'a "b"' } })
    assert.equal('Say a "b"', body.messages[1].content)
    local status
    status, body = post("/template", { messages = "{template://t}" })
    assert.same({ 400, "missing template parameters: [word]" }, { status, body.error.message })
    status, body = post("/template", { messages = "{template://u}" })
    assert.same({ 400, "could not find template name [u]" }, { status, body.error.message })
    assert.equal(400, (post("/template", chat("no template"))))
  end)

  it("transformers have bodies rewritten", function()
    local _, body = post("/request", "abc")
    assert.equal("ABC", body)
    _, body = post("/response", "abc")
    assert.equal("<<ABC>>", body)
  end)
end)
