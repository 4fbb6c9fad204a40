-- All rows of the database as one message for data planes: flat lists, references as plain ids, absent fields as nulls, what is
-- switched off left out. Runs in the control plane.

local cjson = require("cjson")
local config_hash = require("kong.clustering.config_hash")
local mark_arrays = require("kong.db.schema.value").mark_arrays
local packer = require("ngx.unpack")

local null = cjson.null
local ipairs = ipairs
local next = next
local pairs = pairs
local type = type

local LEVEL = 1          -- of gzip: a push should go at once
local CHUNK_MAX = 1024   -- rows

local _M = {}

-- Data planes resolve references to secrets themselves.
local AS_STORED = { resolve = false }


local glued = {}


-- Text between chunks as a part, made once.
local function glue(text)
  local part = glued[text]
  if not part then
    part = packer.gzip_part(text, LEVEL)
    glued[text] = part
  end
  return part
end


local function id_of(reference)
  return type(reference) == "table" and reference.id or reference
end


-- Nested tables without ws_id and the like stay as they are; only top-level fields are completed.
local function complete(info, row, dao)
  local shown = dao.schema:process_auto_fields(row, "select", true, AS_STORED)
  local out = {}
  for name, field in info.schema:each_field() do
    local v = shown[name]
    if v == nil then
      v = null
    elseif field.type == "foreign" and v ~= null then
      v = id_of(v)
    end
    out[name] = v
  end
  if info.name == "workspaces" then
    -- Kong's own are written without the parts that are not set.
    out.config, out.meta = {}, row.meta or {}
  end
  if info.schema.ttl then
    out.ttl = row.ttl or null
  end
  return mark_arrays(out)
end


local function is_over(info, row)
  return info.schema.ttl and row.ttl and row.ttl <= ngx.time()
end


-- Ids of rows that data planes do not get: switched-off services and their routes, plugins that are off or belong to those.
local function left_out(store)
  local services, routes = {}, {}
  for _, service in ipairs(store.services.list) do
    services[service.id] = service.enabled == false or nil
  end
  for _, route in ipairs(store.routes.list) do
    routes[route.id] = services[id_of(route.service)]
  end
  return services, routes
end


local function is_left_out(name, row, services, routes)
  if name == "services" then
    return services[row.id]
  elseif name == "routes" then
    return routes[row.id]
  elseif name == "plugins" then
    return row.enabled == false or services[id_of(row.service)] or routes[id_of(row.route)]
  end
end


-- What a row looks like in a message. Rows that end by themselves or whose parts are shown otherwise later are made anew each time.
local function encode(info, row, dao)
  local shown = complete(info, row, dao)
  return cjson.encode(shown), config_hash.text_of(shown) or false
end


-- By entity, what was made last: {kind, services, routes (kinds), section}. A section: n, rows, jsons, texts, row(i), chunks.
local made = {}


local function new_section()
  local section = { n = 0, rows = {}, jsons = {}, texts = {} }
  function section.row(i)
    return cjson.decode(section.jsons[i])
  end
  return section
end


-- Finds rows in a section; mostly they stand where they stood, or all by the same distance further.
local function new_finder(section)
  local rows, shift, positions = section.rows, 0, nil
  return function(row, i)
    if rows[i + shift] == row then
      return i + shift
    end
    if not positions then
      positions = {}
      for k = 1, section.n do
        positions[rows[k]] = k
      end
    end
    local at = positions[row]
    shift = at and at - i or shift
    return at
  end
end


-- Rows of a kind that data planes get; texts of unchanged ones are taken from `old`, where they stand in the same order.
local function fill_section(info, list, old, is_hidden, db, pause)
  local section, dao = new_section(), db.daos[info.name]
  local find = old and new_finder(old)
  local rows, jsons, texts, n = section.rows, section.jsons, section.texts, 0
  for i = 1, #list do
    local row = list[i]
    if not is_hidden or not is_hidden(row) then
      n = n + 1
      rows[n] = row
      local at = find and not row.ttl and find(row, n)
      if at then
        jsons[n], texts[n] = old.jsons[at], old.texts[at]
      else
        jsons[n], texts[n] = encode(info, row, dao)
        pause()
      end
    end
  end
  section.n = n
  return section
end


-- A filter for an entity's rows, or nil when all of them go out.
local function filter_of(info, services, routes)
  local name = info.name
  if info.schema.ttl then
    return function(row)
      return is_over(info, row)
    end
  elseif next(services) ~= nil and (name == "services" or name == "routes") or name == "plugins" then
    return function(row)
      return is_left_out(name, row, services, routes)
    end
  end
end


-- The section of an entity: the one made last when nothing that it comes from has changed.
local function section_of(db, store, info, services, routes, pause)
  local kind, last = store[info.name], made[info.name]
  if last and last.kind == kind and last.services == store.services and last.routes == store.routes and not info.schema.ttl then
    return last.section
  end
  local section = fill_section(info, kind.list, last and last.section, filter_of(info, services, routes), db, pause)
  section.before = last and last.section
  if section.before then
    -- Only one step back.
    section.before.before = nil
  end
  made[info.name] = { kind = kind, services = store.services, routes = store.routes, section = section }
  return section
