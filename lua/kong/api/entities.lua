-- The Admin API's paths for entities: collections, single entities, children of a parent, the parent of a child.
-- All of them are made from the schemas, so that entities of plugins have the same paths as the core ones.
-- Used by kong.api. Must never know a particular entity but for what kong.api.overrides registers.
local new_pause = require("ngx.pause").new
local rows = require "kong.api.rows"
local arguments = require "kong.api.arguments"
local validators = require "kong.db.schema.validators"
local value = require "kong.db.schema.value"

local concat = table.concat
local find = string.find
local gmatch = string.gmatch
local gsub = string.gsub
local insert = table.insert
local ipairs = ipairs
local pairs = pairs
local tonumber = tonumber
local type = type

local null = value.null
local is_uuid = validators.is_uuid

local entities = {}

-- Rows that are shown without letting others have a turn.
local LONG_LIST = 32

local NOT_FOUND = { message = "Not found" }

local STATUS = {
  [1] = 400, [2] = 400, [3] = 400, [4] = 400, [5] = 409, [6] = 404, [7] = 400, [8] = 500, [9] = 400, [10] = 400,
  [11] = 400, [12] = 405, [13] = 400, [14] = 400, [15] = 400, [16] = 400, [17] = 400, [18] = 400, [19] = 400,
}


-- Status and body of an error of a DAO.
function entities.failure(err_t, err)
  if type(err_t) ~= "table" then
    return 500, { message = "An unexpected error occurred" }, err
  end
  local status = STATUS[err_t.code] or 500
  if status == 500 then
    return 500, { message = "An unexpected error occurred" }, err_t.message
  end
  local body = {}
  for k, v in pairs(err_t) do
    if k ~= "strategy" then
      body[k] = v
    end
  end
  return status, body
end


local failure = entities.failure


local function missing(err_t)
  if err_t then
    return failure(err_t)
  end
  return 404, NOT_FOUND
end


entities.missing = missing


