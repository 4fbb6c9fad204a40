-- Certificates can be written together with the names they are served under ("snis", rows of their own).
-- Methods over those of kong.db.dao for kong.db.certificates.
local ipairs = ipairs
local pairs = pairs
local tostring = tostring
local type = type

local certificates = {}


local function violation(self, message)
  local err_t = self.errors:schema_violation({ snis = message })
  return nil, tostring(err_t), err_t
end


-- Takes the names out of an entity: copy without them, names or nil.
local function split(entity)
  if type(entity) ~= "table" or type(entity.snis) ~= "table" then
    return entity
  end
  local copy = {}
  for k, v in pairs(entity) do
    if k ~= "snis" then
      copy[k] = v
    end
  end
  return copy, entity.snis
end


-- Are the names free for the certificate (id nil: a new one)? true | nil, err, err_t.
local function check_names(self, names, id)
  local seen = {}
  for _, name in ipairs(names) do
    if type(name) == "string" then
      if seen[name] then
        return violation(self, name .. " is duplicated")
      end
      seen[name] = true
      local sni = self.db.store.snis.unique.name[name]
      if sni and sni.certificate.id ~= id then
        return violation(self, name .. " already associated with existing certificate '" .. sni.certificate.id .. "'")
      end
    end
  end
  return true
end


-- Makes the certificate's names these and no others. true | nil, err, err_t.
local function set_names(self, names, id)
  local wanted = {}
  for _, name in ipairs(names) do
    wanted[name] = true
  end
  local snis = self.db.snis
  for sni in snis:each_for_certificate({ id = id }, nil, { raw = true }) do
    if wanted[sni.name] then
      wanted[sni.name] = nil
    else
      local ok, err, err_t = snis:delete({ id = sni.id })
      if not ok then
        return nil, err, err_t
      end
    end
  end
  for _, name in ipairs(names) do
    if wanted[name] then
      local row, err, err_t = snis:insert({ name = name, certificate = { id = id } })
      if not row then
        return nil, err, err_t
      end
    end
  end
  return true
end


local function write(self, id, entity, super_write)
  local plain, names = split(entity)
  if names then
    local ok, err, err_t = check_names(self, names, id)
    if not ok then
      return nil, err, err_t
    end
  end
  local row, err, err_t = super_write(plain)
  if row and names then
    local ok
    ok, err, err_t = set_names(self, names, row.id)
    row = ok and row or nil
  end
  return row, err, err_t
end


function certificates:insert(entity, options)
  return write(self, nil, entity, function(plain)
    return self.super.insert(self, plain, options)
  end)
end


function certificates:update(primary_key, entity, options)
  return write(self, primary_key.id, entity, function(plain)
    return self.super.update(self, primary_key, plain, options)
  end)
end


function certificates:upsert(primary_key, entity, options)
  return write(self, primary_key.id, entity, function(plain)
    return self.super.upsert(self, primary_key, plain, options)
  end)
end


-- The names of a certificate, sorted.
function certificates:names_of(id)
  local names = {}
  for sni in self.db.snis:each_for_certificate({ id = id }, nil, { raw = true }) do
    names[#names + 1] = sni.name
  end
  table.sort(names)
  return names
end


-- Names go with their certificate.
function certificates:delete(primary_key, options)
  local in_use = self.db.writer and self:is_referenced(primary_key)
  if not in_use and self.db.writer then
    for sni in self.db.snis:each_for_certificate({ id = primary_key.id }, nil, { raw = true }) do
      local ok, err, err_t = self.db.snis:delete({ id = sni.id })
      if not ok then
        return nil, err, err_t
      end
    end
  end
  return self.super.delete(self, primary_key, options)
end


-- Does anything but names refer to the certificate?
function certificates:is_referenced(primary_key)
  for _, child in ipairs(self.info.children) do
    local rows = child.name ~= "snis" and self.db.store[child.name].foreign[child.field][primary_key.id]
    if rows and #rows > 0 then
      return true
    end
  end
  return false
end


return certificates
