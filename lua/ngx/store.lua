-- A durable key-value store (runtime/vm/store.h): immediate reads, batches that commit all or nothing while the coroutine waits.
-- Used by kong.clustering, resty.lmdb and the control plane's database.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local text = base.text

local ERR_LEN = 160

local key_out, value_out = base.new_str(), base.new_str()
local err_out = ffi.new("char[?]", ERR_LEN)

local store = {}
store.__index = store


-- folder exists. options: {map_size (bytes), read_only}. A store, or nil, err.
function store.open(folder, options)
  local handle = C.kgw_ffi_store_open(folder, options.map_size or 2147483648, options.read_only and 1 or 0, err_out)
  if handle == nil then
    return nil, ffi.string(err_out)
  end
  return setmetatable({ handle = ffi.gc(handle, C.kgw_ffi_store_close) }, store)
end


-- Whether an existing store can be read to its end. At start only: it forks.
function store.probe(folder, map_size)
  return C.kgw_ffi_store_probe(folder, map_size or 2147483648) == base.OK
end


function store:close()
  if self.handle then
    C.kgw_ffi_store_close(ffi.gc(self.handle, nil))
    self.handle = nil
  end
end


-- The value of a key; nil when there is none; nil, err.
function store:get(key)
  local rc = C.kgw_ffi_store_get(self.handle, key, #key, value_out, err_out)
  local value, err
  if rc == base.OK then
    value = text(value_out)
  elseif rc ~= base.DECLINED then
    err = ffi.string(err_out)
  end
  C.kgw_ffi_store_release(self.handle)
  return value, err
end


-- What read(...) returns; all its reads see one state of the store. It may not wait.
function store:snapshot(read, ...)
  C.kgw_ffi_store_hold(self.handle, 1)
  local ok, a, b, c = pcall(read, ...)
  C.kgw_ffi_store_hold(self.handle, 0)
  if not ok then
    error(a, 0)
  end
  return a, b, c
end


-- {map_size (bytes), page_size (bytes), max_readers, num_readers, allocated_pages, in_use_pages, entries}
function store:info()
  local out = ffi.new("double[7]")
  C.kgw_ffi_store_info(self.handle, out)
  return { map_size = out[0], page_size = out[1], max_readers = out[2], num_readers = out[3], allocated_pages = out[4],
           in_use_pages = out[5], entries = out[6] }
end


-- The first key >= from (with `after`: > from) and its value; nil at the end; nil, nil, err.
function store:seek(from, after)
  local rc = C.kgw_ffi_store_seek(self.handle, from, #from, after and 1 or 0, key_out, value_out, err_out)
  local key, value, err
  if rc == base.OK then
    key, value = text(key_out), text(value_out)
  elseif rc ~= base.DECLINED then
    err = ffi.string(err_out)
  end
  C.kgw_ffi_store_release(self.handle)
  return key, value, err
end


local function next_of_prefix(state, key)
  local found, value, err = state.store:seek(key or state.prefix, key ~= nil)
  if err then
    error("cannot read the store: " .. err)
  end
  if found and found:sub(1, #state.prefix) == state.prefix then
    return found, value
  end
end


-- Iterates over the keys that begin with prefix, in their order.
function store:each(prefix)
  return next_of_prefix, { store = self, prefix = prefix }, nil
end


-- changes: array of {key, value} (value nil: delete). True, or nil, err. Waits for the disk when the phase may, else blocks.
function store:commit(changes, blocks)
  local batch = ffi.gc(C.kgw_ffi_batch_new(self.handle), C.kgw_ffi_batch_free)
  for i = 1, #changes do
    local key, value = changes[i][1], changes[i][2]
    local rc
    if value then
      rc = C.kgw_ffi_batch_put(batch, key, #key, value, #value)
    else
      rc = C.kgw_ffi_batch_delete(batch, key, #key)
    end
    if rc ~= base.OK then
      return nil, "out of memory"
    end
  end
  if blocks then
    C.kgw_ffi_batch_run(batch)
  elseif C.kgw_ffi_batch_begin(batch) == base.AGAIN then
    base.wait()
  else
    return nil, "cannot start the commit"
  end
  local rc = C.kgw_ffi_batch_result(batch, value_out)
  local err = rc ~= base.OK and text(value_out) or nil
  C.kgw_ffi_batch_free(ffi.gc(batch, nil))
  if err then
    return nil, err
  end
  return true
end


return store
