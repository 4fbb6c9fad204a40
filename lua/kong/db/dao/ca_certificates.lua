-- Authorities cannot be deleted while a service or a plugin checks certificates with them.
-- Methods over those of kong.db.dao for kong.db.ca_certificates.
local ipairs = ipairs
local tostring = tostring
local type = type

local ca_certificates = {}


local function holds(list, id)
  for i = 1, type(list) == "table" and #list or 0 do
    if list[i] == id then
      return true
    end
  end
  return false
end


-- entity name and id of a row that uses the authority.
local function user_of(db, id)
  for _, row in ipairs(db.store.services.list) do
    if holds(row.ca_certificates, id) then
      return "services", row.id
    end
  end
  for _, row in ipairs(db.store.plugins.list) do
    if type(row.config) == "table" and holds(row.config.ca_certificates, id) then
      return "plugins", row.id
    end
  end
end


function ca_certificates:delete(primary_key, options)
  local entity, id = user_of(self.db, primary_key.id)
  if entity then
    local err_t = self.errors:referenced_by_others(
      "ca certificate " .. primary_key.id .. " is still referenced by " .. entity .. " (id = " .. id .. ")")
    return nil, tostring(err_t), err_t
  end
  return self.super.delete(self, primary_key, options)
end


return ca_certificates
