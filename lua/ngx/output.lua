-- ngx.print, say, flush, eof, send_headers, and body_filter's ngx.arg.
local ffi = require "ffi"
local base = require "ngx.base"
local native = require "kgw.native"

local C = base.C
local cur = base.cur
local check_phase = base.check_phase
local wait = base.wait
local send_head, flush = native.send_head, native.flush
local text = base.text
local concat = table.concat
local error = error
local ffi_string = ffi.string
local pairs = pairs
local select = select
local tostring = tostring
local type = type

local OUTPUT = base.OUTPUT
local chunk = base.new_str()
local last = ffi.new("int[1]")
local chunk_size = ffi.new("size_t[1]")

local Output = {}

local flatten

local function flatten_table(parts, n, list, who, depth)
  local max = #list
  for key in pairs(list) do
    if type(key) ~= "number" or key < 1 or key > max or key % 1 ~= 0 then
      base.bad_arg(who, "non-array table found", depth + 1)
    end
  end
  for i = 1, max do
    n = flatten(parts, n, list[i], who, depth + 2)
  end
  return n
end


-- `depth`: how many calls lie between the API function and this one, for the error's name and position.
function flatten(parts, n, v, who, depth)
  local kind = type(v)
  if kind == "string" then
    parts[n + 1] = v
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    parts[n + 1] = tostring(v)
  elseif kind == "table" then
    n = flatten_table(parts, n, v, who, depth)
    return n
  elseif v == ngx.null then
    parts[n + 1] = "null"
  else
    if depth > 3 then
      base.bad_arg(who, "bad data type " .. kind .. " found", depth)
    end
    base.bad_arg(who, "string, number, boolean, nil, ngx.null, or array table expected, but got " .. kind, depth)
  end
  return n + 1
end


local REASONS = { [-1] = "nginx output filter error", [-4] = "seen eof", [-5] = "header only" }

-- The head goes through header_filter with the first output.
local function begin()
  if C.kgw_ffi_out_state() == base.AGAIN then
    C.kgw_ffi_send_headers()
    if not send_head() then
      return nil, REASONS[-1]
    end
  end
  return 1
end


local function send(s)
  local ok, err = begin()
  if not ok then
    return nil, err
  end
  local rc = C.kgw_ffi_print(s, #s)
  if rc ~= 0 then
    return nil, REASONS[rc] or REASONS[-1]
  end
  return 1
end


local function gather(newline, ...)
  local parts, n = {}, 0
  for i = 1, select("#", ...) do
    n = flatten(parts, n, (select(i, ...)), i, 3)
  end
  if newline then
    parts[n + 1] = "\n"
  end
  return concat(parts)
end


function Output.print(...)
  check_phase(OUTPUT)
  if select("#", ...) == 1 and type(...) == "string" then
    return send((...))
  end
  local s = gather(false, ...)
  return send(s)
end


function Output.say(...)
  check_phase(OUTPUT)
  local s = gather(true, ...)
  return send(s)
end


function Output.send_headers()
  check_phase(OUTPUT)
  return begin()
end


function Output.flush(want_wait)
  check_phase(OUTPUT)
  local state = C.kgw_ffi_out_state()
  if state == base.AGAIN then
    return nil, "nothing to flush"
  elseif state == base.DONE then
    return nil, "seen eof"
  elseif state ~= 0 then
    return nil, "client aborted"
  end
  local rc = flush(want_wait == true)
  if rc == base.AGAIN then
    wait()
    rc = C.kgw_ffi_out_state()
  end
  if rc ~= 0 then
    return nil, "client aborted"
  end
  return 1
end


function Output.eof()
  check_phase(OUTPUT)
  local ok, err = begin()
  if not ok then
    return nil, err
  end
  if C.kgw_ffi_eof() == base.DONE then
    return nil, "seen eof"
  end
  return 1
end


-- ngx.arg: [1] the chunk, [2] whether it is the last one.

local function get_arg(_, i)
  if cur.phase ~= base.BODY_FILTER then
    error("API disabled in the current context", 2)
  end
  if i == 1 then
    if C.kgw_ffi_chunk_get(chunk, last) ~= 0 then
      return nil
    end
    return text(chunk)
  elseif i == 2 then
    C.kgw_ffi_chunk_size(chunk_size, last)
    return last[0] ~= 0
  end
  return nil
end


local function set_arg(_, i, v)
  if cur.phase ~= base.BODY_FILTER then
    check_phase(base.BODY_FILTER)
  end
  if i == 1 then
    local kind = type(v)
    if kind == "string" then
      C.kgw_ffi_chunk_set(v, #v)
    elseif kind == "nil" then
      C.kgw_ffi_chunk_set("", 0)
    elseif kind == "number" then
      v = tostring(v)
      C.kgw_ffi_chunk_set(v, #v)
    elseif kind == "table" then
      local parts = {}
      flatten(parts, 0, v, 1, 2)
      v = concat(parts)
      C.kgw_ffi_chunk_set(v, #v)
    else
      error("bad chunk data type: " .. kind, 2)
    end
  elseif i == 2 then
    C.kgw_ffi_chunk_last(v and 1 or 0)
  else
    error("bad index: " .. tostring(i), 2)
  end
end


Output.arg = setmetatable({}, { __index = get_arg, __newindex = set_arg })


-- A response held for the `response` phase.
local held = ffi.new("size_t[1]")

function Output.held_body()
  if C.kgw_ffi_held_body_size(held) ~= 0 then
    return nil
  end
  local n = tonumber(held[0])
  if n == 0 then
    return ""
  end
  local out = base.buf(n)
  return ffi_string(out, C.kgw_ffi_held_body_copy(out, n))
end


return Output
