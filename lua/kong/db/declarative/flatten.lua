-- Turns a decoded configuration, where children may stand inside their parents, into one list of rows per entity:
-- ids and defaults filled in, values validated, references resolved. Works in place and in one walk, because ten
-- thousand routes pass through it at start. Used by kong.db.declarative. Must never touch the current rows.
local ids = require "kong.db.declarative.ids"
local guard = require "ngx.guard"
local messages = require "kong.db.schema.messages"
local references = require "kong.db.declarative.references"
local value = require "kong.db.schema.value"

local ipairs = ipairs
local next = next
local pairs = pairs
local sub = string.sub
local tostring = tostring
local type = type

local null = value.null
local is_array = value.is_array
local strip_nulls = value.strip_nulls
local generate_id = ids.generate

local VERSIONS = { ["1.1"] = true, ["2.1"] = true, ["3.0"] = true }

-- Stands for a parent that is given by name until all names are known; its id is a valid one.
local UNRESOLVED = { id = "00000000-0000-4000-8000-000000000000" }

-- Rows walked between two calls of pause.
local SLICE = 4

local flatten = {}


-- Places of lists: {entity =, up =, up_index =}; errors are put where the list stands in the input.

-- Entities whose rows name their workspace: those that the run loop hands to plugins.
local SHOWS_WORKSPACE = { routes = true, services = true, plugins = true }


local function errors_of(state, node)
  local holder = state.errors
  if node.up then
    local list = errors_of(state, node.up)
    local item = list[node.up_index]
    if type(item) ~= "table" then
      item = {}
      list[node.up_index] = item
    end
    holder = item
  end
  local errs = holder[node.entity]
  if type(errs) ~= "table" then
    errs = {}
    holder[node.entity] = errs
  end
  return errs
end


local function add_errors(state, node, i, errs)
  state.failed = true
  local list = errors_of(state, node)
  local known = list[i]
  if type(known) == "table" and type(errs) == "table" then
    for name, err in pairs(errs) do
      known[name] = err
    end
  else
    list[i] = errs
  end
end


flatten.add_errors = add_errors


-- One table {id =} per parent, shared by all its children.
local function reference_to(state, id)
  local refs = state.refs
  local ref = refs[id]
  if not ref then
    ref = { id = id }
    refs[id] = ref
  end
  return ref
end


