-- The configuration of a node: built-in defaults, then the file, then KONG_* variables, then what the command line says.
-- Returns a table with one field per property (typed) and the derived fields that plugins and the Admin API know from
-- Kong. Fields whose name starts with "$" are internal: never shown, never saved.
local checks = require "kong.conf.checks"
local derived = require "kong.conf.derived"
local file = require "kong.conf.file"
local posix = require "kgw.posix"
local properties = require "kong.conf.properties"
local references = require "kong.conf.references"
local tls = require "kong.conf.tls"
local values = require "kong.conf.values"

local fmt = string.format

local DEFAULT_FILES = { "/etc/kong/kong.conf", "/etc/kong.conf" }

-- own: the configuration this node was booted with.
local conf_module = { own = nil }


local function is_known(name)
  if properties.by_name[name] then
    return true
  end
  for _, prefix in ipairs(properties.open_prefixes) do
    if name:sub(1, #prefix) == prefix and #name > #prefix then
      return true
    end
  end
  return properties.accepted[name] or false
end


local function is_open(name)
  return is_known(name) and not properties.by_name[name]
end


-- Values of the file: path given or one of the default places. Returns values, remarks or nil, err.
local function read_file(path)
  if path and not posix.exists(path) then
    return nil, "no file at: " .. path
  end
  for _, default in ipairs(path and {} or DEFAULT_FILES) do
    path = path or (posix.exists(default) and default)
  end
  if not path then
    return {}, {}
  end
  local text, remarks = file.read(path)
  if not text then
    return nil, "could not load config file: " .. remarks
  end
  return text, remarks, path
end


-- KONG_X and KONG_X_FILE (the first line break at the end is not part of the value). Returns name -> text or nil, err.
local function read_environment()
  local out = {}
  local environment = posix.environment()
  for variable, value in pairs(environment) do
    local name = variable:match("^KONG_(.+)$")
    local lower = name and name == name:upper() and name:lower()
    if lower and is_known(lower) then
      out[lower] = value
    elseif lower and lower:sub(-5) == "_file" and is_known(lower:sub(1, -6)) and value ~= "" then
      local plain = variable:sub(1, -6)
      if environment[plain] and environment[plain] ~= "" then
        return nil, fmt("both %s and %s are set (but are exclusive)", plain, variable)
      end
      local text, err = posix.read_file(value)
      if not text then
        return nil, fmt("%s: %s", variable, err)
      end
      out[lower:sub(1, -6)] = text:gsub("[\r\n]+$", "")
    end
  end
  return out
end


local function overlay(target, source)
  for name, value in pairs(source or {}) do
    target[name] = value
  end
end


-- Old names set what they stand for, unless that is set too; ssl_* properties set their directives.
local function apply_aliases(given)
  for old, new in pairs(properties.aliases) do
    if given[old] ~= nil and given[new] == nil then
      local value = given[old]
      if properties.by_name[old].type == "flag" then
        value = values.read(old, value)
      end
      given[new] = value
    end
  end
end


local function with_defaults(given)
  local out = {}
  for _, name in ipairs(properties.names) do
    out[name] = properties.by_name[name].default
  end
  overlay(out, given)
  -- The embedded database is what a control plane of ours begins with.
  if out.role == "control_plane" and given.database == nil then
    out.database = "lmdb"
  end
  for name, targets in pairs(properties.directives) do
    for _, directive in ipairs(targets) do
      if given[directive] == nil and out[name] and out[name] ~= "" then
        local property = properties.by_name[name]
        out[directive] = property.type == "flag" and values.read(name, out[name]) or out[name]
      end
    end
  end
  return out
end


-- Replaces {vault://...} values. With is_starting a reference that has no value is an error; otherwise it stays.
local function resolve(text, vaults, is_starting)
  local found = {}
  for name, value in pairs(text) do
    if type(value) == "string" and value:find("{vault://", 1, true) then
      local is_list = properties.by_name[name] and properties.by_name[name].type == "list"
      local parts = is_list and values.split_list(value) or { value }
      for i, part in ipairs(parts) do
        if references.is_reference(part) then
          local secret, err = references.get(part, text.vault_env_prefix, vaults)
          if secret then
            found[name] = value
            parts[i] = secret
          elseif is_starting then
            return nil, fmt("failed to dereference '%s': %s for config option '%s'", part, err, name)
          end
        end
      end
      text[name] = table.concat(parts, ",")
    end
  end
  return found
end


local function typed(text, add, remark)
  local conf = {}
  for _, name in ipairs(properties.names) do
    local value, err, warning = values.read(name, text[name])
    if err then
      add(err)
    end
    if warning then
      remark(warning .. ", the default is used")
    end
    conf[name] = value
  end
  for name, value in pairs(text) do
    if is_open(name) and value ~= "" then
      conf[name] = value
    end
  end
  conf.lua_package_cpath = conf.lua_package_cpath or ""
  return conf
end


local function remarks_about_names(from_file, remark)
  for name in pairs(from_file) do
    if not is_known(name) then
      remark(fmt("unknown property '%s' is not used", name))
    end
  end
end


-- File, environment and command line as one table of texts. Returns given, remarks, path or nil, err.
local function gather(path, overrides, options)
  local from_file, remarks, found = read_file(path)
  if not from_file then
    return nil, remarks
  end
  local given = {}
  overlay(given, options.base)
  for name, value in pairs(from_file) do
    if is_known(name) then
      given[name] = options.is_saved and conf_module.unpack_saved(value) or value
    end
  end
  if not options.ignores_environment then
    local environment, err = read_environment()
    if not environment then
      return nil, err
    end
    overlay(given, environment)
  end
  overlay(given, overrides)
  remarks_about_names(from_file, function(text)
    remarks[#remarks + 1] = text
  end)
  return given, remarks, found
end


--- Loads a configuration.
-- path: a kong.conf or nil (the default places); overrides: name -> text that win over everything.
-- options: is_starting (a vault reference without value is an error), is_saved (path is a prefix's .kong_env),
-- ignores_environment, base (name -> text below the file).
-- Returns conf, or nil, first error, all errors. conf["$remarks"] are warnings, conf["$given"] the texts that were set.
function conf_module.load(path, overrides, options)
  options = options or {}
  local given, remarks, found = gather(path, overrides, options)
  if not given then
    return nil, remarks, { remarks }
  end
  apply_aliases(given)
  local saved = {}
  overlay(saved, given)
  local text = with_defaults(given)
  local vaults = derived.name_set(values.split_list(text.vaults), { "env" })
  local refs, err = resolve(text, vaults, options.is_starting)
  if not refs then
    return nil, err, { err }
  end
  local errors = {}
  local function add(message)
    errors[#errors + 1] = message
  end
  local function remark(message)
    remarks[#remarks + 1] = message
  end
  local conf = typed(text, add, remark)
  if #errors == 0 then
    local suite_error = tls.apply(conf)
    if suite_error then
      add(suite_error)
    end
    checks.run(conf, add)
  end
  if #errors == 0 then
    add(derived.add(conf))
  end
  if #errors > 0 then
    return nil, errors[1], errors
  end
  conf.loaded_vaults = vaults
  conf["$refs"] = next(refs) and refs or nil
  conf["$remarks"], conf["$given"], conf["$path"] = remarks, saved, found
  return conf
end


--- The prefix that a configuration names, whatever else is wrong with it. nil, err when the file cannot be read.
function conf_module.prefix_of(path, overrides)
  local given, err = gather(path, overrides, {})
  if not given then
    return nil, err
  end
  local prefix = given.prefix
  return prefix and prefix ~= "" and prefix or properties.by_name.prefix.default
end


--- conf (the node's own when nil) as the Admin API and logs may show it: without internal fields, secrets replaced.
function conf_module.public(conf)
  local out = {}
  conf = conf or conf_module.own or {}
  for name, value in pairs(conf) do
    if type(name) ~= "string" or name:sub(1, 1) ~= "$" then
      out[name] = properties.sensitive[name] and properties.PLACEHOLDER or value
    end
  end
  -- JSON has names only.
  out.host_ports = {}
  for port, host_port in pairs(conf.host_ports or {}) do
    out.host_ports[tostring(port)] = host_port
  end
  for name, reference in pairs(conf["$refs"] or {}) do
    out[name] = properties.sensitive[name] and properties.PLACEHOLDER or reference
  end
  return out
end


-- The name that plugins know it by.
conf_module.remove_sensitive = conf_module.public


-- What the saved text holds in the form that checks and derivation gave it: absolute paths, PEM text.
local PATH_PROPERTIES = {
  "ssl_cert", "ssl_cert_key", "admin_ssl_cert", "admin_ssl_cert_key", "status_ssl_cert", "status_ssl_cert_key",
  "client_ssl_cert", "client_ssl_cert_key", "cluster_cert", "cluster_cert_key", "cluster_ca_cert", "declarative_config",
}
local HEX_MARK = "{hex}"

-- Values that one line cannot hold (line breaks, "#", a backslash at the end) are saved as hexadecimal text.
function conf_module.pack_saved(value)
  if value == "" or value:find("[%c#\\]") or value:match("^%s") or value:match("%s$") then
    return HEX_MARK .. value:gsub(".", function(c)
      return fmt("%02x", c:byte())
    end)
  end
  return value
end


function conf_module.unpack_saved(value)
  if value:sub(1, #HEX_MARK) ~= HEX_MARK then
    return value
  end
  return (value:sub(#HEX_MARK + 1):gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end


--- The text of .kong_env: every property as it was set, or its default. References stay references.
function conf_module.saved_text(conf)
  local text = {}
  for _, name in ipairs(properties.names) do
    text[name] = properties.by_name[name].default
  end
  overlay(text, conf["$given"])
  text.prefix = conf.prefix
  for _, name in ipairs(PATH_PROPERTIES) do
    local value, is_reference = conf[name], conf["$refs"] and conf["$refs"][name]
    if text[name] and value and not is_reference then
      text[name] = type(value) == "table" and table.concat(value, ",") or value
    end
  end
  local names, lines = {}, { "# The configuration of the node that this folder belongs to; written at every start.\n" }
  for name in pairs(text) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = fmt("%s = %s\n", name, conf_module.pack_saved(text[name]))
  end
  return table.concat(lines)
end


return conf_module
