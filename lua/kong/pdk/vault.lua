-- kong.vault: secrets by reference. Back ends are modules kong.vaults.NAME with get(conf, resource, version); "env" comes
-- with the gateway. Values are kept in this VM for as long as the vault's ttl says.
local cjson = require "cjson.safe"
local concurrency = require "kong.concurrency"
local references = require "kong.pdk.private.vault_reference"

local fmt = string.format
local ngx = ngx
local now = ngx.now
local null = ngx.null
local pairs = pairs
local pcall = pcall
local type = type

local CACHE_MAX = 1000
local ROTATION_S = 60
local FAILED = "could not get value from external vault (%s)"

local vault = {
  is_reference = references.is_reference,
  parse_reference = references.parse,
}

-- reference -> { value, err, expires_at (0: never), resurrect_until }.
local cache, cache_cnt = {}, 0
local strategies = {}


local function strategy_of(name)
  local found = strategies[name]
  if found then
    return found
  end
  local ok, strategy = pcall(require, "kong.vaults." .. name)
  if not ok then
    return nil, fmt("could not find vault (%s): %s", name, strategy)
  end
  if type(strategy.init) == "function" then
    strategy.init()
  end
  strategies[name] = strategy
  return strategy
end


-- Settings of a back end in kong.conf: vault_NAME_SETTING.
local function configured(name)
  local conf, out = kong.configuration, {}
  local ok, schema = pcall(require, "kong.vaults." .. name .. ".schema")
  if not ok or not schema.fields then
    return out
  end
  for _, field in ipairs(schema.fields) do
    for _, setting in ipairs(field.config and field.config.fields or {}) do
      local key = next(setting)
      out[key] = conf[("vault_" .. name .. "_" .. key):gsub("-", "_")]
    end
  end
  return out
end


-- The back end that a name or prefix stands for: name, its settings | nil, err.
local function find_vault(name)
  local loaded = kong.configuration.loaded_vaults or { env = true }
  if loaded[name] then
    return name, configured(name)
  end
  local entities = kong.db and kong.db.vaults
  if not entities then
    return nil, "unable to retrieve config from db"
  end
  local entity, err = entities:select_by_prefix(name)
  if entity then
    return entity.name, entity.config
  end
  if err then
    return nil, fmt("could not find vault (%s): %s", name, err)
  end
  return nil, fmt("could not find vault (%s)", name)
end


-- One field of a secret that is a JSON object.
local function subfield(text, key)
  local object, err = cjson.decode(text)
  if type(object) ~= "table" then
    return nil, fmt("unable to json decode value (%s): %s", text, err or "not an object")
  end
  local value = object[key]
  if value == nil then
    return nil, fmt("subfield %s not found in JSON secret", key)
  end
  if type(value) ~= "string" then
    return nil, fmt("unexpected %s value in JSON secret for subfield %s", type(value), key)
  end
  return value
end


-- value, nil, ttl | nil, err.
local function ask(parsed, strategy, config)
  local value, err, ttl = strategy.get(config, parsed.resource, parsed.version)
  if value == nil then
    return nil, err and fmt("no value found (%s)", err) or "no value found"
  end
  if type(value) ~= "string" then
    return nil, fmt("value returned from vault has invalid type (%s), string expected", type(value))
  end
  if parsed.key then
    value, err = subfield(value, parsed.key)
    if not value then
      return nil, "could not get subfield value: " .. err
    end
  end
  return value, nil, ttl
end


local function number_or(value, default)
  if type(value) == "number" and value ~= null then
    return value
  end
  return default
end


local function keep(reference, value, err, config, ttl)
  if cache_cnt >= CACHE_MAX then
    cache, cache_cnt = {}, 0
  end
  local lifetime = value and (ttl or number_or(config.ttl, 0)) or number_or(config.neg_ttl, 0)
  local resurrect = number_or(config.resurrect_ttl, 0)
  cache_cnt = cache_cnt + 1
  cache[reference] = {
    value = value,
    err = err,
    expires_at = lifetime > 0 and now() + lifetime or 0,
    resurrect_until = lifetime > 0 and now() + lifetime + resurrect or 0,
  }
