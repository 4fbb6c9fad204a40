-- Carries a configuration that one worker parsed to all others: rows are packed into a shared dictionary in small
-- pieces, a version number tells that there is something new, and each worker unpacks a few rows at a time between
-- requests before it swaps. A version can also be the edits that lead to it from the one before; such a chain begins with a
-- whole configuration (or with that of the start, version 0). Used by POST /config, the data plane of a cluster and the
-- runloop's start of a worker. Must never hold up a worker for more than a slice.
local buffer = require "string.buffer"
local delta = require "kong.db.declarative.delta"
local new_pause = require("ngx.pause").new
local store = require "kong.db.store"
local value = require "kong.db.schema.value"
local workers = require "kong.api.workers"

local ipairs = ipairs
local pcall = pcall
local tostring = tostring
local type = type

local sync = {}

local DICT = "kong_config"
local VERSION_KEY = "kong:config:version"
local WHOLE_KEY = "kong:config:whole"  -- the version with which the chain of edits begins
local CHAIN_MAX = 64
local ROWS_PER_PIECE = 48
local POLL_SECONDS = 0.1
local PUBLISH_SECONDS = 5
local PUBLISH_EVERY = PUBLISH_SECONDS / POLL_SECONDS

-- The configuration this worker serves: 0 is the one of the start.
local current = 0
local is_loading = false


local function dict()
  return ngx.shared[DICT]
end


