-- The last good configuration of a data plane on its own disk: an LMDB environment in <prefix>/dbless.lmdb that holds the message as it
-- came (gzip), its hash and a checksum. Served at once after a restart while the control plane is away. Only worker 0
-- writes; the master reads it before the fork.

local store = require("ngx.store")

local KEY_FORMAT, KEY_HASH, KEY_SUM, KEY_PAYLOAD = "config:format", "config:hash", "config:sum", "config:payload"
local FORMAT = "kgw 1"
local FOLDER = "/dbless.lmdb"

local _M = {}


local function sum_of(payload)
  return ngx.md5(payload)
end


local function open(conf, read_only)
  return store.open(conf.prefix .. FOLDER, { read_only = read_only })
end


-- A store that cannot be used is put aside, so that it can be looked at; the control plane sends the configuration again.
local function put_aside(conf, reason)
  local folder = conf.prefix .. FOLDER
  for _, name in ipairs({ "data.mdb", "lock.mdb" }) do
    os.remove(folder .. "/" .. name .. ".broken")
    os.rename(folder .. "/" .. name, folder .. "/" .. name .. ".broken")
  end
  return nil, "the saved configuration in " .. folder .. " cannot be used (" .. reason .. "): it was put aside as data.mdb.broken and will be "
           .. "written anew from the control plane"
end


local function read(saved)
  local format, err = saved:get(KEY_FORMAT)
  if not format then
    return nil, err
  end
  if format ~= FORMAT then
    return nil, "format '" .. format .. "' is not ours"
  end
  local payload, sum = saved:get(KEY_PAYLOAD), saved:get(KEY_SUM)
  if not payload or sum ~= sum_of(payload) then
    return nil, "wrong checksum"
  end
  return payload, saved:get(KEY_HASH)
end


-- The saved message and its hash; nil when there is none; nil, err when there is one that cannot be used (it has been put aside).
function _M.load(conf)
  local file = io.open(conf.prefix .. FOLDER .. "/data.mdb", "rb")
  if not file then
    return nil
  end
  file:close()
  if not store.probe(conf.prefix .. FOLDER) then
    return put_aside(conf, "the file is damaged")
  end
  local saved, err = open(conf, true)
  if not saved then
    return put_aside(conf, err)
  end
  local ok, payload, hash = pcall(read, saved)
  saved:close()
  if not ok or (not payload and hash) then
    return put_aside(conf, tostring(ok and hash or payload))
  end
  return payload, hash
end


local handle

-- Writes; waits for the disk without holding the loop. true, or nil, err.
function _M.save(conf, payload, hash)
  local err
  if not handle then
    require("kgw.posix").mkdir(conf.prefix .. FOLDER)
    handle, err = open(conf, false)
    if not handle then
      put_aside(conf, err)
      handle, err = open(conf, false)
    end
    if not handle then
      return nil, err
    end
  end
  return handle:commit({ { KEY_FORMAT, FORMAT }, { KEY_HASH, hash }, { KEY_SUM, sum_of(payload) }, { KEY_PAYLOAD, payload } })
end


return _M
