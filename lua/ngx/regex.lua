-- ngx.re.match, find, gmatch, sub, gsub over PCRE2 (runtime/vm/regex.c). Compiled expressions are cached per worker: with the
-- option "o" up to 8192 of them for good, the others in a small cache that is emptied when it is full.
local ffi = require "ffi"
local bit = require "bit"
local base = require "ngx.base"

local C = base.C
local byte = string.byte
local sub = string.sub
local concat = table.concat
local tonumber = tonumber
local tostring = tostring
local type = type

local NO_MATCH = -1
local ONCE_MAX, OTHERS_MAX = 8192, 512
local ONCE, JIT = 0x10000, 0x400
local FLAGS = { a = 1, d = 2, D = 4, i = 8, J = 16, m = 32, s = 64, u = 128, U = 256, x = 512, j = JIT, o = ONCE }
local DFA, DUPNAMES, UTF = 2, 4, 128 + 256

local error_text = ffi.new("char[?]", 512)
local groups_out = ffi.new("int[1]")
local name_out = base.new_str()
local int_array = ffi.typeof("int[?]")

-- Bits of an option string; expressions by bits and text.
local flags_of = { [""] = 0 }
local once, once_cnt, others, others_cnt = {}, 0, {}, 0


local function parse_flags(opts)
  local flags = 0
  for i = 1, #opts do
    local flag = FLAGS[sub(opts, i, i)]
    if not flag then
      error('unknown flag "' .. sub(opts, i, i) .. '" (flags "' .. opts .. '")', 4)
    end
    flags = bit.bor(flags, flag)
  end
  flags_of[opts] = flags
  return flags
end


local function free(handle)
  C.kgw_ffi_re_free(handle)
end