-- Field names are sent as numbers.
local function new_codec(entities)
  local names, seen = {}, {}
  for _, info in ipairs(entities:sorted()) do
    for name in info.schema:each_field() do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  names[#names + 1] = "ws_id"
  return buffer.new({ dict = names, metatable = { value.array_mt, value.set_mt } })
end


local codec, codec_of


local function codec_for(db)
  if codec_of ~= db.entities or not codec then
    codec, codec_of = new_codec(db.entities), db.entities
  end
  return codec
end


local function piece_key(version, i)
  return "config:" .. version .. ":" .. i
end


local function put(zone, key, text)
  local ok, err = zone:safe_set(key, text)
  if not ok then
    return nil, err
  end
  return true
end


local function forget_pieces(zone, version)
  local head = zone:get("config:" .. version)
  if not head then
    return
  end
  local count = buffer.decode(head).count
  for i = 1, count do
    zone:delete(piece_key(version, i))
  end
  zone:delete("config:" .. version)
end


local function pack(zone, version, db, lists, pause)
  local count = 0
  local pack_buffer = codec_for(db)
  for _, info in ipairs(db.entities:sorted()) do
    local rows = lists[info.name] or {}
    for from = 1, #rows, ROWS_PER_PIECE do
      local piece = { info.name }
      for i = from, math.min(#rows, from + ROWS_PER_PIECE - 1) do
        piece[#piece + 1] = rows[i]
      end
      count = count + 1
      local ok, err = put(zone, piece_key(version, count), pack_buffer:reset():encode(piece):get())
      if not ok then
        return nil, err, count
      end
      if pause then
        pause()
      end
    end
  end
  return count
end


local function forget_chain(zone, from, to)
  for version = math.max(from, 1), to do
    forget_pieces(zone, version)
  end
end


-- Makes the rows available to all workers. version | nil, error ("no memory": the rows do not fit).
function sync.publish(db, lists, meta, hash, pause)
  local zone = dict()
  if not zone then
    return 0
  end
  local counter = ngx.shared.kong
  local old = counter:get(VERSION_KEY) or 0
  local version = old + 1
  local count, err, packed = pack(zone, version, db, lists, pause)
  if not count then
    for i = 1, packed do
      zone:delete(piece_key(version, i))
    end
    return nil, err
  end
  local ok
  ok, err = put(zone, "config:" .. version, buffer.encode({ count = count, hash = hash, meta = meta }))
  if not ok then
    return nil, err
  end
  local whole = counter:get(WHOLE_KEY) or 0
  counter:set(WHOLE_KEY, version)
  counter:set(VERSION_KEY, version)
  forget_chain(zone, whole, old)
  return version
end


-- The same for a configuration that differs from the published one by a few edits (of kong.db.declarative.delta, made already).
-- version | nil when it takes publish.
function sync.publish_edits(db, edits, meta, hash)
  local zone, counter = dict(), ngx.shared.kong
  if not zone then
    return 0
  end
  local old, whole = counter:get(VERSION_KEY) or 0, counter:get(WHOLE_KEY) or 0
  if old - whole >= CHAIN_MAX or current ~= old then
    return nil
  end
  local version, pack_buffer = old + 1, codec_for(db)
  for i, edit in ipairs(edits) do
    local piece = { edit.name, {}, edit.at, edit.added }
    local key = db.store[edit.name].key
    for k, row in ipairs(edit.removed) do
      piece[2][k] = row[key]
    end
    if not put(zone, piece_key(version, i), pack_buffer:reset():encode(piece):get()) then
      return nil
    end
  end
  if not put(zone, "config:" .. version, buffer.encode({ count = #edits, hash = hash, meta = meta, is_edit = true })) then
    return nil
  end
  counter:set(VERSION_KEY, version)
  return version
end


local function same_list(a, b)
  if type(a) ~= "table" or #a ~= #b then
    return false
  end
  for i = 1, #b do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end


-- What rows had in common before they were packed, they have in common again.
local function share(info, plan, row, refs)
  for _, foreign in ipairs(info.foreigns) do
    local reference = row[foreign.name]
    if reference then
      local known = refs[reference.id]
      if known then
        row[foreign.name] = known
      else
        refs[reference.id] = reference
      end
    end
  end
  for i = 1, plan.n do
    local default = plan.kinds[i] == "shared" and plan.defaults[i]
    if default and same_list(row[plan.names[i]], default) then
      row[plan.names[i]] = default
    end
  end
end


local function head_of(zone, version)
  local head = zone:get("config:" .. version)
  return head and buffer.decode(head)
end


-- A piece of a version, its entity's info and the plan of its fields; nil, "replaced": it is not there any more.
local function piece_of(zone, version, i, db)
  local text = zone:get(piece_key(version, i))
  if not text then
    return nil, "replaced"
  end
  local piece = codec_for(db):set(text):decode()
  local info = db.entities:get(piece[1])
  return piece, info, info.schema:view_for(nil)
end


local function unpack_rows(zone, version, count, db, pause)
  local lists, refs = {}, {}
  for i = 1, count do
    local piece, info, plan = piece_of(zone, version, i, db)
    if not piece then
      return nil, info
    end
    local list = lists[piece[1]]
    if not list then
      list = {}
      lists[piece[1]] = list
    end
    for k = 2, #piece do
      share(info, plan, piece[k], refs)
      list[#list + 1] = piece[k]
    end
    if pause then
      pause()
    end
  end
  return lists
end


-- The edits of a version. list_of(entity): the rows that they are edits of. nil, "replaced": it is not there any more.
local function unpack_edits(zone, version, count, db, list_of)
  local edits = {}
  for i = 1, count do
    local piece, info, plan = piece_of(zone, version, i, db)
    if not piece then
      return nil, info
    end
    local key = info.schema.primary_key[1]
    local edit = { name = piece[1], removed = {}, at = piece[3], added = piece[4] }
    local leaves = {}
    for _, id in ipairs(piece[2]) do
      leaves[id] = true
    end
    for _, row in ipairs(list_of(edit.name)) do
      if leaves[row[key]] then
        edit.removed[#edit.removed + 1] = row
      end
    end
    for _, row in ipairs(edit.added) do
      share(info, plan, row, {})
    end
    edits[i] = edit
  end
  return edits
end


local CYCLES = 2       -- after everything was exchanged
local FEW_CYCLES = 1   -- after edits, of which many may come
local SETTLE_SECONDS = 1
local is_settling = false


-- What a change leaves behind is collected in small steps between requests, instead of staying until the heap has grown.
local function settle(_, cycles)
  local pause = new_pause()
  while cycles > 0 and not ngx.worker.exiting() do
    if collectgarbage("step", 0) then
      cycles = cycles - 1
    end
    pause()
  end
  is_settling = false
end


local function settle_soon(cycles)
  if not is_settling then
    is_settling = true
    ngx.timer.at(SETTLE_SECONDS, settle, cycles)
  end
end


local function after_swap(hash)
  for _, name in ipairs { "cache", "core_cache" } do
    local cache = kong[name]
    if cache and cache.purge then
      cache:purge()
    end
  end
  if kong.worker_events and kong.worker_events.post_local then
    kong.worker_events.post_local("declarative", "reconfigure", hash)
  end
end


-- Puts rows in the place of the current ones together with what the runloop builds from them; nothing changes if it cannot.
-- changed: of kong.runloop.builder.rebuild.
function sync.swap(db, lists, meta, hash, pause, changed)
  local snapshot = store.new(db.entities, lists, hash, meta)
  store.prepare(snapshot, db.entities, pause)
  local ok, err = require("kong.runloop").rebuild({ store = snapshot, pause = pause, changed = changed })
  if not ok then
    return nil, err
  end
  after_swap(hash)
  settle_soon(CYCLES)
  return true
end


-- The same with a few edits (checked already); where that does not do, with everything.
function sync.exchange(db, edits, meta, hash, pause)
  local changes, lists = delta.changes(db, edits)
  local plugins = lists.plugins and store.kind(db.entities:get("plugins"), lists.plugins)
  local done, err = require("kong.runloop").exchange(edits, plugins, function()
    return store.derive(db.store, db.entities, changes, { lists = lists, hash = hash, meta = meta })
  end)
  if done then
    after_swap(hash)
    settle_soon(FEW_CYCLES)
    return true
  elseif done == nil then
    return nil, err
  end
  for _, info in ipairs(db.entities:sorted()) do
    lists[info.name] = lists[info.name] or db.store[info.name].list
  end
  return sync.swap(db, lists, meta, hash, pause)
end


-- A worker that has an older version of the same chain makes the edits one after the other.
local function follow_chain(zone, from, to, db, pause)
  for version = from, to do
    local head = head_of(zone, version)
    if not head or not head.is_edit then
      return nil, "replaced"
    end
    local edits, err = unpack_edits(zone, version, head.count, db, function(name)
      return db.store[name].list
    end)
    if not edits then
      return nil, err
    end
    local ok
    ok, err = sync.exchange(db, edits, head.meta, head.hash, pause)
    if not ok then
      return nil, err
    end
    current = version
  end
  return true
end


local function load_whole(zone, whole, to, db, pause)
  local head = head_of(zone, whole)
  if not head then
    return nil, "replaced"
  end
  local lists, err = unpack_rows(zone, whole, head.count, db, pause)
  if not lists then
    return nil, err
  end
  for version = whole + 1, to do
    head = head_of(zone, version)
    local edits
    edits, err = unpack_edits(zone, version, head and head.count or 1, db, function(name)
      return lists[name] or {}
    end)
    if not edits then
      return nil, err
    end
    for _, edit in ipairs(edits) do
      lists[edit.name] = delta.new_list(lists[edit.name] or {}, edit)
    end
  end
  return sync.swap(db, lists, head.meta, head.hash, pause)
end


local function load_version(version, db, pause)
  local zone = dict()
  if not zone then
    return nil, "replaced"
  end
  local whole = ngx.shared.kong:get(WHOLE_KEY) or 0
  if current >= whole and current < version then
    return follow_chain(zone, current + 1, version, db, pause)
  end
  return load_whole(zone, whole, version, db, pause)
end


-- Marks a version as served by this worker, which has swapped already.
function sync.serving(version)
  current = version
  workers.serves(version)
end


local function take_over(pause)
  local wanted = ngx.shared.kong:get(VERSION_KEY) or 0
  if wanted == 0 or wanted == current or is_loading then
    return
  end
  is_loading = true
  local ok, done, err = pcall(load_version, wanted, kong.db, pause)
  is_loading = false
  if ok and done then
    sync.serving(wanted)
  elseif not ok or err ~= "replaced" then
    -- Told once; the worker goes on with what it has until there is something newer.
    current = wanted
    ngx.log(ngx.ERR, "cannot take over the new configuration: ", tostring(ok and err or done))
  end
end


local function catch_up()
  return take_over(new_pause())
end


sync.catch_up = catch_up


-- In the master, when a configuration was read from a file: what came over the Admin API before counts no more.
function sync.reset()
  local zone = dict()
  local counter = ngx.shared.kong
  local version = counter and zone and counter:get(VERSION_KEY) or 0
  if version > 0 then
    local whole = counter:get(WHOLE_KEY) or 0
    counter:set(VERSION_KEY, 0)
    counter:set(WHOLE_KEY, 0)
    forget_chain(zone, whole, version)
  end
end


-- While a worker loads by itself, the watcher stays away.
function sync.exclusive(fn, ...)
  is_loading = true
  local ok, a, b, c = pcall(fn, ...)
  is_loading = false
  if not ok then
    return nil, a
  end
  return a, b, c
end


-- Called when a worker starts: takes over what came after the master's start before it serves a request (a worker
-- that takes the place of a dead one must not serve the configuration of yesterday), and goes on watching.
function sync.start_worker()
  workers.publish()
  workers.serves(0)
  local ticks = 0
  take_over(nil)
  -- A worker that is alone has nobody to hear from; it only goes on publishing its numbers.
  local is_alone = ngx.worker.count() == 1
  ngx.timer.every(is_alone and PUBLISH_SECONDS or POLL_SECONDS, function(premature)
    if premature then
      return
    end
    catch_up()
    workers.follow_log_level()
    ticks = ticks + 1
    if is_alone or ticks % PUBLISH_EVERY == 0 then
      workers.publish()
    end
  end)
end


return sync