end


-- value | nil, err. `is_fresh`: the back end is asked whatever is cached.
local function get(reference, is_fresh)
  local entry = cache[reference]
  if entry and not is_fresh and entry.value and (entry.expires_at == 0 or entry.expires_at > now()) then
    return entry.value
  end
  local parsed, err = references.parse(reference)
  if not parsed then
    return nil, err
  end
  local name, base = find_vault(parsed.name)
  if not name then
    return nil, base
  end
  local strategy
  strategy, err = strategy_of(name)
  if not strategy then
    return nil, err
  end
  local config = {}
  for key, value in pairs(base or {}) do
    if value ~= null then
      config[key] = value
    end
  end
  for key, value in pairs(parsed.config or {}) do
    config[key] = value
  end

  local value, ttl
  value, err, ttl = ask(parsed, strategy, config)
  if not value then
    if entry and entry.value and entry.resurrect_until > now() then
      return entry.value
    end
    keep(reference, nil, err, config)
    return nil, fmt(FAILED, err)
  end
  keep(reference, value, nil, config, ttl)
  return value
end


function vault.get(reference)
  return get(reference)
end


local function resolve_into(reference, holder, key)
  local value, err = get(reference)
  if err then
    kong.log.warn("error updating secret reference ", reference, ": ", err)
  end
  holder[key] = value or ""
end


-- Puts the current values into a configuration; returns it.
function vault.update(config)
  references.each(config, resolve_into)
  return config
end


-- Runs fn(options). When that fails and the options have references, their secrets are fetched anew, once for all
-- coroutines that fail together, and fn runs once more. res, err.
function vault.try(fn, options)
  local result, err = fn(options)
  if result then
    return result, err
  end
  local list = {}
  references.each(options, function(reference)
    list[#list + 1] = reference
  end)
  if #list == 0 then
    return nil, err
  end
  table.sort(list)
  local name = "vault.try:" .. table.concat(list, ".")
  local ok, lock_err = concurrency.with_coroutine_mutex({ name = name, timeout = ROTATION_S }, function()
    for i = 1, #list do
      local value, get_err = get(list[i], true)
      if not value then
        return nil, fmt("could not retrieve value for reference %s (%s)", list[i], get_err)
      end
    end
    return true
  end)
  if not ok then
    kong.log.notice("rotating vault secret references failed: ", lock_err)
    return nil, err
  end
  return fn(vault.update(options))
end


-- Forgets all values.
function vault.flush()
  cache, cache_cnt = {}, 0
end


-- Fetches every secret that a table names, at any depth.
function vault.warmup(input)
  for key, value in pairs(input) do
    if references.is_reference(key) then
      get(key)
    end
    if type(value) == "table" then
      vault.warmup(value)
    elseif references.is_reference(value) then
      get(value)
    end
  end
end


-- Called after values have changed; kong.runloop puts them into the plugins' configurations.
local listener


function vault._on_rotation(fn)
  listener = fn
end


-- Fetches anew what expires before the next turn.
local function rotate()
  local horizon = now() + ROTATION_S
  local due, has_changed = {}, false
  for reference, entry in pairs(cache) do
    if entry.expires_at ~= 0 and entry.expires_at < horizon then
      due[reference] = entry.value or false
    end
  end
  for reference, before in pairs(due) do
    local ok, value = pcall(get, reference, true)
    if not ok then
      kong.log.err("rotating secrets failed (", value, ")")
    elseif value and value ~= before then
      has_changed = true
    end
  end
  if has_changed and listener then
    listener()
  end
end


-- Values of environment variables stay what they are; other back ends are asked again before their ttl is over.
function vault.init_worker()
  local has_others = false
  for name in pairs(kong.configuration.loaded_vaults or {}) do
    has_others = has_others or name ~= "env"
  end
  if not has_others then
    return
  end
  local ok, err = kong.timer:named_every("secret-rotation", ROTATION_S, rotate)
  if not ok then
    kong.log.err("could not schedule timer to rotate vault secret references: ", err)
  end
end


return {
  new = function()
    return vault
  end,
}
