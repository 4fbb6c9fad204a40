-- A reconfigure message becomes the running configuration: unpacked in a helper thread, compared with the previous message entity by entity,
-- checked as a whole, swapped in at once. Only entities whose bytes changed are decoded and validated again, only the parts
-- that changed are rebuilt, and all of it in slices, so that traffic goes on. Runs in worker 0 (the others get rows from
-- kong.db.declarative.sync); at start in the master.

local cjson = require("cjson.safe")
local declarative = require("kong.db.declarative")
local new_pause = require("ngx.pause").new
local sync = require("kong.db.declarative.sync")
local unpack_message = require("ngx.unpack").new

local null = require("cjson").null

local EMPTY_HASH = ("0"):rep(32)
local MAX_INFLATED = 512 * 1024 * 1024
local RATIO_MAX = 256  -- inflated bytes a compressed byte may stand for, beyond a generous minimum
local INFLATED_MIN = 64 * 1024 * 1024

local _M = {}

-- Of the message in use: entity name -> hash of a row's text -> row.
local known = {}
local current = { hash = EMPTY_HASH, hashes = {} }


-- Hash of the configuration in use, 32 zeros when there is none.
function _M.current_hash()
  return current.hash
end


local function limit_for(payload)
  local by_ratio = #payload * RATIO_MAX
  return math.min(MAX_INFLATED, math.max(INFLATED_MIN, by_ratio))
end


-- The rows of one section: unchanged ones as they are, others decoded. fresh: entity -> hash -> row, filled; reused: set of rows.
local function take_section(message, section, fresh, reused, pause)
  local old = known[section.name] or {}
  local by_hash = {}
  local rows = {}
  for n = 1, section.cnt do
    local i = section.first + n - 1
    local hash = message:hash(i)
    local row = old[hash]
    if row and not reused[row] then
      reused[row] = true
    else
      local err
      row, err = cjson.decode(message:json(i))
      if row == nil then
        return nil, "entity " .. n .. " of '" .. section.name .. "' is not JSON: " .. tostring(err)
      end
    end
    rows[n] = row
    by_hash[hash] = row
    if n % 64 == 0 then
      pause()
    end
  end
  fresh[section.name] = by_hash
  return rows
end


-- The control plane's table as declarative.parse_table takes it, and the rows that need no new look.
local function take_table(message, pause)
  local input, fresh, reused = {}, {}, {}
  for _, section in ipairs(message.sections) do
    local value, err
    if section.json then
      value, err = cjson.decode(section.json)
    else
      value, err = take_section(message, section, fresh, reused, pause)
    end
    if value == nil then
      return nil, err
    end
    input[section.name] = value
  end
  return input, nil, fresh, reused
end


local function member(message, name)
  local json = message.members[name]
  local value = json and json ~= true and cjson.decode(json)
  if value == null then
    return nil
  end
  return value
end


local REBUILT_FROM = { router = { "services", "routes" }, plugins = { "plugins" }, balancer = { "upstreams", "targets" } }


-- What has to be rebuilt: a set of names, or nil for all (the message has no hashes, or nothing is built yet).
local function changed_parts(hashes)
  if not hashes or not current.hashes.config then
    return nil
  end
  local changed = {}
  for part, sections in pairs(REBUILT_FROM) do
    for _, name in ipairs(sections) do
      if hashes[name] ~= current.hashes[name] then
        changed[part] = true
      end
    end
  end
  return changed
end


-- Parses without making anything current. what = {hash, hashes, lists, meta, fresh}, or nil, err, errors, hash;
-- what.is_same: it is the configuration in use.
function _M.parse(payload, blocks)
  local pause = new_pause()
  local message, err = unpack_message(payload, limit_for(payload), blocks)
  if not message then
    return nil, err
  end
  if member(message, "type") ~= "reconfigure" then
    message:free()
    return nil, "not a reconfigure message"
  end
  local hash, hashes = member(message, "config_hash"), member(message, "hashes")
  if hash and hash == current.hash then
    message:free()
    return { is_same = true, hash = hash }
  end
  if not message.members.config_table or message.members.config_table ~= true then
    message:free()
    return nil, "the message has no config_table", nil, hash
  end
  local input, fresh, reused
  input, err, fresh, reused = take_table(message, pause)
  message:free()
  if not input then
    return nil, err, nil, hash
  end
  if not hash then
    hash, hashes = require("kong.clustering.config_hash").of_config(input, pause)
  end
  local lists, errors, meta, kept
  lists, err, errors, meta, kept = declarative.parse_table(input, hash, nil, pause, { reused = reused, is_lenient = true })
  if not lists then
    return nil, err, errors, hash
  end
  return { hash = kept, hashes = hashes or {}, lists = lists, meta = meta, fresh = fresh }
end


local function swap_and_publish(what)
  local pause = new_pause()
  local ok, err = sync.swap(kong.db, what.lists, what.meta, what.hash, pause, changed_parts(what.hashes))
  if not ok then
    return nil, err
  end
  known = what.fresh
  current = { hash = what.hash, hashes = what.hashes }
  local version, publish_err = sync.publish(kong.db, what.lists, what.meta, what.hash, pause)
  if version then
    sync.serving(version)
  else
    ngx.log(ngx.ERR, "[clustering] the other workers keep the old configuration: ", publish_err)
  end
  return true
end


-- Makes what parse gave the running configuration of this worker, then of the others. true, or nil, err.
function _M.apply(what)
  return sync.exclusive(swap_and_publish, what)
end


-- At start, in the master: only the rows; the run loop builds the rest. true, or nil, err.
function _M.load_at_start(payload)
  local what, err = _M.parse(payload, true)
  if not what then
    return nil, err
  end
  declarative.apply(what.lists, what.meta, what.hash)
  known = what.fresh
  current = { hash = what.hash, hashes = what.hashes }
  return true
end


-- Parses and applies in one.
function _M.take(payload)
  local what, err = _M.parse(payload)
  if not what then
    return nil, err
  end
  return what.is_same or _M.apply(what)
end


return _M