-- Name of each named group: { {group, name}, .. } or nil.
local function names_of(handle)
  local names
  for i = 0, 65535 do
    local group = C.kgw_ffi_re_name(handle, i, name_out)
    if group == 0 then
      break
    end
    names = names or {}
    names[#names + 1] = { group, base.text(name_out) }
  end
  return names
end


local function keep(flags, re, compiled)
  if bit.band(flags, ONCE) ~= 0 then
    if once_cnt >= ONCE_MAX then
      return
    end
    once_cnt = once_cnt + 1
    local by_re = once[flags] or {}
    once[flags] = by_re
    by_re[re] = compiled
    return
  end
  if others_cnt >= OTHERS_MAX then
    others, others_cnt = {}, 0
  end
  others_cnt = others_cnt + 1
  local by_re = others[flags] or {}
  others[flags] = by_re
  by_re[re] = compiled
end


local function compile_new(re, flags)
  local handle = C.kgw_ffi_re_compile(re, #re, bit.band(flags, ONCE) ~= 0 and bit.bor(flags, JIT) or flags, error_text, 512, groups_out)
  if handle == nil then
    return nil, ffi.string(error_text)
  end
  local groups = groups_out[0]
  local compiled = {
    handle = ffi.gc(handle, free),
    groups = bit.band(flags, DFA) ~= 0 and 0 or groups,
    ov = int_array(2 * (groups + 1)),
    names = names_of(handle),
    has_duplicates = bit.band(flags, DUPNAMES) ~= 0,
    is_utf = bit.band(flags, UTF) ~= 0,
  }
  keep(flags, re, compiled)
  return compiled
end


local function compile(re, opts)
  local flags = 0
  if opts then
    flags = flags_of[opts] or parse_flags(tostring(opts))
  end
  local by_re = once[flags] or others[flags]
  local compiled = by_re and by_re[re]
  if compiled then
    return compiled
  end
  return compile_new(re, flags)
end


-- Searches from byte `at` (0-based). True on a match (pairs are in compiled.ov), false, or nil, err.
local function exec(compiled, subject, at)
  local rc = C.kgw_ffi_re_exec(compiled.handle, subject, #subject, at, compiled.ov)
  if rc > 0 then
    return true
  elseif rc == NO_MATCH then
    return false
  end
  return nil, "pcre_exec() failed: " .. rc
end


local function add_names(compiled, res)
  local names = compiled.names
  for i = 1, #names do
    local group, name = names[i][1], names[i][2]
    local value = res[group]
    if not compiled.has_duplicates then
      res[name] = value
    elseif value then
      local list = res[name]
      if type(list) ~= "table" then
        list = {}
        res[name] = list
      end
      list[#list + 1] = value
    elseif res[name] == nil then
      res[name] = false
    end
  end
end


local function collect(compiled, subject, res)
  local ov = compiled.ov
  res = res or {}
  for i = 0, compiled.groups do
    local from = ov[2 * i]
    if from < 0 then
      res[i] = false
    else
      res[i] = sub(subject, from + 1, ov[2 * i + 1])
    end
  end
  if compiled.names and compiled.groups > 0 then
    add_names(compiled, res)
  end
  return res
end


-- Byte offset that ctx.pos asks for; nil behind the end.
local function start_of(ctx, subject)
  local pos = ctx.pos
  if pos == nil then
    ctx.pos = 1
    return 0
  end
  if pos <= 0 then
    pos = 1
  elseif pos > #subject + 1 then
    return nil
  end
  return pos - 1
end


local Re = {}


--- A table of captures ([0] the whole, names too), nil, or nil, err.
function Re.match(subject, re, opts, ctx, res)
  subject, re = type(subject) == "string" and subject or tostring(subject), type(re) == "string" and re or tostring(re)
  local compiled, err = compile(re, opts)
  if not compiled then
    return nil, err
  end
  local at = 0
  if ctx then
    at = start_of(ctx, subject)
    if not at then
      return nil
    end
  end
  local found
  found, err = exec(compiled, subject, at)
  if not found then
    if err then
      return nil, err
    end
    return nil
  end
  if ctx then
    ctx.pos = compiled.ov[1] + 1
  end
  return collect(compiled, subject, res)
end


--- First and last position of the match (or of its group nth), nil, or nil, nil, err.
function Re.find(subject, re, opts, ctx, nth)
  subject, re = type(subject) == "string" and subject or tostring(subject), type(re) == "string" and re or tostring(re)
  local compiled, err = compile(re, opts)
  if not compiled then
    return nil, nil, err
  end
  local at = 0
  if ctx then
    at = start_of(ctx, subject)
    if not at then
      return nil
    end
  end
  local found
  found, err = exec(compiled, subject, at)
  if not found then
    if err then
      return nil, nil, err
    end
    return nil
  end
  local ov = compiled.ov
  if ctx then
    ctx.pos = ov[1] + 1
  end
  if not nth or nth == 0 then
    return ov[0] + 1, ov[1]
  end
  if nth < 0 or nth > compiled.groups then
    return nil, nil, "nth out of bound"
  end
  if ov[2 * nth] < 0 then
    return nil, nil
  end
  return ov[2 * nth] + 1, ov[2 * nth + 1]
end


-- Where to go on behind an empty match at byte offset `at`.
local function step_over(compiled, subject, at)
  at = at + 1
  if compiled.is_utf then
    while at < #subject do
      local c = byte(subject, at + 1)
      if c < 0x80 or c >= 0xc0 then
        break
      end
      at = at + 1
    end
  end
  return at
end


--- An iterator of tables of captures, or nil, err.
function Re.gmatch(subject, re, opts)
  subject, re = type(subject) == "string" and subject or tostring(subject), type(re) == "string" and re or tostring(re)
  local compiled, err = compile(re, opts)
  if not compiled then
    return nil, err
  end
  local at = 0
  return function()
    if at < 0 or at > #subject then
      return nil
    end
    local found, exec_err = exec(compiled, subject, at)
    if not found then
      at = -1
      if exec_err then
        return nil, exec_err
      end
      return nil
    end
    local from, to = compiled.ov[0], compiled.ov[1]
    at = from == to and step_over(compiled, subject, to) or to
    return collect(compiled, subject)
  end
end


-- Replacement templates ---------------------------------------------------------------------------------

local BAD_TEMPLATE = "failed to compile the replacement template"
local templates, templates_cnt = {}, 0


-- "a$1b" -> { "a", 1, "b" }; nil when it is wrong.
local function parse_template(text)
  local parts, from = {}, 1
  while true do
    local at = text:find("$", from, true)
    if not at then
      break
    end
    parts[#parts + 1] = at > from and sub(text, from, at - 1) or nil
    local digits, after = text:match("^(%d%d?)()", at + 1)
    if not digits then
      digits, after = text:match("^{(%d%d?)}()", at + 1)
    end
    if digits then
      parts[#parts + 1], from = tonumber(digits), after
    elseif sub(text, at + 1, at + 1) == "$" then
      parts[#parts + 1], from = "$", at + 2
    else
      return nil
    end
  end
  parts[#parts + 1] = from <= #text and sub(text, from) or nil
  return parts
end


local function template_of(text)
  local template = templates[text]
  if template == nil then
    template = text
    if text:find("$", 1, true) then
      template = parse_template(text) or false
    end
    if templates_cnt >= OTHERS_MAX then
      templates, templates_cnt = {}, 0
    end
    templates_cnt = templates_cnt + 1
    templates[text] = template
  end
  return template
end


local function expand(template, compiled, subject, parts, n)
  local ov = compiled.ov
  for i = 1, #template do
    local part = template[i]
    if type(part) == "number" then
      local from = part <= compiled.groups and ov[2 * part] or -1
      part = from >= 0 and sub(subject, from + 1, ov[2 * part + 1]) or ""
    end
    n = n + 1
    parts[n] = part
  end
  return n
end


-- Appends what stands for the match; n.
local function replace(how, compiled, subject, parts, n)
  if type(how) == "function" then
    n = n + 1
    parts[n] = tostring(how(collect(compiled, subject)))
  elseif type(how) == "table" then
    n = expand(how, compiled, subject, parts, n)
  else
    n = n + 1
    parts[n] = how
  end
  return n
end


local function substitute(subject, re, how, opts, is_global)
  subject, re = type(subject) == "string" and subject or tostring(subject), type(re) == "string" and re or tostring(re)
  local compiled, err = compile(re, opts)
  if not compiled then
    return nil, nil, err
  end
  if type(how) ~= "function" then
    how = template_of(type(how) == "string" and how or tostring(how))
    if not how then
      return nil, nil, BAD_TEMPLATE
    end
  end
  local parts, n, cnt, copied, at = {}, 0, 0, 0, 0
  repeat
    local found
    found, err = exec(compiled, subject, at)
    if found == nil then
      return nil, nil, err
    elseif not found then
      break
    end
    local from, to = compiled.ov[0], compiled.ov[1]
    cnt = cnt + 1
    n = n + 1
    parts[n] = sub(subject, copied + 1, from)
    n = replace(how, compiled, subject, parts, n)
    copied = to
    at = from == to and step_over(compiled, subject, to) or to
  until not is_global or at > #subject
  if cnt == 0 then
    return subject, 0
  end
  parts[n + 1] = sub(subject, copied + 1)
  return concat(parts, "", 1, n + 1), cnt
end


--- The text with the first match replaced and 0 or 1; or nil, nil, err. replacement: a template ($0 $1 ${1} $$) or a function
--- of the captures.
function Re.sub(subject, re, replacement, opts)
  return substitute(subject, re, replacement, opts, false)
end


--- As sub, for all matches.
function Re.gsub(subject, re, replacement, opts)
  return substitute(subject, re, replacement, opts, true)
end


return Re
