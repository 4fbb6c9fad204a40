-- What the AI plugins share: requests in OpenAI's format, the providers of models (kong.llm.providers) and one-shot
-- questions to a model.
local cjson = require "cjson.safe"
local http = require "resty.http"
local providers = require "kong.llm.providers"

local kong = kong
local ngx = ngx
local next = next
local type = type

local llm = { config_schema = require "kong.llm.schema" }

local CHAT = "llm/v1/chat"


-- Answers with OpenAI's form of an error.
function llm.refuse(status, text)
  if status == 400 then
    kong.log.info(text)
  else
    kong.log.err(text)
  end
  return kong.response.exit(status, { error = { message = text } })
end


-- Ends the request when the configuration asks for a provider's own format.
function llm.check_format(conf)
  local format = conf.llm_format
  if format and format ~= "openai" then
    return llm.refuse(500, "llm_format '" .. format .. "' is not supported")
  end
end


-- The request's body as a table, nil when it is none or larger than max_size.
function llm.read_body(max_size)
  local content_type = kong.request.get_header("Content-Type")
  if content_type and not content_type:find("application/json", 1, true) then
    return nil
  end
  local body = kong.request.get_body("application/json", nil, max_size)
  return type(body) == "table" and body or nil
end


function llm.is_chat(request)
  return type(request.messages) == "table" and #request.messages > 0
end


-- Whether a request fits a route type: true | false or nil, err.
function llm.is_compatible(request, route_type)
  if route_type == "preserve" then
    return true
  end
  local is_chat, is_completion = llm.is_chat(request), type(request.prompt) == "string"
  if is_chat and is_completion then
    return nil, "request matches multiple LLM request formats"
  end
  if not is_chat and not is_completion then
    return nil, "request format not recognised"
  end
  local format = is_chat and CHAT or "llm/v1/completions"
  if format ~= route_type then
    return false, "[" .. format .. "] message format is not compatible with [" .. route_type .. "] route type"
  end
  return true
end


-- The provider of a model, which has to be one whose format is known: provider | nil, err.
function llm.provider_of(model)
  local provider = providers[model.provider]
  local format = model.options and model.options[model.provider .. "_format"]
  if not provider or format and format ~= "openai" then
    return nil, "models of provider '" .. model.provider .. "'" .. (format and " with format " .. format or "")
                .. " are not supported"
  end
  return provider
end


-- A request of a client -> what its provider wants. Changes `request`.
function llm.to_provider(provider, request, model, route_type)
  request.model = model.name or request.model
  request.stream = request.stream or false
  request.top_k = nil
  return provider.to and provider.to(request, model, route_type) or request
end


-- A body of the provider -> OpenAI's format: text | nil, err.
function llm.from_provider(provider, body, route_type, model)
  if not provider.from then
    return body
  end
  local response = cjson.decode(body)
  local converted = type(response) == "table" and provider.from(response, route_type, model)
  if not converted then
    return nil, "failed to decode " .. route_type .. " response"
  end
  return cjson.encode(converted)
end


-- Arguments and headers that let the gateway in. `has(kind, name)` says whether the client sent one itself.
function llm.credentials(auth, model, provider, has)
  local headers, query = {}, provider.query and provider.query(model) or {}
  if model.provider == "anthropic" then
    headers["anthropic-version"] = model.options and model.options.anthropic_version
  end
  if not auth then
    return headers, query
  end
  if auth.header_name and not (auth.allow_override and has("header", auth.header_name)) then
    headers[auth.header_name] = auth.header_value
  end
  local name = auth.param_name
  if name and auth.param_location == "query" and not (auth.allow_override and has("query", name)) then
    query[name] = auth.param_value
  end
  return headers, query
end


local function has_nothing()
  return false
end


local function proxies_of(conf)
  local out = {}
  if conf.http_proxy_host then
    out.http_proxy = "http://" .. conf.http_proxy_host .. ":" .. conf.http_proxy_port
  end
  if conf.https_proxy_host then
    out.https_proxy = "http://" .. conf.https_proxy_host .. ":" .. conf.https_proxy_port
  end
  return next(out) and out or nil
end


local function send(provider, conf, request)
  local model = conf.llm.model
  local headers, query = llm.credentials(conf.llm.auth, model, provider, has_nothing)
  headers["Accept"], headers["Content-Type"] = "application/json", "application/json"
  local client = http.new()
  client:set_timeouts(conf.http_timeout, conf.http_timeout, conf.http_timeout)
  local res, err = client:request_uri(provider.endpoint(model, conf.llm.route_type), {
    method = "POST",
    headers = headers,
    query = next(query) and query or nil,
    body = cjson.encode(llm.to_provider(provider, request, model, conf.llm.route_type)),
    ssl_verify = conf.https_verify,
    proxy_opts = proxies_of(conf),
  })
  if not res then
    return nil, "request to ai service failed: " .. err
  end
  if res.status > 299 then
    return nil, "status code " .. res.status
  end
  return res.body
end


-- Has the model of a transformer plugin's configuration rewrite a text: the new text | nil, err.
function llm.rewrite(conf, text)
  local provider, err = llm.provider_of(conf.llm.model)
  if not provider then
    return nil, err
  end
  local messages = { { role = "system", content = conf.prompt }, { role = "user", content = text } }
  local body
  body, err = send(provider, conf, { messages = messages })
  if not body then
    return nil, "failed to introspect request with AI service: " .. err
  end
  body, err = llm.from_provider(provider, body, CHAT, conf.llm.model)
  local response = body and cjson.decode(body)
  if not response then
    return nil, "failed to convert AI response to JSON: " .. (err or "")
  end
  local choice = response.choices and response.choices[1]
  local answer = choice and choice.message and choice.message.content
  if not answer then
    return nil, "no 'choices' in upstream AI service response"
  end
  local pattern = conf.transformation_extract_pattern
  if not pattern then
    return answer
  end
  local found
  found, err = ngx.re.match(answer, pattern, "ijom")
  if err then
    return nil, "failed regex matching ai response: " .. err
  end
  if not found then
    return nil, "AI response did not match specified regular expression"
  end
  return found[0]
end


return llm
