-- require "resty.lmdb": a durable key-value store for plugins, shared by all workers of the node. It is not the gateway's
-- configuration: see resty.lmdb.environment. Loaded by who requires it.
local environment = require "resty.lmdb.environment"
local prefix_pages = require "resty.lmdb.prefix"
local transaction = require "resty.lmdb.transaction"

local ngx = ngx

local lmdb = {}

local MAY_WAIT = { rewrite = true, access = true, content = true, timer = true }


-- The value, nil when there is none; nil, err.
function lmdb.get(key, db)
  local txn = transaction.begin()
  txn:get(key, db)
  local ok, err = txn:commit()
  if not ok then
    return nil, err
  end
  return txn[1].result
end


-- Value nil: the key is removed. True | nil, err.
function lmdb.set(key, value, db)
  local txn = transaction.begin()
  txn:set(key, value, db)
  return txn:commit()
end


-- Removes all keys; with `delete` also the database. True | nil, err.
function lmdb.db_drop(delete, db)
  local txn = transaction.begin()
  txn:db_drop(not not delete, db)
  return txn:commit()
end


-- Iterates over keys that begin with `text`, and their values. A key nil with a value: that is an error. Lets others run between
-- pages where the phase may wait, so that what they write may come up.
function lmdb.prefix(text, db)
  local page, at, has_more, start = {}, 0, true, text
  return function()
    at = at + 1
    if not page[at] and has_more then
      if at > 1 and MAY_WAIT[ngx.get_phase()] then
        ngx.sleep(0)
      end
      local result
      result, has_more = prefix_pages.page(start, text, db)
      if not result then
        local err = has_more
        page, has_more = {}, false
        return nil, err
      end
      page, at = result, 1
      start = page[#page] and page[#page].key .. "\0" or start
    end
    local pair = page[at]
    if pair then
      return pair.key, pair.value
    end
  end
end


-- {map_size (bytes), page_size (bytes), max_readers, num_readers, allocated_pages, in_use_pages, entries} | nil, err.
function lmdb.get_env_info()
  local store, err = environment.open()
  if not store then
    return nil, err
  end
  return store:info()
end


return lmdb
