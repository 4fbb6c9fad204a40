-- resty.lmdb.prefix: keys of a database in their order, page by page.
local environment = require "resty.lmdb.environment"

local assert = assert
local sub = string.sub

local prefix = {}

local PAGE_SIZE = 512


local function read_page(store, range, start, wanted, page_size)
  local page, from, is_after = {}, range .. start, false
  while #page < page_size do
    local key, value, err = store:seek(from, is_after)
    if err then
      return nil, err
    end
    if not key or sub(key, 1, #wanted) ~= wanted then
      return page, false
    end
    page[#page + 1] = { key = sub(key, #range + 1), value = value }
    from, is_after = key, true
  end
  return page, true
end


-- {{key, value}} of keys >= start that begin with `text`, and whether there may be more; nil, err.
function prefix.page(start, text, db, page_size)
  page_size = page_size or PAGE_SIZE
  assert(page_size >= 1, "page_size must be at least 1")
  db = db or environment.DEFAULT_DB
  local store, err = environment.open()
  if not store then
    return nil, "unable to open DB for access: " .. err
  end
  local marker = environment.marker(db)
  if marker and not store:get(marker) then
    return nil, "unable to open DB for access: " .. environment.NOT_FOUND
  end
  local range = environment.range(db)
  return store:snapshot(read_page, store, range, start, range .. text, page_size)
end


return prefix
