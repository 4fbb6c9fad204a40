-- {vault://env/...} references in kong.conf: they are resolved while the configuration is read, before any vault
-- module runs, so only the environment vault is known here.
local fmt = string.format

local references = {}


function references.is_reference(value)
  return type(value) == "string" and value:match("^{vault://.+}$") ~= nil
end


local function parse_options(query)
  local options = {}
  for name, value in (query or ""):gmatch("([^&=]+)=([^&]*)") do
    options[name] = value
  end
  return options
end


--- Parts of a reference ("{vault://env/a/b?prefix=x#1}"): vault, resource, key, options, version; nil when it is none.
function references.parse(reference)
  local inner = reference:match("^{vault://(.+)}$")
  if not inner then
    return nil
  end
  local version
  inner, version = inner:gsub("#.*$", ""), inner:match("#(%d+)$")
  local path, query = inner:match("^([^?]*)%??(.*)$")
  local vault, resource, key = path:match("^([^/]+)/([^/]+)/?(.*)$")
  if not vault then
    return nil
  end
  return { vault = vault, resource = resource, key = key ~= "" and key or nil, options = parse_options(query),
           version = tonumber(version) }
end


-- A member of a JSON object as text.
local function member(text, key)
  local ok, object = pcall(require("cjson.safe").decode, text)
  if not ok or type(object) ~= "table" then
    return nil, "could not get value from external vault (value is not a JSON object)"
  end
  local value = object[key]
  if value == nil then
    return nil, fmt("could not get value from external vault (subfield %s not found in JSON secret)", key)
  end
  return type(value) == "table" and require("cjson.safe").encode(value) or tostring(value)
end


--- The value of a reference to the environment vault. nil, err when it has none.
-- prefix: vault_env_prefix; vaults: name -> true of the enabled ones.
function references.get(reference, prefix, vaults)
  local parts = references.parse(reference)
  if not parts then
    return nil, fmt("invalid reference '%s'", reference)
  end
  if parts.vault ~= "env" or (vaults and not vaults.env) then
    return nil, fmt("could not find vault (%s)", parts.vault)
  end
  local name = (parts.options.prefix or prefix or "") .. parts.resource
  name = name:gsub("%-", "_"):upper()
  if parts.version == 2 then
    name = name .. "_PREVIOUS"
  end
  local value = os.getenv(name)
  if not value then
    return nil, "could not get value from external vault (no value found)"
  end
  if parts.key then
    return member(value, parts.key)
  end
  return value
end


return references
