-- A reconfigure message becomes the running configuration: unpacked and compared with the previous message in a helper thread. Where
-- a few entities changed, only these are decoded, checked and exchanged (kong.db.declarative.delta); else everything is checked as a
-- whole and the parts that changed are built anew, in slices, so that traffic goes on. Either way it is swapped in at once. Runs
-- in worker 0 (the others get rows from kong.db.declarative.sync); at start in the master.

local cjson = require("cjson.safe")
local declarative = require("kong.db.declarative")
local delta = require("kong.db.declarative.delta")
local new_pause = require("ngx.pause").new
local sync = require("kong.db.declarative.sync")
local unpack_message = require("ngx.unpack").new

local null = require("cjson").null

local EMPTY_HASH = ("0"):rep(32)
local MAX_INFLATED = 512 * 1024 * 1024
local RATIO_MAX = 256  -- inflated bytes a compressed byte may stand for, beyond a generous minimum
local INFLATED_MIN = 64 * 1024 * 1024
local EDITS_MAX = 512  -- rows of one entity

local _M = {}

-- Of the message in use: its hash, the hashes of its sections, rows by entity in its order, the message itself (without text) to compare
-- the next one with, the texts of its plain members, and the snapshot made of it.
local current = { hash = EMPTY_HASH, hashes = {}, rows = {}, members = {} }


-- Whether the rows in use are those of the message. In a worker that took another's place they can be newer: it has them from
-- kong.db.declarative.sync.
local function is_in_use()
  return current.store == kong.db.store
end


-- Hash of the configuration in use, 32 zeros when there is none.
function _M.current_hash()
  return is_in_use() and current.hash or kong.db.store.hash or EMPTY_HASH
end


local function limit_for(payload)
  local by_ratio = #payload * RATIO_MAX
  return math.min(MAX_INFLATED, math.max(INFLATED_MIN, by_ratio))
end


local function decode_row(message, section, n)
  local row, err = cjson.decode(message:json(section.first + n - 1))
  if row == nil then
    return nil, "entity " .. n .. " of '" .. section.name .. "' is not JSON: " .. tostring(err)
  end
  return row
end


-- Where the n-th row of a section stands among the current ones; 0: nowhere.
local function place_before(message, section, n)
  if n <= section.prefix then
    return n
  elseif n > section.cnt - section.suffix then
    return n - section.cnt + section.base_cnt
  end
  return message:prev(section.first + n - 1)
end


-- The rows of one section: unchanged ones as they are, others decoded. reused: set of rows, filled.
local function take_section(message, section, reused, pause)
  local old = current.rows[section.name] or {}
  local rows = {}
  for n = 1, section.cnt do
    local row = old[place_before(message, section, n)]
    if row then
      reused[row] = true
    else
      local err
      row, err = decode_row(message, section, n)
      if row == nil then
        return nil, err
      end
    end
    rows[n] = row
    if n % 64 == 0 then
      pause()
    end
  end
  return rows
end


-- The control plane's table as declarative.parse_table takes it, and the rows that need no new look.
local function take_table(message, pause)
  local input, reused = {}, {}
  for _, section in ipairs(message.sections) do
    local value, err
    if section.json then
      value, err = cjson.decode(section.json)
    else
      value, err = take_section(message, section, reused, pause)
    end
    if value == nil then
      return nil, err
    end
    input[section.name] = value
  end
  return input, nil, reused
end