-- Takes the nested children out of an item: list of {child, rows}, or nil.
local function take_children(info, item)
  local taken
  local children = info.children
  for i = 1, #children do
    local child = children[i]
    local rows = item[child.name]
    local own = info.schema.fields[child.name]
    if rows ~= nil and (not own or own.transient) then
      item[child.name] = nil
      if rows ~= null then
        taken = taken or {}
        taken[#taken + 1] = child
        taken[#taken + 1] = rows
      end
    end
  end
  return taken
end


-- References that are given by name, or by an id that has to exist, are looked up when everything was read.
local function note_references(state, info, item, node, i, own_parent)
  local pending = state.pending
  local foreigns = info.foreigns
  for f = 1, #foreigns do
    local name = foreigns[f].name
    local v = item[name]
    if v ~= nil and v ~= null and v ~= own_parent then
      if type(v) == "string" then
        item[name] = UNRESOLVED
        pending[#pending + 1] = { item, info, foreigns[f], v, node, i }
      elseif type(v) == "table" and type(v.id) == "string" then
        pending[#pending + 1] = { item, info, foreigns[f], v, node, i }
      end
    end
  end
end


local walk


-- Which parents a plugin may have does not matter for one that is nested in its parent.
local function validate(state, info, item, node, i, own_parent, parent_field)
  local schema = info.schema
  local is_free = own_parent and schema.subschema_key
  if is_free then
    item[parent_field] = nil
  end
  local ok, errs = schema:validate_filled(item)
  if is_free then
    item[parent_field] = own_parent
  end
  if not ok then
    add_errors(state, node, i, errs)
  end
end


local function complete(state, info, item, node, i, own_parent, parent_field)
  info.schema:fill(item, "insert")
  validate(state, info, item, node, i, own_parent, parent_field)
end


-- Schemas that plugins wrote may raise and may never end.
local function is_foreign(schema)
  return schema.subschema_key or schema.is_of_plugin
end


-- What such a schema raised, as the error of the entity.
local function as_errors(info, item, err)
  err = tostring(err)
  ngx.log(ngx.ERR, "the schema for an entity of ", info.name, " (", tostring(item.name or item.id), ") failed: ", err)
  return { ["@entity"] = { "the schema failed: " .. err:match("^[^\n]*") } }
end


local function complete_foreign(state, info, item, node, i, own_parent, parent_field)
  local ok, err = guard.call(complete, state, info, item, node, i, own_parent, parent_field)
  if not ok then
    add_errors(state, node, i, as_errors(info, item, err))
  end
end


-- A row that was taken before, with the same bytes: only its place among the others is new.
local function take_reused(state, info, item, node, i)
  if #info.foreigns > 0 then
    note_references(state, info, item, node, i)
  end
  references.note(state, info, item, node, i)
  local rows = state.rows[info.name]
  rows[#rows + 1] = item
end


-- Newer control planes may send fields that are not known here: they are left out, and said once.
local warned = {}


-- Rows that end by themselves come with the second at which they do; it is no field of the schema. Taken out of the item.
local function take_expiry(info, item)
  local expiry = info.schema.ttl and item.ttl
  if info.schema.ttl then
    item.ttl = nil
  end
  return type(expiry) == "number" and expiry or nil
end


local function drop_unknown_fields(info, item)
  local fields = info.schema.fields
  for name in pairs(item) do
    if type(name) == "string" and not fields[name] then
      local what = info.name .. "." .. name
      if item[name] ~= null and not warned[what] then
        warned[what] = true
        ngx.log(ngx.WARN, "unknown field '", name, "' of ", info.name, " is left out")
      end
      item[name] = nil
    end
  end
end


local function take_item(state, info, item, node, i, parent, parent_field)
  local schema = info.schema
  if state.reused[item] then
    return take_reused(state, info, item, node, i)
  end
  item._comment = nil
  item._ignore = nil
  item.ws_id = nil
  local expiry
  if state.is_lenient then
    expiry = take_expiry(info, item)
    drop_unknown_fields(info, item)
  end
  local children = take_children(info, item)
  local own_parent
  if parent and item[parent_field] == nil then
    own_parent = reference_to(state, parent.id)
    item[parent_field] = own_parent
    if info.name == "snis" then
      state.snis[#state.snis + 1] = { node, i }
    end
  end
  local key_field = schema.primary_key[1]
  if item[key_field] == nil and schema.fields[key_field].uuid then
    item[key_field] = generate_id(schema, item, parent and parent.id, parent_field)
  end
  if #info.foreigns > 0 then
    note_references(state, info, item, node, i, own_parent)
  end
  references.note(state, info, item, node, i)
  local check = is_foreign(schema) and complete_foreign or complete
  check(state, info, item, node, i, own_parent, parent_field)
  strip_nulls(item)
  if expiry then
    item.ttl = expiry
  elseif schema.ttl and type(item.ttl) == "number" then
    -- Rows keep the second at which they end.
    item.ttl = ngx.time() + item.ttl
  end
  if SHOWS_WORKSPACE[info.name] then
    item.ws_id = state.workspace
  end
  local rows = state.rows[info.name]
  rows[#rows + 1] = item
  if children then
    for c = 1, #children, 2 do
      local child = children[c]
      walk(state, child.info, children[c + 1], { entity = child.name, up = node, up_index = i }, item, child.field)
    end
  end
end


-- rows: what stands in the input under the name of the entity.
function walk(state, info, rows, node, parent, parent_field)
  if type(rows) ~= "table" or not is_array(rows) then
    local where = state.errors
    if node.up then
      where = {}
      add_errors(state, node.up, node.up_index, where)
      where = errors_of(state, node.up)[node.up_index]
    end
    state.failed = true
    where[node.entity] = messages.ARRAY
    return
  end
  for i = 1, #rows do
    local item = rows[i]
    if type(item) ~= "table" then
      add_errors(state, node, i, item == null and messages.REQUIRED or messages.RECORD)
    else
      take_item(state, info, item, node, i, parent, parent_field)
    end
    state.steps = state.steps + 1
    if state.pause and state.steps % SLICE == 0 then
      state.pause()
    end
  end
end


local function check_top(state, input)
  local errs = state.errors
  local version = input._format_version
  if version == nil or version == null then
    errs._format_version = messages.REQUIRED
  elseif type(version) ~= "string" then
    errs._format_version = messages.STRING
  elseif not VERSIONS[version] then
    errs._format_version = "expected one of: 1.1, 2.1, 3.0"
  end
  local transform = input._transform
  if transform ~= nil and transform ~= null and type(transform) ~= "boolean" then
    errs._transform = messages.BOOLEAN
  end
  local comment = input._comment
  if comment ~= nil and comment ~= null and type(comment) ~= "string" then
    errs._comment = messages.STRING
  end
  local ignored = input._ignore
  if ignored ~= nil and ignored ~= null and not is_array(ignored) then
    errs._ignore = messages.ARRAY
  end
  for name in pairs(input) do
    if type(name) ~= "string" or not state.known[name] then
      errs[type(name) == "string" and name or tostring(name)] = messages.UNKNOWN
    end
  end
  state.failed = next(errs) ~= nil
end


local NONE = {}

local META = { _format_version = true, _transform = true, _comment = true, _ignore = true }

-- Rows that no configuration may bring.
local NOT_DECLARED = { tags = true }


local function new_state(entities, pause, options)
  local state = {
    reused = options and options.reused or NONE,
    is_lenient = options and options.is_lenient,
    base = options and options.base,
    errors = {},
    failed = false,
    rows = {},
    refs = {},
    pending = {},
    by_id = {},
    by_key = {},
    conflicts = {},
    -- Names inside certificates: beside other errors they are told to lack their certificate.
    snis = {},
    steps = 0,
    pause = pause,
    known = {},
  }
  for name in pairs(META) do
    state.known[name] = true
  end
  for _, info in ipairs(entities:sorted()) do
    if not NOT_DECLARED[info.name] then
      state.known[info.name] = true
      state.rows[info.name] = {}
      state.by_id[info.name] = {}
      state.by_key[info.name] = {}
    end
  end
  return state
end


-- The changed row | nil, errors
local function transform(info, row)
  if not is_foreign(info.schema) then
    return info.schema:transform(row, nil, "insert")
  end
  local ok, changed, err = guard.call(info.schema.transform, info.schema, row, nil, "insert")
  if ok then
    return changed, err
  end
  return nil, as_errors(info, row, changed)
end


local function apply_transformations(state, entities)
  for _, info in ipairs(entities:sorted()) do
    local rows = state.rows[info.name]
    local transformations = info.schema.transformations
    if rows and transformations and #transformations > 0 or info.schema.subschema_key and rows then
      for i = 1, #rows do
        local changed, err = transform(info, rows[i])
        if not changed then
          state.errors[info.name] = state.errors[info.name] or {}
          state.errors[info.name][i] = err
        else
          rows[i] = changed
        end
      end
    end
  end
  return next(state.errors) == nil
end


-- The id of the default workspace, which the configuration may name.
local function workspace_id(input, default_id)
  for _, row in ipairs(type(input.workspaces) == "table" and input.workspaces or {}) do
    if type(row) == "table" and row.name == "default" then
      row.id = row.id or default_id
      return row.id
    end
  end
  return default_id
end


-- There is a default workspace even if nobody wrote it down.
local function add_workspace(state, entities)
  local id = state.workspace
  local workspaces = state.rows.workspaces
  if not state.by_id.workspaces[id] then
    workspaces[#workspaces + 1] = entities:get("workspaces").schema:fill({ id = id, name = "default" }, "insert")
  end
end


local function meta_of(input)
  local meta = {}
  for name, v in pairs(input) do
    if sub(name, 1, 1) == "_" then
      meta[name] = v
    end
  end
  if meta._transform == nil or meta._transform == null then
    meta._transform = true
  end
  return meta
end


-- input: the decoded configuration; it is taken apart. lists of rows by entity, meta | nil, errors, stage, where
-- stage is "values" or "references". options: {reused (set of rows of the current configuration that need no new look), is_lenient (unknown
-- fields are left out), base (function(entity, key) -> a row that is there besides)}.
function flatten.run(entities, input, default_workspace_id, pause, options)
  local state = new_state(entities, pause, options)
  check_top(state, input)
  state.workspace = workspace_id(input, default_workspace_id)
  for _, info in ipairs(entities:sorted()) do
    local rows = input[info.name]
    if rows ~= nil and rows ~= null and state.known[info.name] then
      walk(state, info, rows, { entity = info.name })
    end
  end
  if state.failed then
    references.unresolved(state, add_errors)
    for _, place in ipairs(state.snis) do
      add_errors(state, place[1], place[2], { certificate = messages.REQUIRED })
    end
    return nil, state.errors, "values"
  end
  local conflicts = references.check(state, entities, reference_to)
  if conflicts then
    return nil, conflicts, "references"
  end
  local meta = meta_of(input)
  if meta._transform and not apply_transformations(state, entities) then
    return nil, state.errors, "values"
  end
  add_workspace(state, entities)
  return state.rows, meta
end


return flatten
