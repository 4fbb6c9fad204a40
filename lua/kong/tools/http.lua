-- HTTP details that the gateway and plugins share: content negotiation and pages for errors, header helpers, cache
-- directives. Arguments are in http_args.lua.
local args = require "kong.tools.http_args"
local split = require("kong.tools.string").split
local replace_dashes = require("kong.tools.string").replace_dashes
local strip = require("kong.tools.string").strip

local find = string.find
local fmt = string.format
local lower = string.lower
local match = string.match
local ngx = ngx
local tonumber = tonumber
local type = type

local http = {
  encode_args = args.encode_args,
  decode_args = args.decode_args,
}

local HTML = "text/html; charset=utf-8"
local JSON = "application/json; charset=utf-8"
local PLAIN = "text/plain; charset=utf-8"
local XML = "application/xml; charset=utf-8"
local GRPC = "application/grpc"

local MIME_TYPES = {
  ["text/html"] = HTML,
  ["application/json"] = JSON,
  ["application/*"] = JSON,
  ["*/*"] = JSON,
  ["text/plain"] = PLAIN,
  ["text/*"] = PLAIN,
  ["application/xml"] = XML,
  -- The client gets an error by its status alone.
  [GRPC] = "",
}

-- The message and the request id take the places of "%s".
local TEMPLATES = {
  [HTML] = [[
<!doctype html>
<html>
  <head>
    <meta charset="utf-8">
    <title>Error</title>
  </head>
  <body>
    <h1>Error</h1>
    <p>%s.</p>
    <p>request_id: %s</p>
  </body>
</html>
]],
  [JSON] = '{\n  "message":"%s",\n  "request_id":"%s"\n}',
  [PLAIN] = "%s\nrequest_id: %s\n",
  [XML] = '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n  <message>%s</message>\n  <requestid>%s</requestid>\n</error>\n',
  [""] = "",
}
local TEMPLATE_SETTINGS = {
  [HTML] = { "error_template_html", "HTML" },
  [JSON] = { "error_template_json", "JSON" },
  [PLAIN] = { "error_template_plain", "plain" },
  [XML] = { "error_template_xml", "XML" },
}

local MESSAGES = {
  [400] = "Bad request",
  [401] = "Unauthorized",
  [402] = "Payment required",
  [403] = "Forbidden",
  [404] = "Not found",
  [405] = "Method not allowed",
  [406] = "Not acceptable",
  [407] = "Proxy authentication required",
  [408] = "Request timeout",
  [409] = "Conflict",
  [410] = "Gone",
  [411] = "Length required",
  [412] = "Precondition failed",
  [413] = "Payload too large",
  [414] = "URI too long",
  [415] = "Unsupported media type",
  [416] = "Range not satisfiable",
  [417] = "Expectation failed",
  [418] = "I'm a teapot",
  [421] = "Misdirected request",
  [422] = "Unprocessable entity",
  [423] = "Locked",
  [424] = "Failed dependency",
  [425] = "Too early",
  [426] = "Upgrade required",
  [428] = "Precondition required",
  [429] = "Too many requests",
  [431] = "Request header fields too large",
  [451] = "Unavailable for legal reasons",
  [494] = "Request header or cookie too large",
  [500] = "An unexpected error occurred",
  [501] = "Not implemented",
  [502] = "An invalid response was received from the upstream server",
  [503] = "The upstream server is currently unavailable",
  [504] = "The upstream server is timing out",
  [505] = "HTTP version not supported",
  [506] = "Variant also negotiates",
  [507] = "Insufficient storage",
  [508] = "Loop detected",
  [510] = "Not extended",
  [511] = "Network authentication required",
}

-- Longest of what an Accept header is looked at.
local ACCEPT_MAX = 4096


function http.get_default_message(status)
  return MESSAGES[status] or fmt("The upstream server responded with %d", status)
end


-- Error pages ---------------------------------------------------------------------------------------------------------

-- Kept apart from the defaults so that a file is read once.
local custom_templates = {}


local function read_template(path, name)
  local file = io.open(path, "rb")
  if not file then
    kong.log.err("failed reading the custom " .. name .. " error template: file not found")
    return false
  end
  local text = file:read("*a")
  file:close()
  return text or false
end


-- The format string for pages of a content type as get_response_type gives it.
function http.get_error_template(content_type)
  local setting = TEMPLATE_SETTINGS[content_type]
  local path = setting and kong.configuration[setting[1]]
  if path and path ~= "" then
    local text = custom_templates[path]
    if text == nil then
      text = read_template(path, setting[2])
      custom_templates[path] = text
    end
    if text then
      return text
    end
  end
  return TEMPLATES[content_type] or TEMPLATES[JSON]
end


local EXIT_MESSAGES = { [401] = "Unauthorized", [404] = "Not found", [503] = "Service unavailable" }
local FIXED_EXIT_MESSAGES = { [405] = "Method not allowed", [500] = "An unexpected error occurred", [502] = "Bad gateway" }