end


-- store: a snapshot; pause: ngx.pause. sections = entity name -> {n, jsons, texts, row(i)}, members = plain members of the table,
-- and the set of names of configured plugins.
function _M.sections(db, store, pause)
  local sections, configured = {}, {}
  local services, routes = left_out(store)
  for _, info in ipairs(db.entities:sorted()) do
    local kind = store[info.name]
    if info.schema.db_export ~= false and kind and next(kind.list) ~= nil then
      local section = section_of(db, store, info, services, routes, pause)
      sections[info.name] = section.n > 0 and section or nil
    else
      made[info.name] = nil
    end
  end
  for _, row in ipairs(sections.plugins and sections.plugins.rows or {}) do
    configured[row.name] = true
  end
  return sections, { _format_version = "3.0", _transform = false }, configured
end


local HEAD = '{"type":"reconfigure","timestamp":'


-- What stands before and after the sections.
local function ends(members, hash, hashes)
  local parts = {}
  for name, value in pairs(members) do
    parts[#parts + 1] = cjson.encode(name) .. ":" .. cjson.encode(value)
  end
  return HEAD .. cjson.encode(ngx.now()) .. ',"config_table":{' .. table.concat(parts, ","),
         '},"config_hash":"' .. hash .. '","hashes":' .. cjson.encode(hashes) .. "}"
end


-- The JSON text of a reconfigure message.
function _M.message(sections, members, hash, hashes)
  local head, tail = ends(members, hash, hashes)
  local parts = { head }
  for name, section in pairs(sections) do
    parts[#parts + 1] = "," .. cjson.encode(name) .. ":[" .. table.concat(section.jsons, ",", 1, section.n) .. "]"
  end
  parts[#parts + 1] = tail
  return table.concat(parts)
end


-- Compressed ----------------------------------------------------------------------------------------------------------------


-- Rows that end a chunk, by their id: one of 256, so that a row more or less moves no other boundary.
local function ends_chunk(row)
  return row.id and row.id:sub(-2) == "00"
end


local function is_chunk(chunk, section, from, to)
  if not chunk or chunk.n ~= to - from + 1 then
    return false
  end
  local jsons, own = section.jsons, chunk.jsons
  for i = from, to do
    if jsons[i] ~= own[i - from + 1] then
      return false
    end
  end
  return true
end


local function new_chunk(section, from, to)
  local part, err = packer.gzip_part(table.concat(section.jsons, ",", from, to), LEVEL)
  if not part then
    return nil, err
  end
  local jsons = {}
  for i = from, to do
    jsons[i - from + 1] = section.jsons[i]
  end
  return { n = to - from + 1, jsons = jsons, part = part }
end


-- The chunks of a section; those of `old` (text of the first row -> chunk) are taken where they are the same.
local function chunks_of(section, old)
  local chunks, from = {}, 1
  for i = 1, section.n do
    if i == section.n or i - from + 1 >= CHUNK_MAX or ends_chunk(section.rows[i]) then
      local first = section.jsons[from]
      local chunk = old[first]
      if not is_chunk(chunk, section, from, i) then
        local reason
        chunk, reason = new_chunk(section, from, i)
        if not chunk then
          return nil, reason
        end
      end
      chunks[#chunks + 1] = chunk
      from = i + 1
    end
  end
  return chunks
end


-- Chunks by entity, of the message made last.
local packed = {}


-- Adds the parts of a section to a list; nil, err.
local function add_parts(parts, name, section)
  local last = packed[name]
  if not last or last.section ~= section then
    local chunks, err = chunks_of(section, last and last.by_first or {})
    if not chunks then
      return nil, err
    end
    last = { section = section, chunks = chunks, by_first = {} }
    for _, chunk in ipairs(chunks) do
      last.by_first[chunk.jsons[1]] = chunk
    end
    packed[name] = last
  end
  for i, chunk in ipairs(last.chunks) do
    parts[#parts + 1] = glue(i == 1 and ',"' .. name .. '":[' or ",")
    parts[#parts + 1] = chunk.part
  end
  parts[#parts + 1] = glue("]")
  return true
end


-- The gzip of a reconfigure message. Rows are compressed in chunks, and only chunks that changed anew. nil, err.
function _M.packed_message(sections, members, hash, hashes)
  local head, tail = ends(members, hash, hashes)
  local parts = { packer.gzip_part(head, LEVEL) }
  for name in pairs(packed) do
    if not sections[name] then
      packed[name] = nil
    end
  end
  for name, section in pairs(sections) do
    local ok, reason = add_parts(parts, name, section)
    if not ok then
      return nil, reason
    end
  end
  parts[#parts + 1] = packer.gzip_part(tail, LEVEL)
  return packer.gzip_of_parts(parts)
end


return _M
