-- Sends requests in OpenAI's format to the model of a provider and answers in that format.
local cjson = require "cjson.safe"
local llm = require "kong.llm"
local meta = require "kong.meta"
local url = require "socket.url"

local kong = kong
local ngx = ngx
local next = next
local pairs = pairs
local tonumber = tonumber

local MODEL_HEADER = "X-Kong-LLM-Model"


local AIProxy = {
  PRIORITY = 770,
  VERSION = meta.version,
}


-- The model to ask, of the configuration or of the request.
local function model_of(conf, request)
  local asked = request.model
  local name = conf.model.name or asked
  if asked and asked ~= "" and asked ~= name then
    return nil, "cannot use own model - must be: " .. name
  end
  if not name and conf.route_type ~= "preserve" then
    return nil, "model parameter not found in request, nor in gateway configuration"
  end
  return { provider = conf.model.provider, name = name, options = conf.model.options }
end


-- Whether the answer will be an event stream: true or false | nil, err.
local function wants_stream(conf, provider, request)
  if not request.stream and conf.response_streaming ~= "always" then
    return false
  end
  if conf.response_streaming == "deny" or not provider.can_stream then
    return nil, "response streaming is not enabled for this LLM"
  end
  return true
end


local function has(kind, name)
  if kind == "header" then
    return kong.request.get_header(name) ~= nil
  end
  return kong.request.get_query_arg(name) ~= nil
end


local function set_target(conf, provider, model)
  local service = kong.service
  local parts = url.parse(provider.endpoint(model, conf.route_type))
  service.request.set_scheme(parts.scheme)
  service.request.set_path("/" .. (parts.path or ""):gsub("^/+", ""))
  service.set_target(parts.host, tonumber(parts.port) or (parts.scheme == "http" and 80 or 443))

  local headers, query = llm.credentials(conf.auth, model, provider, has)
  for name, value in pairs(headers) do
    service.request.set_header(name, value)
  end
  if next(query) then
    local all = kong.request.get_query()
    for name, value in pairs(query) do
      all[name] = value
    end
    service.request.set_query(all)
  end
  -- Anything else could not be read here.
  service.request.set_header("Accept-Encoding", "gzip, identity")
end


function AIProxy:access(conf)
  llm.check_format(conf)
  local provider, err = llm.provider_of(conf.model)
  if not provider then
    return llm.refuse(500, err)
  end
  local request = llm.read_body(conf.max_request_body_size)
  if not request then
    return llm.refuse(400, "content-type header does not match request body, or bad JSON formatting")
  end
  local ok
  ok, err = llm.is_compatible(request, conf.route_type)
  if not ok then
    return llm.refuse(400, err)
  end
  local model, is_stream
  model, err = model_of(conf, request)
  if not model then
    return llm.refuse(400, err)
  end
  is_stream, err = wants_stream(conf, provider, request)
  if is_stream == nil then
    return llm.refuse(400, err)
  end

  local ctx = kong.ctx.plugin
  ctx.provider, ctx.model, ctx.is_stream = provider, model, is_stream
  request.stream = is_stream
  if not is_stream then
    kong.service.request.enable_buffering()
  end
  if conf.route_type ~= "preserve" then
    local auth = conf.auth
    if auth and auth.param_name and auth.param_location == "body" then
      request[auth.param_name] = auth.allow_override and request[auth.param_name] or auth.param_value
    end
    local body = llm.to_provider(provider, request, model, conf.route_type)
    kong.service.request.set_body(body, "application/json")
  end
  return set_target(conf, provider, model)
end


-- What log plugins see of the use, in ai.proxy.
local function log_statistics(conf, model, response)
  local set = kong.log.set_serialize_value
  local usage = response.usage or {}
  set("ai.proxy.meta", {
    plugin_id = kong.plugin.get_id(),
    provider_name = model.provider,
    request_model = model.name,
    response_model = response.model or model.name,
    llm_latency = ngx.ctx.KONG_WAITING_TIME,
  })
  set("ai.proxy.usage", {
    prompt_tokens = usage.prompt_tokens,
    completion_tokens = usage.completion_tokens,
    total_tokens = usage.total_tokens,
  })
end


-- The buffered answer in OpenAI's format, if it has to become another one.
local function convert(conf, ctx)
  local body = kong.service.response.get_raw_body()
  if not body or kong.service.response.get_status() ~= 200 or conf.route_type == "preserve" then
    return nil
  end
  local converted, err = llm.from_provider(ctx.provider, body, conf.route_type, ctx.model)
  if not converted then
    kong.log.err(err)
    return nil
  end
  if conf.logging and conf.logging.log_statistics then
    ctx.response = cjson.decode(converted)
  end
  if conf.logging and conf.logging.log_payloads then
    ctx.payload = converted
  end
  return converted ~= body and converted or nil
end


function AIProxy:header_filter(conf)
  local ctx = kong.ctx.plugin
  if not ctx.model then
    return
  end
  if conf.model_name_header then
    kong.response.set_header(MODEL_HEADER, ctx.model.provider .. "/" .. (ctx.model.name or ""))
  end
  if kong.response.get_source() ~= "service" then
    return
  end
  if ctx.is_stream then
    kong.response.set_header("Content-Type", "text/event-stream")
    return
  end
  ctx.body = convert(conf, ctx)
  if ctx.body then
    kong.response.clear_header("Content-Length")
    kong.response.clear_header("Content-Encoding")
  end
end


function AIProxy:body_filter()
  local body = kong.ctx.plugin.body
  if body then
    kong.response.set_raw_body(body)
  end
end


function AIProxy:log(conf)
  local ctx = kong.ctx.plugin
  if ctx.response then
    log_statistics(conf, ctx.model, ctx.response)
  end
  if ctx.payload then
    kong.log.set_serialize_value("ai.proxy.payload", { request = ngx.req.get_body_data(), response = ctx.payload })
  end
end


return AIProxy
