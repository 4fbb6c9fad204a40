-- OpenTelemetry's protocol: spans and log records as protobuf messages. A record is encoded when it is made (strings are
-- what queues hold best); a batch of them becomes a request by putting lengths before them.
local ffi = require "ffi"

local char = string.char
local concat = table.concat
local fill = string.rep
local ffi_string = ffi.string
local floor = math.floor
local ipairs = ipairs
local pairs = pairs
local setmetatable = setmetatable
local sub = string.sub
local type = type

local otlp = {}

local VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
local TRACE_ID_LEN, SPAN_ID_LEN = 16, 8
local SCOPE_NAME, SCOPE_VERSION = "kong-internal", "0.1.0"
-- Numbers that are integers in the protocol; all others are doubles.
local INTEGERS = { ["http.status_code"] = true }
local SEVERITIES = {
  [ngx.DEBUG] = { 5, "DEBUG" },
  [ngx.INFO] = { 9, "INFO" },
  [ngx.NOTICE] = { 11, "NOTICE" },
  [ngx.WARN] = { 13, "WARN" },
  [ngx.ERR] = { 17, "ERR" },
  [ngx.CRIT] = { 19, "CRIT" },
  [ngx.ALERT] = { 21, "ALERT" },
  [ngx.EMERG] = { 23, "EMERG" },
}

local as_u64 = ffi.new("uint64_t[1]")
local as_double = ffi.new("double[1]")

-- Resource attributes as bytes, by the table that a plugin's configuration has for them.
local resources = setmetatable({}, { __mode = "k" })
local DEFAULT_RESOURCE = {}


-- Wire format ---------------------------------------------------------------------------------------------------------

local function varint(n)
  if n < 128 then
    return char(n)
  end
  return char(n % 128 + 128) .. varint(floor(n / 128))
end


local function tag(number, wire_type)
  return varint(number * 8 + wire_type)
end


local function put(out, text)
  out[#out + 1] = text
end


-- Fields that are nil are left out.
local function put_bytes(out, number, text)
  if text then
    put(out, tag(number, BYTES) .. varint(#text) .. text)
  end
end


local function put_integer(out, number, value)
  if value then
    put(out, tag(number, VARINT) .. varint(value))
  end
end


local function put_fixed64(out, number, value)
  if value then
    as_u64[0] = value
    put(out, tag(number, FIXED64) .. ffi_string(as_u64, 8))
  end
end


local function put_fixed32(out, number, value)
  if value then
    as_u64[0] = value
    put(out, tag(number, FIXED32) .. ffi_string(as_u64, 4))
  end
end


-- Values and attributes -----------------------------------------------------------------------------------------------

local put_attributes, value_message


-- kvlist_value or array_value
local function table_message(value)
  local out, list = {}, {}
  if value[1] ~= nil then
    for _, item in ipairs(value) do
      put_bytes(list, 1, value_message(nil, item))
    end
    put_bytes(out, 5, concat(list))
  else
    put_attributes(list, 1, value)
    put_bytes(out, 6, concat(list))
  end
  return concat(out)
end


function value_message(key, value)
  local kind = type(value)
  local out = {}
  if kind == "string" then
    put_bytes(out, 1, value)
  elseif kind == "boolean" then
    put_integer(out, 2, value and 1 or 0)
  elseif kind == "number" and INTEGERS[key] then
    put_integer(out, 3, value)
  elseif kind == "number" then
    as_double[0] = value
    put(out, tag(4, FIXED64) .. ffi_string(as_double, 8))
  elseif kind == "table" then
    return table_message(value)
  end
  return concat(out)
end


function put_attributes(out, number, attributes)
  for key, value in pairs(attributes or {}) do
    local pair = {}
    put_bytes(pair, 1, key)
    put_bytes(pair, 2, value_message(key, value))
    put_bytes(out, number, concat(pair))
  end
end


local function fit(id, length)
  if #id > length then
    return sub(id, -length)
  end
  return fill("\0", length - #id) .. id
end


function otlp.to_ot_trace_id(id)
  return fit(id, TRACE_ID_LEN)
end


-- Records -------------------------------------------------------------------------------------------------------------

local function event_message(event)
  local out = {}
  put_fixed64(out, 1, event.time_ns)
  put_bytes(out, 2, event.name)
  put_attributes(out, 3, event.attributes)
  return concat(out)
end


-- A finished span (see kong.tracing) as a message. trace_id: instead of the span's own.
function otlp.encode_span(span, trace_id)
  local out = {}
  put_bytes(out, 1, fit(trace_id or span.trace_id, TRACE_ID_LEN))
  put_bytes(out, 2, span.span_id)
  put_bytes(out, 4, span.parent_id and fit(span.parent_id, SPAN_ID_LEN))
  put_bytes(out, 5, span.name)
  put_integer(out, 6, span.kind)
  put_fixed64(out, 7, span.start_time_ns)
  put_fixed64(out, 8, span.end_time_ns)
  put_attributes(out, 9, span.attributes)
  for _, event in ipairs(span.events or {}) do
    put_bytes(out, 11, event_message(event))
  end
  if span.status then
    put_bytes(out, 15, tag(3, VARINT) .. varint(span.status))
  end
  return concat(out)
end


otlp.transform_span = otlp.encode_span


-- A record of kong.observability.logs as a message.
function otlp.encode_log(record, trace_id, flags)
  local severity = SEVERITIES[record.log_level]
  local out = {}
  put_fixed64(out, 1, record.time_unix_nano)
  put_integer(out, 2, severity and severity[1])
  put_bytes(out, 3, severity and severity[2])
  put_bytes(out, 5, value_message(nil, record.body))
  put_attributes(out, 6, record.attributes)
  put_fixed32(out, 8, flags)
  put_bytes(out, 9, trace_id)
  put_bytes(out, 10, record.span_id)
  put_fixed64(out, 11, record.observed_time_unix_nano)
  return concat(out)
end


-- All of them, as queues take them.
function otlp.prepare_logs(records, trace_id, flags)
  local messages = {}
  for i, record in ipairs(records) do
    messages[i] = otlp.encode_log(record, trace_id, flags)
  end
  return messages
end


-- Requests ------------------------------------------------------------------------------------------------------------

local function resource_of(attributes)
  local key = attributes or DEFAULT_RESOURCE
  local message = resources[key]
  if not message then
    local all = {
      ["service.name"] = "kong",
      ["service.instance.id"] = kong.node.get_id(),
      ["service.version"] = kong.version,
    }
    for name, value in pairs(attributes or {}) do
      all[name] = value
    end
    local out = {}
    put_attributes(out, 1, all)
    message = concat(out)
    resources[key] = message
  end
  return message
end


-- The same for spans and logs: a resource, a scope and the records in it.
local function request_message(records, attributes)
  local scope, scoped, of_resource, out = {}, {}, {}, {}
  put_bytes(scope, 1, SCOPE_NAME)
  put_bytes(scope, 2, SCOPE_VERSION)
  put_bytes(scoped, 1, concat(scope))
  for i = 1, #records do
    put_bytes(scoped, 2, records[i])
  end
  put_bytes(of_resource, 1, resource_of(attributes))
  put_bytes(of_resource, 2, concat(scoped))
  put_bytes(out, 1, concat(of_resource))
  return concat(out)
end


-- Messages of spans -> an ExportTraceServiceRequest. attributes: of the resource, may be nil.
function otlp.encode_traces(spans, attributes)
  return request_message(spans, attributes)
end


-- Messages of logs -> an ExportLogsServiceRequest.
function otlp.encode_logs(logs, attributes)
  return request_message(logs, attributes)
end


return otlp
