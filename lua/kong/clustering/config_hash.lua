-- The hash by which a control plane and its data planes name a configuration: 32 hexadecimal digits of MD5 over a
-- canonical text of the configuration table. Kong data planes decide by the section hashes what to rebuild, so the
-- text must be Kong's to the byte (facts: the hybrid protocol, hash algorithm). Pure apart from `pause`, which is
-- called now and then so that hashing a large configuration does not hold the loop.

local cjson_null = require("cjson").null
local ngx_null = ngx.null
local md5 = ngx.md5
local md5_bin = ngx.md5_bin
local concat = table.concat
local sort = table.sort
local format = string.format

local NONE = ("0"):rep(32)
local FOLD_AT = 1000000  -- bytes of text that are replaced by their digest
local SECTIONS = { "routes", "services", "plugins", "upstreams", "targets" }
local PAUSE_EVERY = 512  -- tables visited between two calls of pause

local _M = { NONE = NONE }


local function no_pause() end


-- Text under construction: pieces, their count, their bytes.
local function new_text(pause)
  return { n = 0, len = 0, visited = 0, folded = 0, pause = pause or no_pause }
end


local function add(text, piece)
  local n = text.n + 1
  text[n] = piece
  text.n = n
  text.len = text.len + #piece
end


local function fold(text)
  local digest = md5_bin(concat(text, "", 1, text.n))
  text[1] = digest
  text.n = 1
  text.len = #digest
  text.folded = text.folded + 1
end


local visit


local function visit_array(text, list, n)
  for i = 1, n do
    visit(text, list[i])
    if n > 5 or i < n then
      add(text, ";")
    end
  end
end


local function visit_map(text, map)
  local keys, n = {}, 0
  for key in pairs(map) do
    n = n + 1
    keys[n] = key
  end
  sort(keys)
  for i = 1, n do
    local key = keys[i]
    add(text, key)
    add(text, ":")
    visit(text, map[key])
    add(text, ";")
  end
end


local function visit_table(text, value)
  text.visited = text.visited + 1
  if text.visited % PAUSE_EVERY == 0 then
    text.pause()
  end
  local n = #value
  if n > 0 then
    visit_array(text, value, n)
  elseif next(value) == nil then
    add(text, "{}")
  else
    visit_map(text, value)
  end
end


function visit(text, value)
  if text.len > FOLD_AT then
    fold(text)
  end
  local kind = type(value)
  if value == nil or value == cjson_null or value == ngx_null then
    add(text, "/null/")
  elseif kind == "string" then
    add(text, value)
  elseif kind == "number" then
    add(text, format("%.14g", value))
  elseif kind == "boolean" then
    add(text, value and "true" or "false")
  elseif kind == "table" then
    visit_table(text, value)
  else
    error("a configuration cannot hold a " .. kind)
  end
end


-- 32 hexadecimal digits for one value; zeros when it is absent.
function _M.of_section(value, pause)
  if value == nil then
    return NONE
  end
  local text = new_text(pause)
  visit(text, value)
  return md5(concat(text, "", 1, text.n))
end


-- The canonical text of one row; rows that stay as they are keep it.
function _M.text_of(row)
  local text = new_text()
  visit(text, row)
  -- Only a single row of a megabyte would have been folded; it has no text of its own then.
  return text.len <= FOLD_AT and concat(text, "", 1, text.n) or nil
end


-- The next row of an array whose texts are known. A text can be taken as it is where nothing inside would be folded. true: it was folded.
local function visit_row(text, rows, i)
  local own, n = rows.texts[i], rows.n
  local folded = text.folded
  if own and text.len + #own <= FOLD_AT then
    add(text, own)
  else
    visit(text, rows.row(i))
    text.pause()
  end
  if n > 5 or i < n then
    add(text, ";")
  end
  return text.folded > folded
end


local function visit_rows(text, rows)
  if text.len > FOLD_AT then
    fold(text)
  end
  if rows.n == 0 then
    return add(text, "{}")
  end
  for i = 1, rows.n do
    visit_row(text, rows, i)
  end
end


