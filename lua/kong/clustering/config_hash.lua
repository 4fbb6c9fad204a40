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
  return { n = 0, len = 0, visited = 0, pause = pause or no_pause }
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


-- An array of rows whose texts are known. A text can be taken as it is where nothing inside would be folded.
local function visit_rows(text, rows)
  local n = rows.n
  if text.len > FOLD_AT then
    fold(text)
  end
  if n == 0 then
    return add(text, "{}")
  end
  for i = 1, n do
    local own = rows.texts[i]
    if own and text.len + #own <= FOLD_AT then
      add(text, own)
    else
      visit(text, rows.row(i))
      text.pause()
    end
    if n > 5 or i < n then
      add(text, ";")
    end
  end
end


local function rows_hash(rows, pause)
  if not rows then
    return NONE
  end
  local text = new_text(pause)
  visit_rows(text, rows)
  return md5(concat(text, "", 1, text.n))
end


local IS_SECTION = {}
for _, name in ipairs(SECTIONS) do
  IS_SECTION[name] = true
end


-- Like of_config for sections = name -> {n, texts (array), row (function(i) -> row)} and the plain members beside them.
function _M.of_sections(sections, members, pause)
  local hashes, all = {}, {}
  for i, name in ipairs(SECTIONS) do
    hashes[name] = rows_hash(sections[name], pause)
    all[i] = hashes[name]
  end
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
  local text = new_text(pause)
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
  all[#all + 1] = md5(concat(text, "", 1, text.n))
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
