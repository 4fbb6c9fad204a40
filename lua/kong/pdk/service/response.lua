-- kong.service.response: what the service answered, apart from what the gateway and plugins made of it.
local body = require "kong.pdk.private.body"
local held = require "kong.pdk.private.held_body"
local phases = require "kong.pdk.private.phases"
local replace_dashes_lower = require("kong.tools.string").replace_dashes_lower

local check_phase = phases.check
local error = error
local getmetatable = getmetatable
local ngx = ngx
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local type = type

local PHASES = phases.phases
local ANSWERED = phases.new(PHASES.response, PHASES.header_filter, PHASES.body_filter, PHASES.log)
local COUNT_MAX = 1000
local ARGS_DEFAULT = 100
local NOT_BUFFERED = "service body is only available with buffered proxying " ..
                     "(see: kong.service.request.enable_buffering function)"

local response = {}


-- Raises at the caller of the PDK function.
local function check_limit(what, limit)
  if type(limit) ~= "number" then
    error(what .. " must be a number", 3)
  end
  if limit < 1 then
    error(what .. " must be >= 1", 3)
  end
  if limit > COUNT_MAX then
    error(what .. " must be <= " .. COUNT_MAX, 3)
  end
end


local function is_from_service(name)
  return type(name) == "string" and ngx.var["upstream_http_" .. replace_dashes_lower(name)] ~= nil
end


-- All headers, those the service did not send hidden from indexing.
local function hide_added(headers)
  local inner = getmetatable(headers)
  local by_name = inner and inner.__index
  return setmetatable({}, {
    __index = function(_, name)
      if not is_from_service(name) then
        return nil
      end
      local value = rawget(headers, name)
      if value == nil and by_name then
        return by_name(headers, name)
      end
      return value
    end,
  })
end


-- nil when nothing was proxied.
function response.get_status()
  check_phase(ANSWERED)
  return ngx.ctx.buffered_status or tonumber(sub(ngx.var.upstream_status or "", -3))
end


function response.get_headers(max_headers)
  check_phase(ANSWERED)
  if max_headers ~= nil then
    check_limit("max_headers", max_headers)
  end
  local headers, err = ngx.resp.get_headers(max_headers)
  if held.is_on() then
    return hide_added(headers), err
  end
  local shown = hide_added(headers)
  -- pairs() shows everything there is; names in the form they came in must not bypass the check, so the keys move to a
  -- table of their own only when the service did send them.
  for name, value in next, headers do
    if is_from_service(name) then
      shown[name] = value
    end
  end
  return shown, err
end


function response.get_header(name)
  check_phase(ANSWERED)
  if type(name) ~= "string" then
    error("name must be a string", 2)
  end
  if not is_from_service(name) then
    return nil
  end
  local value = ngx.resp.get_headers()[name]
  if type(value) == "table" then
    return value[1]
  end
  return value
end


function response.get_raw_body()
  check_phase(ANSWERED)
  if not held.is_on() then
    error(NOT_BUFFERED, 2)
  end
  return held.get()
end


-- table, nil, type | nil, err, type.
function response.get_body(mimetype, max_args)
  check_phase(ANSWERED)
  if not held.is_on() then
    error(NOT_BUFFERED, 2)
  end
  local content_type = mimetype or response.get_header("Content-Type")
  if not content_type then
    return nil, "missing content type"
  end
  local bare = body.bare_type(content_type)
  local kind = body.kind_of(bare)
  if kind == body.FORM then
    if max_args ~= nil then
      check_limit("max_args", max_args)
    end
    local args, err = ngx.decode_args(held.get(), max_args or ARGS_DEFAULT)
    return args, err, body.FORM
  end
  if kind == body.JSON then
    return body.decode_json(held.get())
  end
  if kind == body.MULTIPART then
    return body.decode_multipart(held.get(), content_type)
  end
  return body.unsupported(content_type, bare)
end


return {
  new = function()
    return response
  end,
}