-- "a,b" -> all of them, "a/b" -> any of them.
local function parse_tags(text)
  if text == "" or text == null or text == true then
    return nil, "cannot be null"
  end
  if type(text) ~= "string" then
    return nil, "invalid filter syntax"
  end
  local has_and, has_or = find(text, ",", 1, true), find(text, "/", 1, true)
  if has_and and has_or then
    return nil, "invalid filter syntax"
  end
  local tags = {}
  for tag in gmatch(text, "[^,/]+") do
    tags[#tags + 1] = tag
  end
  if #tags > 5 then
    return nil, "cannot query more than 5 tags"
  end
  if #tags == 0 then
    return nil, "invalid filter syntax"
  end
  return tags, has_or and "or" or "and"
end


-- size, options | nil, status, body.
local function page_options(dao, args)
  local errors = dao.errors
  local size = 100
  if args.size ~= nil then
    size = tonumber(args.size)
    if not size then
      return nil, failure(errors:invalid_size("size must be a number"))
    end
    if size % 1 ~= 0 or size < 1 or size > 1000 then
      return nil, failure(errors:invalid_size("size must be an integer between 1 and 1000"))
    end
  end
  local options = { raw = true }
  if args.tags ~= nil and dao.schema.fields.tags then
    local tags, cond = parse_tags(args.tags)
    if not tags then
      return nil, failure(errors:invalid_options({ tags = cond }))
    end
    options.tags, options.tags_cond = tags, cond
  end
  return size, options
end


entities.page_options = page_options


local function next_url(path, offset, args)
  if not offset then
    return null
  end
  local parts = { "offset=" .. ngx.escape_uri(offset) }
  if args and args.size then
    insert(parts, 1, "size=" .. ngx.escape_uri(args.size))
  end
  if args and type(args.tags) == "string" then
    parts[#parts + 1] = "tags=" .. ngx.escape_uri(args.tags)
  end
  table.sort(parts)
  return path .. "?" .. concat(parts, "&")
end


entities.next_url = next_url


local function list_answer(dao, list, offset, path, args)
  return 200, {
    data = rows.show_all(dao.schema, list, #list > LONG_LIST and new_pause() or nil),
    next = next_url(path, offset, args),
    offset = offset,
  }
end


entities.list_answer = list_answer


-- The row that a path segment means: an id, or a value of the endpoint key. row | nil, err_t.
function entities.select(dao, key, options)
  options = options or { raw = true }
  if is_uuid(key) then
    local row, _, err_t = dao:select({ id = key }, options)
    return row, err_t
  end
  local name = dao.schema.endpoint_key
  local select_by = name and dao["select_by_" .. name]
  if not select_by then
    return nil
  end
  local row, _, err_t = select_by(dao, key, options)
  if err_t and err_t.code == 10 then
    return nil
  end
  return row, err_t
end


local select_row = entities.select


local write_options


-- Runs a write of the DAO for the row a path segment means.
local function write_by(dao, verb, key, args)
  local name = dao.schema.endpoint_key
  local options = args and write_options(dao, args)
  if is_uuid(key) or not name then
    return dao[verb](dao, { id = key }, args, options)
  end
  return dao[verb .. "_by_" .. name](dao, key, args, options)
end


-- The arguments of a write, for the fields of a schema.
local function write_args(self, dao)
  local args = type(self.body) == "table" and self.body or {}
  if self.is_form then
    args = arguments.infer(args, dao.schema)
  end
  for _, foreign in ipairs(dao.info.foreigns) do
    local v = args[foreign.name]
    if v ~= nil and v ~= null and type(v) ~= "table" then
      args[foreign.name] = {}
    end
  end
  return args
end


entities.write_args = write_args


-- How a DAO is to write the arguments: rows come back as they are stored; a time to live is no field.
function write_options(dao, args)
  local options = { raw = true }
  if dao.schema.ttl and type(args.ttl) == "number" then
    options.ttl = args.ttl
    args.ttl = nil
  end
  return options
end


entities.write_options = write_options


-- Collections --------------------------------------------------------------------------------------------------------


function entities.collection(dao, base)
  return {
    schema = dao.schema,
    methods = {
      GET = function(self)
        local size, options, body = page_options(dao, self.query)
        if not size then
          return options, body
        end
        local list, err, err_t, offset = dao:page(size, self.query.offset, options)
        if not list then
          return failure(err_t, err)
        end
        return list_answer(dao, list, offset, base, self.query)
      end,
      POST = function(self)
        local args = write_args(self, dao)
        local row, err, err_t = dao:insert(args, write_options(dao, args))
        if not row then
          return failure(err_t, err)
        end
        return 201, rows.show(dao.schema, row)
      end,
    },
  }
end


function entities.single(dao, param)
  local function found(self)
    return select_row(dao, self.params[param])
  end
  return {
    schema = dao.schema,
    methods = {
      GET = function(self)
        local row, err_t = found(self)
        if not row then
          return missing(err_t)
        end
        return 200, rows.show(dao.schema, row)
      end,
      PATCH = function(self)
        -- Of plugins the row is looked up first.
        if dao.schema.name == "plugins" then
          local old, lookup_err_t = found(self)
          if not old then
            return missing(lookup_err_t)
          end
        end
        local row, err, err_t = write_by(dao, "update", self.params[param], write_args(self, dao))
        if not row then
          return failure(err_t, err)
        end
        return 200, rows.show(dao.schema, row)
      end,
      PUT = function(self)
        local row, err, err_t = write_by(dao, "upsert", self.params[param], write_args(self, dao))
        if not row then
          return failure(err_t, err)
        end
        return 200, rows.show(dao.schema, row)
      end,
      DELETE = function(self)
        if not found(self) then
          return 204
        end
        local ok, err, err_t = write_by(dao, "delete", self.params[param])
        if not ok then
          return failure(err_t, err)
        end
        return 204
      end,
    },
  }
end


-- Children of a parent -----------------------------------------------------------------------------------------------


-- The child a path segment means, if it belongs to the parent. Entities without an endpoint key are also known by the
-- part of their cache key that is not the parent.
local function child_of(dao, field, parent, key)
  local row, err_t = select_row(dao, key)
  if row then
    local reference = row[field]
    if reference and reference.id == parent.id then
      return row
    end
    return nil
  end
  if err_t or dao.schema.endpoint_key then
    return nil, err_t
  end
  for _, name in ipairs(dao.schema.cache_key or {}) do
    if name ~= field and dao.schema.fields[name].type == "string" then
      for child in dao["each_for_" .. field](dao, { id = parent.id }, nil, { raw = true }) do
        if child[name] == key then
          return child
        end
      end
    end
  end
end


entities.child_of = child_of


function entities.children(dao, parent_dao, field, param, base)
  return {
    schema = dao.schema,
    methods = {
      GET = function(self)
        local parent, err_t = select_row(parent_dao, self.params[param])
        if not parent then
          return missing(err_t)
        end
        local size, options, body = page_options(dao, self.query)
        if not size then
          return options, body
        end
        local list, err, page_err_t, offset = dao["page_for_" .. field](dao, { id = parent.id }, size,
                                                                        self.query.offset, options)
        if not list then
          return failure(page_err_t, err)
        end
        local path = gsub(base, ":[^/]+", function()
          return ngx.escape_uri(self.params[param])
        end)
        return list_answer(dao, list, offset, path)
      end,
      POST = function(self)
        local parent, err_t = select_row(parent_dao, self.params[param])
        if not parent then
          return missing(err_t)
        end
        local args = write_args(self, dao)
        args[field] = { id = parent.id }
        local row, err, insert_err_t = dao:insert(args, write_options(dao, args))
        if not row then
          return failure(insert_err_t, err)
        end
        return 201, rows.show(dao.schema, row)
      end,
    },
  }
end


local function with_child(dao, parent_dao, field, parent_param, param, fn)
  return function(self)
    local parent, err_t = select_row(parent_dao, self.params[parent_param])
    if not parent then
      return missing(err_t)
    end
    local child
    child, err_t = child_of(dao, field, parent, self.params[param])
    if err_t then
      return failure(err_t)
    end
    return fn(self, parent, child)
  end
end


-- The path segment for the DAO's methods: what the caller wrote if that is the endpoint key, else the id.
local function key_of(dao, key, row)
  return dao.schema.endpoint_key and key or row.id
end


-- Entities without an endpoint key are put by the part of their cache key that the path names.
local function upsert_child(dao, field, key, child, args)
  if is_uuid(key) or dao.schema.endpoint_key then
    return write_by(dao, "upsert", key, args)
  end
  for _, name in ipairs(dao.schema.cache_key or {}) do
    if name ~= field and dao.schema.fields[name].type == "string" then
      args[name] = key
    end
  end
  local id = child and child.id or require("kong.db.schema.ids").random()
  return dao:upsert({ id = id }, args, write_options(dao, args))
end


function entities.child(dao, parent_dao, field, parent_param, param)
  local function wrap(fn)
    return with_child(dao, parent_dao, field, parent_param, param, fn)
  end
  return {
    schema = dao.schema,
    methods = {
      GET = wrap(function(_, _, child)
        if not child then
          return 404, NOT_FOUND
        end
        return 200, rows.show(dao.schema, child)
      end),
      PATCH = wrap(function(self, parent, child)
        if not child then
          return 404, NOT_FOUND
        end
        local args = write_args(self, dao)
        args[field] = { id = parent.id }
        local row, err, err_t = write_by(dao, "update", key_of(dao, self.params[param], child), args)
        if not row then
          return failure(err_t, err)
        end
        return 200, rows.show(dao.schema, row)
      end),
      PUT = wrap(function(self, parent, child)
        local args = write_args(self, dao)
        args[field] = { id = parent.id }
        local row, err, err_t = upsert_child(dao, field, self.params[param], child, args)
        if not row then
          return failure(err_t, err)
        end
        return 200, rows.show(dao.schema, row)
      end),
      DELETE = wrap(function(self, _, child)
        if not child then
          return 404, NOT_FOUND
        end
        local ok, err, err_t = write_by(dao, "delete", key_of(dao, self.params[param], child))
        if not ok then
          return failure(err_t, err)
        end
        return 204
      end),
    },
  }
end


-- The parent of a child: /routes/:routes/service.
function entities.parent(dao, parent_dao, field, param)
  local function wrap(fn)
    return function(self)
      local child, err_t = select_row(dao, self.params[param])
      if not child then
        return missing(err_t)
      end
      local reference = child[field]
      local parent = reference and reference ~= null and parent_dao:select({ id = reference.id }, { raw = true })
      return fn(self, child, parent)
    end
  end
  return {
    schema = parent_dao.schema,
    methods = {
      GET = wrap(function(_, _, parent)
        if not parent then
          return 404, NOT_FOUND
        end
        return 200, rows.show(parent_dao.schema, parent)
      end),
      PATCH = wrap(function(self, _, parent)
        if not parent then
          return 404, NOT_FOUND
        end
        local row, err, err_t = parent_dao:update({ id = parent.id }, write_args(self, parent_dao))
        if not row then
          return failure(err_t, err)
        end
        return 200, rows.show(parent_dao.schema, row)
      end),
      PUT = wrap(function(self, child, parent)
        local id = parent and parent.id or require("kong.db.schema.ids").random()
        local row, err, err_t = parent_dao:upsert({ id = id }, write_args(self, parent_dao))
        if row and not parent then
          local _
          _, err, err_t = dao:update({ id = child.id }, { [field] = { id = row.id } })
        end
        if err_t then
          return failure(err_t, err)
        end
        return 200, rows.show(parent_dao.schema, row)
      end),
      DELETE = wrap(function(_, _, parent)
        if not parent then
          return 404, NOT_FOUND
        end
        return 405, { message = "Method not allowed" }
      end),
    },
  }
end


local NOT_SERVED = { workspaces = true, parameters = true, clustering_data_planes = true, tags = true }


function entities.is_served(schema)
  return not NOT_SERVED[schema.name] and schema.generate_admin_api ~= false
end


-- Path segment of an entity, at the top and below a parent.
local function names_of(schema)
  local top = schema.admin_api_name or schema.name
  return top, schema.admin_api_nested_name or top
end


local function add(router, path, endpoint)
  router:add(path, endpoint.methods, endpoint.schema)
end


-- Registers every path of an entity.
function entities.register(router, db, info)
  local schema = info.schema
  local dao = db.daos[info.name]
  local top, nested = names_of(schema)
  local base = "/" .. top
  add(router, base, entities.collection(dao, base))
  local item = base .. "/:" .. info.name
  add(router, item, entities.single(dao, info.name))
  for _, foreign in ipairs(info.foreigns) do
    local parent = db.entities:get(foreign.reference)
    if parent and entities.is_served(parent.schema) then
      local parent_dao = db.daos[foreign.reference]
      local parent_item = "/" .. names_of(parent.schema) .. "/:" .. foreign.reference
      local below = parent_item .. "/" .. nested
      add(router, below, entities.children(dao, parent_dao, foreign.name, foreign.reference, below))
      add(router, below .. "/:" .. info.name,
          entities.child(dao, parent_dao, foreign.name, foreign.reference, info.name))
      add(router, item .. "/" .. foreign.name, entities.parent(dao, parent_dao, foreign.name, info.name))
    end
  end
end


return entities
