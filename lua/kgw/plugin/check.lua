-- `kgw plugin check`: loads schema and handler of each plugin in a folder as a gateway would, and follows their code
-- (kgw.plugin.scan). Every finding names a file, a line and what to change. No phase of the plugin is run.
local posix = require "kgw.posix"
local rules = require "kgw.plugin.rules"

local fmt = string.format

local check = {}

-- Modules that the schema of a plugin may use wherever it is loaded, a control plane without the plugin's files included.
local SCHEMA_MODULES = "^kong%.db%.schema"
local RANK = { error = 1, warning = 2 }


local function lines_of(command)
  local out, pipe = {}, io.popen(command)
  for line in pipe:lines() do
    out[#out + 1] = line
  end
  pipe:close()
  return out
end


local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end


-- The name that a schema gives, when its text shows it.
local function name_in(path)
  local unit = require("kgw.plugin.parser").parse(posix.read_file(path) or "")
  local value = unit and unit.result
  if value and value.kind == "path" and type(value.base) == "table" then
    value = value.base.value
  end
  value = value and value.fields and value.fields.name
  if value and value.kind == "path" and type(value.base) == "table" then
    value = value.base.value
  end
  return value and value.kind == "const" and value.value or nil
end


--- The plugins in a folder: it holds kong/plugins/NAME, or it is such a folder. Array of { name, path, root, files }, sorted by
-- name; root is nil when the modules cannot be found by their names below any folder.
function check.find(folder)
  folder = folder:gsub("(.)/+$", "%1")
  local out = {}
  local function add(path, name, root)
    local files = lines_of("find " .. quoted(path) .. " -name '*.lua' | sort")
    out[#out + 1] = { name = name, path = path, root = root, files = files }
  end
  if posix.exists(folder .. "/handler.lua") or posix.exists(folder .. "/schema.lua") then
    local absolute = posix.absolute(folder)
    local root = absolute:match("^(.*)/kong/plugins/[^/]+$")
    add(folder, not root and name_in(folder .. "/schema.lua") or absolute:match("([^/]+)$"), root)
  end
  for _, path in ipairs(lines_of("find " .. quoted(folder .. "/kong/plugins") .. " -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort")) do
    if posix.exists(path .. "/handler.lua") or posix.exists(path .. "/schema.lua") then
      add(path, path:match("([^/]+)$"), folder)
    end
  end
  return out
end


--- Makes require find the plugin's modules.
function check.make_loadable(plugin)
  if plugin.root then
    package.path = plugin.root .. "/?.lua;" .. plugin.root .. "/?/init.lua;" .. package.path
    return
  end
  table.insert(package.loaders, 2, function(name)
    local rest = name:match("^kong%.plugins%." .. plugin.name:gsub("%p", "%%%0") .. "%.(.+)$")
    local path = rest and plugin.path .. "/" .. rest:gsub("%.", "/") .. ".lua"
    return path and posix.exists(path) and assert(loadfile(path)) or "\n\tnot in " .. plugin.path
  end)
end


local Report = {}
Report.__index = Report


function Report:add(path, line, level, text, hint)
  self.list[#self.list + 1] = { path = path, line = line or 1, level = level, text = text, hint = hint }
end


-- "file:line: text" of Lua becomes a finding of that place when the file is the plugin's.
function Report:add_error(plugin, default, err, hint)
  local text = tostring(err)
  local missing = text:match("module '([^']+)' not found")
  if missing then
    hint = "install it, or add its folder to lua_package_path"
  end
  -- Lua shortens long names to "...the/end/of/it.lua".
  local first, cut, place, line, message = text:match("^([^\n]-)(%.?%.?%.?)([^%s:]+%.lua):(%d+): ?([^\n]*)")
  if first == "" then
    for _, path in ipairs(plugin.files) do
      local known = posix.absolute(path)
      if posix.absolute(place) == known or cut ~= "" and known:sub(-#place) == place then
        return self:add(path, tonumber(line), "error", message, hint)
      end
    end
  end
  self:add(default, 1, "error", text:match("^[^\n]*"), hint)
end


-- The units of the parser by module name. A file that does not compile is told and left out.
local function read_units(plugin, report)
  local parser = require "kgw.plugin.parser"
  local units, is_whole = {}, true
  for _, path in ipairs(plugin.files) do
    local text = posix.read_file(path)
    local chunk, err = loadstring(text, "@" .. path)
    local unit = chunk and parser.parse(text)
    if not chunk then
      is_whole = false
      report:add_error(plugin, path, err, "correct the syntax")
    elseif unit then
      local rest = path:sub(#plugin.path + 2):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")
      unit.path, unit.module = path, "kong.plugins." .. plugin.name .. "." .. rest
      units[unit.module] = unit
    end
  end
  return units, is_whole
end


local ALL_STRING = "VERSION = \"1.0.0\""


local function check_version(plugin, handler, path, line, report)
  if handler.VERSION == nil then
    report:add(path, line, "error", "the handler has no VERSION", "add " .. ALL_STRING)
  elseif type(handler.VERSION) ~= "string" or not handler.VERSION:match("^%d+%.?%d*%.?%d*") then
    report:add(path, line, "error", fmt("VERSION is %q, not x.y.z", tostring(handler.VERSION)), "write " .. ALL_STRING)
  end
  local priority = handler.PRIORITY
  if priority == nil then
    report:add(path, line, "error", "the handler has no PRIORITY",
               "add PRIORITY = 1000 (higher runs earlier; key-auth has 1250, rate-limiting 910, request-transformer 801)")
  elseif type(priority) ~= "number" or priority ~= math.floor(priority) then
    report:add(path, line, "error", fmt("PRIORITY is %s, not a whole number", tostring(priority)), "write PRIORITY = 1000")
  end
  local has_filter = handler.header_filter or handler.body_filter
  if handler.response and has_filter then
    report:add(path, line, "error", "a handler has either response or header_filter and body_filter, not both",
               "move what the filters do into response, which has the whole answer")
  end
end


local function check_handler(plugin, units, report, api)
  local scan = require "kgw.plugin.scan"
  local module = "kong.plugins." .. plugin.name .. ".handler"
  local path = plugin.path .. "/handler.lua"
  local unit = units[module]
  if not unit then
    if not posix.exists(path) then
      report:add(path, 1, "error", "there is no handler.lua", "add one: a table with VERSION, PRIORITY and phases")
    end
    return
  end
  local ok, handler = pcall(require, module)
  if not ok then
    local missing = tostring(handler):match("module '([^']+)' not found")
    if rules.REMOVED_MODULES[missing] then -- the scan says what to use
      return
    end
    report:add_error(plugin, path, handler, "the file must load without a request")
    return
  end
  local found = scan.result(units, unit, api)
  local line = found and found.unit == unit and found.holder.line or unit.result_line
  if type(handler) ~= "table" then
    report:add(path, line, "error", "handler.lua returns " .. (handler == true and "nothing" or "a " .. type(handler)),
               "end the file with: return the table that has VERSION, PRIORITY and the phases")
    return
  end
  check_version(plugin, handler, path, line, report)
  for name in pairs(rules.PHASES) do
    if handler[name] ~= nil and type(handler[name]) ~= "function" then
      report:add(path, line, "error", fmt("%s is a %s, not a function", name, type(handler[name])))
    end
  end
end


-- Where in the text the part of a schema is that a path of keys leads to; the line of the nearest known part.
local function locate(units, unit, path, api)
  local scan = require "kgw.plugin.scan"
  local found = scan.result(units, unit, api)
  local holder, line = found and found.holder, found and found.holder.line or 1
  for _, key in ipairs(path) do
    local value = holder and (type(key) == "number" and holder.items and holder.items[key] or holder.fields and holder.fields[key])
    if not value then
      local at = holder and (holder.lines and holder.lines[key])
      return at or line
    end
    line = (type(key) == "number" and holder.item_lines or holder.lines)[key] or value.line or line
    if value.kind == "path" and type(value.base) == "table" and #value.keys == 0 then
      value = value.base.value
    end
    holder = value and value.kind == "table" and value or nil
  end
  return line
end


local function schema_hint(key, message, err_path)
  if key == "type" and message:find("missing") then
    return "add type = \"string\" (or number, integer, boolean, array, set, map, record)"
  elseif message:find("unknown type") then
    return "types are string, number, integer, boolean, array, set, map, record, foreign, any"
  elseif rules.OLD_SCHEMA[key] then
    return "write " .. rules.OLD_SCHEMA[key]
  elseif key == "fields" and message:find("expected an array") then
    return "since Kong 1.0 fields is an array of tables with one key: fields = { { config = { type = \"record\", fields = { ... } } } }"
  elseif message:find("one field") then
    return "each entry of fields is a table with one key: { NAME = { type = ... } }"
  elseif message == "unknown field" then
    return #err_path > 1 and "remove the attribute or correct its name" or "remove it"
  end
end


local function add_schema_errors(plugin, units, unit, errs, report, api)
  local function walk(value, path)
    if type(value) == "table" then
      for key, inner in pairs(value) do
        path[#path + 1] = key
        walk(inner, path)
        path[#path] = nil
      end
      return
    end
    local shown = {}
    for _, key in ipairs(path) do
      if type(key) == "string" and key ~= "fields" or key == path[#path] then
        shown[#shown + 1] = tostring(key)
      end
    end
    report:add(unit.path, locate(units, unit, path, api), "error", table.concat(shown, ".") .. ": " .. value,
               schema_hint(path[#path], value, path))
  end
  walk(errs, {})
end


local function has_config(schema)
  for _, entry in ipairs(type(schema.fields) == "table" and schema.fields or {}) do
    if type(entry) == "table" and entry.config then
      return true
    end
  end
end


local function check_schema(plugin, units, report, api, db)
  local module = "kong.plugins." .. plugin.name .. ".schema"
  local path = plugin.path .. "/schema.lua"
  local unit = units[module]
  if not unit then
    if not posix.exists(path) then
      report:add(path, 1, "error", "there is no schema.lua", "add one: kgw plugin new shows how it looks")
    end
    return
  end
  local ok, schema = pcall(require, module)
  if not ok then
    report:add_error(plugin, path, schema, "the file must load without a request")
    return
  end
  local errs = require("kong.db.schema.metaschema").check_subschema(schema)
  if errs then
    return add_schema_errors(plugin, units, unit, errs, report, api)
  end
  local line = locate(units, unit, {}, api)
  if not has_config(schema) then
    report:add(path, line, "error", "the schema has no config field", "add { config = { type = \"record\", fields = {} } } to fields")
  end
  if schema.name ~= plugin.name then
    report:add(path, locate(units, unit, { "name" }, api), "warning",
               fmt("the schema's name is %q, the plugin's is %q", tostring(schema.name), plugin.name),
               "write name = \"" .. plugin.name .. "\"")
  end
  local made, err
  ok, made, err = pcall(require("kong.db.schema.entity").new_subschema, db.entities:get("plugins").schema, plugin.name, schema)
  if not ok or not made then
    report:add(path, line, "error", tostring(ok and err or made))
  end
end


-- What a control plane that is given nothing but schema.lua (Konnect), or that runs no plugin code, cannot take.
local function check_control_plane(plugin, units, report)
  local unit = units["kong.plugins." .. plugin.name .. ".schema"]
  for _, required in ipairs(unit and unit.requires or {}) do
    if not required.name:match(SCHEMA_MODULES) then
      report:add(unit.path, required.line, "warning",
                 "a control plane that is given only schema.lua (Konnect) has no module " .. required.name,
                 "move what the schema needs into schema.lua; it may require kong.db.schema.typedefs")
    end
  end
  for _, fn in ipairs(unit and unit.functions or {}) do
    for _, use in ipairs(fn.uses) do
      local base = use.value.kind == "path" and use.value.base
      if base == "kong" or base == "io" or base == "os" or base == "ngx" and use.value.keys[1] ~= "null" and use.value.keys[1] ~= "re" then
        report:add(unit.path, use.line, "warning",
                   fmt("the schema uses %s: a control plane (Konnect) checks configurations without a gateway", base),
                   "let the schema judge the values alone; do the rest in configure or access")
      end
    end
  end
  for name, text in pairs {
    ["daos.lua"] = "entities of its own: Konnect has no place for them; a control plane of your own must have the plugin too",
    ["api.lua"] = "Admin API endpoints: they are not there on Konnect, and data planes have no Admin API",
    ["migrations/init.lua"] = "migrations: kgw keeps entities without tables and does not run them; Konnect neither",
  } do
    local path = plugin.path .. "/" .. name
    if posix.exists(path) then
      report:add(path, 1, "warning", "the plugin has " .. text, "take what it needs from its config, or from a store of its own")
    end
  end
end


local function by_place(a, b)
  if a.path ~= b.path then
    return a.path < b.path
  elseif a.line ~= b.line then
    return a.line < b.line
  elseif a.level ~= b.level then
    return RANK[a.level] < RANK[b.level]
  end
  return a.text < b.text
end


--- Findings about one plugin of check.find, sorted: array of { path, line, level = "error"|"warning", text, hint }.
-- api: { pdk, ngx, is_open }; db: a kong.db, which gets the plugin's schema. is_loadable: require finds the plugin already. The
-- globals kong and ngx must be there.
function check.run(plugin, api, db, is_loadable)
  local report = setmetatable({ list = {} }, Report)
  local units, is_whole = read_units(plugin, report)
  if is_whole then
    if not is_loadable then
      check.make_loadable(plugin)
    end
    check_schema(plugin, units, report, api, db)
    check_handler(plugin, units, report, api)
  end
  for _, finding in ipairs(require("kgw.plugin.scan").run(units, units["kong.plugins." .. plugin.name .. ".handler"], api)) do
    table.insert(report.list, finding)
  end
  check_control_plane(plugin, units, report)
  table.sort(report.list, by_place)
  return report.list
end


return check