-- Where the rows of two sections begin to differ.
local function first_difference(rows, other)
  local texts, others = rows.texts, other.texts
  for i = 1, math.min(rows.n, other.n) do
    if not texts[i] or texts[i] ~= others[i] then
      return i
    end
  end
  return math.min(rows.n, other.n) + 1
end


-- Text to go on from, and the first row that is not in it: after a fold, all that came before is a digest, which stays the same
-- as long as those rows do. rows.before: the section that these rows followed.
local function resume(rows, pause)
  local text, from = new_text(pause), 1
  local before = rows.before
  rows.folds = {}
  if before and before.folds and before.n > 5 and rows.n > 5 then
    local differs = first_difference(rows, before)
    for i, state in ipairs(before.folds) do
      if state.next_row > differs then
        break
      end
      rows.folds[i] = state
      from = state.next_row
      text.n, text.len, text[1] = 1, #state.text, state.text
    end
  end
  rows.before = nil
  return text, from
end


-- Of one section; kept with it.
local function rows_hash(rows, pause)
  if not rows then
    return NONE
  elseif rows.hash then
    return rows.hash
  elseif rows.n == 0 then
    return md5("{}")
  end
  local text, from = resume(rows, pause)
  for i = from, rows.n do
    if visit_row(text, rows, i) then
      local state = concat(text, "", 1, text.n)
      text.n, text[1] = 1, state
      rows.folds[#rows.folds + 1] = { next_row = i + 1, text = state }
    end
  end
  rows.hash = md5(concat(text, "", 1, text.n))
  return rows.hash
end


local IS_SECTION = {}
for _, name in ipairs(SECTIONS) do
  IS_SECTION[name] = true
end


-- What the sections beside SECTIONS and the plain members gave last.
local rest_known = { names = {}, sections = {}, members = {}, hash = nil }


local function is_rest_known(names, sections, members)
  local known = rest_known
  for i, name in ipairs(names) do
    if known.names[i] ~= name or known.sections[name] ~= sections[name] or known.members[name] ~= members[name] then
      return false
    end
  end
  return #known.names == #names
end


local function rest_hash(sections, members, pause)
  local names = {}
  for name in pairs(members) do
    names[#names + 1] = name
  end
  for name in pairs(sections) do
    if not IS_SECTION[name] then
      names[#names + 1] = name
    end
  end
  sort(names)
  if rest_known.hash and is_rest_known(names, sections, members) then
    return rest_known.hash
  end
  local text = new_text(pause)
  if #names == 0 then
    add(text, "{}")
  end
  for _, name in ipairs(names) do
    add(text, name)
    add(text, ":")
    if members[name] ~= nil then
      visit(text, members[name])
    else
      visit_rows(text, sections[name])
    end
    add(text, ";")
  end
  local hash = md5(concat(text, "", 1, text.n))
  rest_known = { names = names, sections = sections, members = members, hash = hash }
  return hash
end


-- Like of_config for sections = name -> {n, texts (array), row (function(i) -> row), before (the section that this one follows: what did
-- not change since need not be read again)} and the plain members beside them (no tables). A section that was hashed must not change.
function _M.of_sections(sections, members, pause)
  local hashes, all = {}, {}
  for i, name in ipairs(SECTIONS) do
    hashes[name] = rows_hash(sections[name], pause)
    all[i] = hashes[name]
  end
  all[#all + 1] = rest_hash(sections, members, pause)
  hashes.config = md5(concat(all))
  return hashes.config, hashes
end


-- The hash of the whole table and those of its sections:
-- config_hash, { config = , routes = , services = , plugins = , upstreams = , targets = }
function _M.of_config(config_table, pause)
  local rest = {}
  for key, value in pairs(config_table) do
    rest[key] = value
  end
  local hashes, all = {}, {}
  for i, name in ipairs(SECTIONS) do
    hashes[name] = _M.of_section(config_table[name], pause)
    all[i] = hashes[name]
    rest[name] = nil
  end
  all[#all + 1] = _M.of_section(rest, pause)
  hashes.config = md5(concat(all))
  return hashes.config, hashes
end


return _M
