-- require "ngx.re": split and opt. (ngx.re.match and the like are in ngx/regex.lua.)
local base = require "ngx.base"
local regex = require "ngx.regex"

local C = base.C
local match = regex.match
local find = regex.find
local sub = string.sub
local type = type

local Re = { version = "0.1.28" }
local split_ctx = { pos = 1 }


local function split_chars(subject, at, max, res, n)
  while at <= #subject do
    n = n + 1
    if max and n >= max then
      res[n] = sub(subject, at)
      return n
    end
    res[n] = sub(subject, at, at)
    at = at + 1
  end
  return n
end


-- The fields between the matches, with the captures of each separator. cnt: fields so far.
local function split_fields(subject, re, opts, at, max, res)
  local ctx = split_ctx
  local n, cnt = 0, 0
  local field, search = at, at
  while search <= #subject and (not max or cnt < max - 1) do
    ctx.pos = search
    local from, to, err = find(subject, re, opts, ctx)
    if err then
      return nil, err
    elseif not from or from > #subject then
      break
    end
    if to < from then -- matched nothing: cuts before the next character, never at the start
      if from <= field then
        search = search + 1
        goto continue
      end
    end
    n, cnt = n + 1, cnt + 1
    res[n] = sub(subject, field, from - 1)
    ctx.pos = from
    local captures = match(subject, re, opts, ctx)
    for i = 1, captures and #captures or 0 do
      if captures[i] then
        n = n + 1
        res[n] = captures[i]
      end
    end
    field = to + 1
    search = to < from and from + 1 or field
    ::continue::
  end
  n = n + 1
  res[n] = sub(subject, field)
  return n
end


--- Splits as Perl does: captures are part of the result, empty fields at the end are dropped. A list, or nil, err.
function Re.split(subject, re, opts, ctx, max, res)
  subject, re = type(subject) == "string" and subject or tostring(subject), type(re) == "string" and re or tostring(re)
  local at = ctx and ctx.pos or 1
  if at < 1 then
    at = 1
  end
  max = max and max > 0 and max or nil
  local is_own = res == nil
  res = res or {}
  local n, err
  if re == "" then
    n = split_chars(subject, at, max, res, 0)
  else
    n, err = split_fields(subject, re, opts, at, max, res)
    if not n then
      return nil, err
    end
  end
  while not max and n > 0 and res[n] == "" do
    res[n] = nil
    n = n - 1
  end
  if not is_own then
    res[n + 1] = nil
  end
  if ctx then
    ctx.pos = nil
  end
  return res
end


--- Settings of the regex engine: "jit_stack_size" in bytes.
function Re.opt(name, value)
  if name ~= "jit_stack_size" then
    error("unrecognized option name", 2)
  end
  if C.kgw_ffi_re_jit_stack(value) ~= base.OK then
    error("Could not set JIT stack size", 2)
  end
end


return Re