-- A body for kong.response.exit: a table as given, a text as { message = }, nil for 204.
function http.get_default_exit_body(status, message)
  if type(status) ~= "number" then
    error("code must be a number", 2)
  end
  if status < 100 or status > 599 then
    error("code must be a number between 100 and 599", 2)
  end
  if status == 204 then
    return nil
  end
  local body = FIXED_EXIT_MESSAGES[status] or message or EXIT_MESSAGES[status]
  if body == nil or type(body) == "table" then
    return body
  end
  return { message = body }
end


-- The content type of errors for this type; nil for unknown ones unless `use_default`.
function http.get_mime_type(content_type, use_default)
  if use_default == nil then
    use_default = true
  end
  if type(content_type) == "string" then
    local bare = lower(strip(match(content_type, "^[^;]*")))
    local found = MIME_TYPES[bare]
    if found then
      return found
    end
  end
  return use_default and JSON or nil
end


-- The range of one part of Accept and its weight; nil when it is none.
local function parse_range(part)
  local range, params = match(part, "^%s*([%w!#$&^_.+*-]+/[%w!#$&^_.+*-]+)%s*(.*)$")
  if not range then
    return nil
  end
  local weight = match(lower(params), ";%s*q%s*=%s*([%d.]+)")
  return range, weight and tonumber(weight) or 1
end


-- The content type of errors for a client: its most preferred range, the first on ties; JSON when it says nothing known.
function http.get_response_type(accept)
  if type(accept) == "table" then
    accept = accept[1]
  end
  if not accept or #accept > ACCEPT_MAX then
    return JSON
  end
  local known = MIME_TYPES[accept]
  if known then
    return known
  end
  local best, best_weight = nil, 0
  for part in accept:gmatch("[^,]+") do
    local range, weight = parse_range(part)
    if range and weight > best_weight and MIME_TYPES[range] then
      best, best_weight = MIME_TYPES[range], weight
    end
  end
  return best or JSON
end


-- Header helpers ------------------------------------------------------------------------------------------------------

-- The first value of a request header. With `ctx` the headers are read once and kept there.
function http.get_header(name, ctx)
  if not ctx then
    local value = ngx.var["http_" .. replace_dashes(name)]
    if not value or not find(value, ", ", 1, true) then
      return value
    end
  end
  local headers = ctx and ctx.cached_request_headers
  if not headers then
    headers = ngx.req.get_headers()
    if ctx then
      ctx.cached_request_headers = headers
    end
  end
  local value = headers[name]
  if type(value) == "table" then
    return value[1]
  end
  return value
end


-- True when the client's connection (or, with allow_terminated, that of a trusted proxy in front) is TLS. nil, err when
-- several proxies had their say.
function http.check_https(trusted_ip, allow_terminated)
  local var = ngx.var
  if lower(var.scheme) == "https" then
    return true
  end
  local forwarded = allow_terminated and trusted_ip and var.http_x_forwarded_proto
  if not forwarded then
    return false
  end
  if find(forwarded, ",", 1, true) then
    return nil, "Only one X-Forwarded-Proto header allowed"
  end
  return lower(forwarded) == "https"
end


-- Letters, digits and the signs of RFC 7230's tokens.
function http.validate_http_token(token)
  if token == nil or token == "" then
    return nil, "no token provided"
  end
  if find(token, "^[!#$%%&'*+%-.^_`|~%w]+$") then
    return token
  end
  return nil, "contains one or more invalid characters. ASCII control characters (0-31;127), space, tab and the " ..
              "characters ()<>@,;:\\\"/?={}[] are not allowed."
end


function http.validate_header_name(name)
  if name == nil or name == "" then
    return nil, "no header name provided"
  end
  if find(name, "^[%w%-_]+$") then
    return name
  end
  return nil, "bad header name '" .. name .. "', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
end


http.validate_cookie_name = http.validate_http_token


-- Cache directives ----------------------------------------------------------------------------------------------------

-- "max-age=5, private" as { ["max-age"] = 5, private = true }.
function http.parse_directive_header(header)
  local directives = {}
  if not header then
    return directives
  end
  local text = type(header) == "table" and table.concat(header, ", ") or header
  for _, part in ipairs(split(text, ",")) do
    local name, value = match(part, "^%s*([^=]+)=?(.*)$")
    if name then
      directives[lower(name)] = tonumber(value) or value ~= "" and value or true
    end
  end
  return directives
end


-- Seconds that a response may be cached for, by its parsed Cache-Control and its Expires.
function http.calculate_resource_ttl(cache_control)
  local seconds = cache_control and (cache_control["s-maxage"] or cache_control["max-age"])
  if not seconds then
    local expires = ngx.var.sent_http_expires
    local at = expires and ngx.parse_http_time(expires)
    seconds = at and at - ngx.time()
  end
  return seconds and math.max(seconds, 0) or 0
end


return http
