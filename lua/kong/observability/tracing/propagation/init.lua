-- Trace context in the headers of requests: read from the client's, cleared, written into the upstream's. Used by plugins
-- that trace:
--   propagation.propagate(propagation.get_plugin_params(conf), function(trace, ...) ... return trace end, ...)
-- A trace is { trace_id, span_id, parent_id (bytes), trace_id_original_size, reuse_span_id, should_sample, baggage, flags,
-- w3c_flags, single_header }, each optional. Each file in formats/ reads and writes one kind of headers:
--   headers: any of these must be there for `read`; read(headers) -> trace | nil; write(trace) -> headers;
--   sizes: lengths a trace id may have, the usual one first; needs_ids; show(trace_id) -> { format = text }
local ids = require "kong.observability.tracing.propagation.ids"
local tracing_context = require "kong.observability.tracing.tracing_context"

local concat = table.concat
local fit = ids.fit
local ipairs = ipairs
local kong = kong
local next = next
local ngx = ngx
local null = ngx.null
local pairs = pairs
local setmetatable = setmetatable

local propagation = {}

local FORMATS = "kong.observability.tracing.propagation.formats."
local TRACE_ID_LEN, SPAN_ID_LEN = 16, 8
-- What `header_type` (the setting before `propagation`) looked for, in that order.
local OLD_ORDER = { "b3", "w3c", "jaeger", "ot", "datadog", "aws", "gcp" }

-- By plugin configuration.
local params_of = setmetatable({}, { __mode = "k" })


local function is_set(value)
  return value ~= nil and value ~= null
end


local function make_params(conf)
  local params = {}
  for name, value in pairs(is_set(conf.propagation) and conf.propagation or {}) do
    if is_set(value) then
      params[name] = value
    end
  end
  if params.extract or params.inject or params.clear then
    return params
  end
  if is_set(conf.default_header_type) then
    params.default_format = conf.default_header_type
  end
  local kind = conf.header_type
  if kind == "ignore" then
    params.inject = { params.default_format }
  elseif is_set(kind) then
    params.extract = OLD_ORDER
    params.inject = kind == "preserve" and { "preserve" } or { "preserve", kind }
  end
  return params
end


-- What a plugin's configuration says of propagation, the deprecated fields header_type and default_header_type included.
function propagation.get_plugin_params(conf)
  local params = params_of[conf]
  if not params then
    params = make_params(conf)
    params_of[conf] = params
  end
  return params
end


local function has_any(headers, names)
  for i = 1, #names do
    if headers[names[i]] ~= nil then
      return true
    end
  end
  return false
end


-- The trace that the client's request belongs to, by the first of params.extract that finds something; or {} or nil.
function propagation.extract(params)
  local found = {}
  if not params.extract then
    return found
  end
  local headers = ngx.req.get_headers()
  for _, name in ipairs(params.extract) do
    local format = require(FORMATS .. name)
    found = has_any(headers, format.headers) and format.read(headers) or nil
    if found and next(found) ~= nil then
      found.trace_id_original_size = found.trace_id and #found.trace_id
      found.trace_id = fit(found.trace_id, TRACE_ID_LEN)
      found.span_id = fit(found.span_id, SPAN_ID_LEN)
      found.parent_id = fit(found.parent_id, SPAN_ID_LEN)
      kong.ctx.plugin.extracted_from = name
      return found
    end
  end
  return found
end


function propagation.clear(params)
  for _, name in ipairs(params.clear or {}) do
    kong.service.request.clear_header(name)
  end
end


local function id_size(sizes, original)
  for i = 1, #sizes do
    if sizes[i] == original then
      return original
    end
  end
  return sizes[1]
end


-- Sets one format's headers. Returns the trace id as that format writes it | nil, err.
local function inject_one(name, trace)
  local format = require(FORMATS .. name)
  if format.needs_ids then
    local missing = trace.trace_id == nil and "trace_id" or trace.span_id == nil and "span_id"
    if missing then
      return nil, name .. " injector context is invalid: field " .. missing .. " not found in context"
    end
  end
  -- The caller's trace stays as it is.
  local out = setmetatable({}, { __index = trace })
  out.trace_id = fit(trace.trace_id, id_size(format.sizes, trace.trace_id_original_size))
  out.span_id = fit(trace.span_id, SPAN_ID_LEN)
  out.parent_id = fit(trace.parent_id, SPAN_ID_LEN)
  local set_header = kong.service.request.set_header
  for header, value in pairs(format.write(out)) do
    set_header(header, value)
  end
  return format.show(out.trace_id)
end


local function format_to_keep(params, trace)
  local name = kong.ctx.plugin.extracted_from or params.default_format or "w3c"
  return name == "b3" and trace.single_header and "b3-single" or name
end


-- Sets the headers of all of params.inject ("preserve": those of the format that the trace came in). Returns all known
-- spellings of the trace id | nil, err.
function propagation.inject(params, trace)
  if not params.inject then
    return nil
  end
  local shown, errors = nil, {}
  for _, name in ipairs(params.inject) do
    local one, err = inject_one(name == "preserve" and format_to_keep(params, trace) or name, trace)
    if one then
      shown = tracing_context.add_trace_id_formats(one)
    else
      errors[#errors + 1] = err
    end
  end
  if errors[1] then
    return nil, concat(errors, ", ")
  end
  return shown
end


-- extract, then decide(trace, ...) -> the trace to go on with, then clear and inject.
function propagation.propagate(params, decide, ...)
  local trace = propagation.extract(params) or {}
  if decide then
    trace = decide(trace, ...)
  end
  propagation.clear(params)
  local shown, err = propagation.inject(params, trace)
  if shown then
    kong.log.set_serialize_value("trace_id", shown)
  elseif err then
    kong.log.err(err)
  end
end


return propagation