-- What happens to one entity as an edit of kong.db.declarative.delta; false: nothing; nil: no plain case.
local function edit_of(message, section)
  local from, to = section.prefix + 1, section.cnt - section.suffix
  local old_to = section.base_cnt - section.suffix
  if from > to and from > old_to then
    return false
  elseif to - from + old_to - from > EDITS_MAX or section.cnt == 0 then
    return nil
  end
  local edit = { name = section.name, removed = {}, added = {}, at = {} }
  local stays, last = {}, 0
  for n = from, to do
    local before = message:prev(section.first + n - 1)
    if before == 0 then
      local row = decode_row(message, section, n)
      if type(row) ~= "table" then
        return nil
      end
      edit.added[#edit.added + 1] = row
      edit.at[#edit.at + 1] = n
    elseif before < last then
      return nil
    else
      stays[before] = true
      last = before
    end
  end
  local old = current.rows[section.name] or {}
  for n = from, old_to do
    if not stays[n] then
      edit.removed[#edit.removed + 1] = old[n]
    end
  end
  return edit
end


-- The message as edits of the current configuration, or nil when it takes the long way.
local function edits_of(message)
  local edits, seen = {}, {}
  for _, section in ipairs(message.sections) do
    seen[section.name] = true
    if section.json then
      if section.json ~= current.members[section.name] then
        return nil
      end
    else
      local edit = edit_of(message, section)
      if edit == nil then
        return nil
      end
      edits[#edits + 1] = edit or nil
    end
  end
  for name in pairs(current.rows) do
    if not seen[name] then
      return nil
    end
  end
  return edits
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


-- What has to be rebuilt: a set of names, or nil for all (the message has no hashes, or what is built comes from another one).
local function changed_parts(hashes)
  if not hashes or not current.hashes.config or not is_in_use() then
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


local function plain_members(message)
  local members = {}
  for _, section in ipairs(message.sections) do
    members[section.name] = section.json
  end
  return members
end


-- The short way: what changed in a few rows. `what` as parse gives it, or nil.
local function parse_edits(message, hash, hashes, pause)
  local edits = current.message and hash and is_in_use() and edits_of(message)
  if not edits or not delta.check(kong.db, edits, pause) then
    return nil
  end
  local rows = {}
  for name, list in pairs(current.rows) do
    rows[name] = list
  end
  for _, edit in ipairs(edits) do
    rows[edit.name] = delta.new_list(rows[edit.name] or {}, edit)
  end
  return { hash = hash, hashes = hashes or {}, edits = edits, meta = kong.db.store.meta, rows = rows, members = current.members, of = current }
end


-- Rows in the message's order; no base for the next one where they were made into others.
local function rows_of(input, meta)
  local rows = {}
  for name, value in pairs(input) do
    if type(value) == "table" then
      rows[name] = value
    end
  end
  return not meta._transform and rows or nil
end


local function parse_message(message, pause)
  if member(message, "type") ~= "reconfigure" then
    return nil, "not a reconfigure message"
  end
  local hash, hashes = member(message, "config_hash"), member(message, "hashes")
  if hash and hash == _M.current_hash() then
    return { is_same = true, hash = hash }
  end
  if not message.members.config_table then
    return nil, "the message has no config_table", nil, hash
  end
  local what = parse_edits(message, hash, hashes, pause)
  if what then
    return what
  end
  local input, err, reused = take_table(message, pause)
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
  return { hash = kept, hashes = hashes or {}, lists = lists, meta = meta, rows = rows_of(input, meta), members = plain_members(message) }
end


-- Parses without making anything current. what = {hash, hashes, meta, lists or edits, rows, members, message}, or nil, err, errors,
-- hash; what.is_same: it is the configuration in use.
function _M.parse(payload, blocks)
  local message, err = unpack_message(payload, limit_for(payload), blocks, current.message)
  if not message then
    return nil, err
  end
  local what, errors, hash
  what, err, errors, hash = parse_message(message, new_pause())
  if not what or what.is_same or not what.rows then
    message:free()
    return what, err, errors, hash
  end
  message:keep()
  what.message = message
  return what
end


local function make_current(what)
  if current.message then
    current.message:free()
  end
  current = { hash = what.hash, hashes = what.hashes, rows = what.rows or {}, members = what.members, message = what.message,
              store = kong.db.store }
end


local function publish(what, pause)
  local version, err
  if what.edits then
    version = sync.publish_edits(kong.db, what.edits, what.meta, what.hash)
  end
  if not version then
    local lists = what.lists or {}
    for _, info in ipairs(what.edits and kong.db.entities:sorted() or {}) do
      lists[info.name] = kong.db.store[info.name].list
    end
    version, err = sync.publish(kong.db, lists, what.meta, what.hash, pause)
  end
  if version then
    sync.serving(version)
  else
    ngx.log(ngx.ERR, "[clustering] the other workers keep the old configuration: ", err)
  end
end


local function swap_and_publish(what)
  local pause = new_pause()
  local ok, err
  if what.edits then
    if what.of ~= current or not is_in_use() then
      return nil, "another configuration came between"
    end
    ok, err = sync.exchange(kong.db, what.edits, what.meta, what.hash, pause)
  else
    ok, err = sync.swap(kong.db, what.lists, what.meta, what.hash, pause, changed_parts(what.hashes))
  end
  if not ok then
    return nil, err
  end
  make_current(what)
  publish(what, pause)
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
  make_current(what)
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
