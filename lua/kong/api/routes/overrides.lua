-- Where an entity's paths differ from the generated ones: targets, certificates by name, consumers by custom_id,
-- plugins of a consumer's groups. Used by kong.api after the generated paths. Must never repeat what those do.
local entities = require "kong.api.entities"
local rows = require "kong.api.rows"
local status = require "kong.api.routes.status"
local validators = require "kong.db.schema.validators"
local value = require "kong.db.schema.value"

local ipairs = ipairs
local tonumber = tonumber
local type = type

local null = value.null
local missing = entities.missing

local overrides = {}

local NOT_FOUND = { message = "Not found" }


local function not_found()
  return 404, NOT_FOUND
end


-- Targets -----------------------------------------------------------------------------------------------------------


-- Newest first; each address once.
local function current_targets(db, upstream)
  local all = status.target_rows(db, upstream)
  table.sort(all, function(a, b)
    if a.created_at ~= b.created_at then
      return a.created_at > b.created_at
    end
    return a.id > b.id
  end)
  local list, seen = {}, {}
  for _, row in ipairs(all) do
    if not seen[row.target] then
      seen[row.target] = true
      list[#list + 1] = row
    end
  end
  return list
end


local function with_upstream(fn)
  return function(self, db)
    local upstream, err_t = entities.select(db.upstreams, self.params.upstreams)
    if not upstream then
      return missing(err_t)
    end
    return fn(self, db, upstream)
  end
end


-- One page of a list; offsets are plain numbers.
local function paged(self, db, list)
  local size, options, body = entities.page_options(db.targets, self.query)
  if not size then
    return options, body
  end
  local from = tonumber(self.query.offset or 0)
  if not from then
    return entities.failure(db.errors:invalid_offset(self.query.offset, "bad offset string"))
  end
  local data = {}
  for i = from + 1, math.min(#list, from + size) do
    data[#data + 1] = list[i]
  end
  local offset = from + size < #list and from + size or nil
  return 200, {
    data = rows.array(data),
    offset = offset,
    next = entities.next_url(self.path, offset, self.query),
  }
end


local function find_target(db, upstream, key)
  local by_id = validators.is_uuid(key)
  for _, row in ipairs(current_targets(db, upstream)) do
    if by_id and row.id == key or not by_id and (row.target == key or row.target == key .. ":8000") then
      return row
    end
  end
end


local function health_setter(is_healthy)
  return with_upstream(function(self, db, upstream)
    local target = find_target(db, upstream, self.params.targets)
    if not target then
      return 404, NOT_FOUND
    end
    local host, port = target.target:match("^(.*):(%d+)$")
    local ip
    if self.params.address then
      ip = self.params.address:match("^(.*):%d+$") or self.params.address
    end
    local ok, err = require("kong.balancer").post_health(upstream, host or target.target, ip, tonumber(port),
                                                         is_healthy)
    if not ok then
      return 400, { message = err }
    end
    return 204
  end)
end


local function target_write(method)
  return with_upstream(function(self, db, upstream)
    local target = find_target(db, upstream, self.params.targets)
    if not target then
      return 404, NOT_FOUND
    end
    local dao = db.targets
    local args = method ~= "delete" and entities.write_args(self, dao) or nil
    local row, err, err_t = dao[method](dao, { id = target.id }, args)
    if not row then
      return entities.failure(err_t, err)
    end
    if method == "delete" then
      return 204
    end
    return 200, rows.show(dao.schema, row)
  end)
end


local function register_targets(router, is_admin)
  router:add("/upstreams/:upstreams/targets", { GET = with_upstream(function(self, db, upstream)
    return paged(self, db, current_targets(db, upstream))
  end) })
  router:add("/upstreams/:upstreams/targets/all", { GET = with_upstream(function(self, db, upstream)
    return paged(self, db, status.target_rows(db, upstream))
  end) })
  router:add("/upstreams/:upstreams/targets/:targets", { GET = with_upstream(function(self, db, upstream)
    local target = find_target(db, upstream, self.params.targets)
    if not target then
      return 404, NOT_FOUND
    end
    return 200, target
  end) })
  if not is_admin then
    return
  end
  router:add("/upstreams/:upstreams/targets/:targets", {
    PATCH = target_write("update"), PUT = target_write("update"), DELETE = target_write("delete"),
  })
  for _, path in ipairs { "", "/:address" } do
    local base = "/upstreams/:upstreams/targets/:targets" .. path
    router:add(base .. "/healthy", { PUT = health_setter(true) })
    router:add(base .. "/unhealthy", { PUT = health_setter(false) })
  end
  for _, path in ipairs { "/targets", "/targets/:targets", "/targets/:targets/upstream" } do
    router:add(path, { GET = not_found, POST = not_found, PATCH = not_found, PUT = not_found, DELETE = not_found })
  end
end


-- Certificates ------------------------------------------------------------------------------------------------------


-- A certificate prints the names it is served under.
local function with_names(db, shown)
  shown.snis = rows.array(db.certificates:names_of(shown.id))
  return shown
end


local function find_certificate(db, key)
  if validators.is_uuid(key) then
    return entities.select(db.certificates, key)
  end
  local sni = db.snis.select_by_name and db.snis:select_by_name(key, { raw = true })
  if not sni then
    return nil
  end
  return entities.select(db.certificates, sni.certificate.id)
end


local function certificate_answer(db, row, err, err_t, status)
  if not row then
    return entities.failure(err_t, err)
  end
  return status or 200, with_names(db, rows.show(db.certificates.schema, row))
end


-- What is put replaces the names too; the name in the path is one of those that are given.
local function names_to_put(args, key)
  if args.snis == nil or args.snis == null then
    args.snis = {}
  elseif type(args.snis) == "table" and not validators.is_uuid(key) then
    for _, name in ipairs(args.snis) do
      if name == key then
        return
      end
    end
    table.insert(args.snis, key)
  end
end


-- A write to the certificate that the path means, by id or by a name; put by a new name makes a certificate.
local function certificate_write(method)
  return function(self, db)
    local key = self.params.certificates
    local dao = db.certificates
    local row, err_t = find_certificate(db, key)
    local id = row and row.id or validators.is_uuid(key) and key or nil
    if err_t then
      return entities.failure(err_t)
    elseif method == "delete" and not row then
      return 204
    elseif not id and method == "update" then
      return 404, { message = "SNI not found" }
    end
    if method == "delete" then
      local ok, err, delete_err_t = dao:delete({ id = id })
      if not ok then
        return entities.failure(delete_err_t, err)
      end
      return 204
    end
    local args = entities.write_args(self, dao)
    if method == "upsert" then
      names_to_put(args, key)
    end
    id = id or require("kong.db.schema.ids").random()
    return certificate_answer(db, dao[method](dao, { id = id }, args))
  end
end


local function register_certificates(router)
  local collection = entities.collection
  router:add("/certificates", { POST = function(self, db)
    local row, err, err_t = db.certificates:insert(entities.write_args(self, db.certificates))
    return certificate_answer(db, row, err, err_t, 201)
  end, GET = function(self, db)
    local listed, body = collection(db.certificates, "/certificates").methods.GET(self)
    if listed == 200 then
      for _, shown in ipairs(body.data) do
        with_names(db, shown)
      end
    end
    return listed, body
  end })
  router:add("/certificates/:certificates", {
    PATCH = certificate_write("update"), PUT = certificate_write("upsert"), DELETE = certificate_write("delete"),
  })
  router:add("/certificates/:certificates", { GET = function(self, db)
    local row, err_t = find_certificate(db, self.params.certificates)
    if not row then
      if not err_t and not validators.is_uuid(self.params.certificates) then
        return 404, { message = "SNI not found" }
      end
      return missing(err_t)
    end
    return 200, with_names(db, rows.show(db.certificates.schema, row))
  end })
end


-- Consumers ---------------------------------------------------------------------------------------------------------


local function register_consumers(router)
  router:add("/consumers", { GET = function(self, db)
    local custom_id = self.query.custom_id
    if type(custom_id) ~= "string" then
      return entities.collection(db.consumers, "/consumers").methods.GET(self)
    end
    local row, _, err_t = db.consumers:select_by_custom_id(custom_id, { raw = true })
    if err_t then
      return entities.failure(err_t)
    end
    return 200, { data = rows.show_all(db.consumers.schema, { row }), next = null }
  end })
end


function overrides.register(router)
  register_targets(router, true)
  register_certificates(router)
  register_consumers(router)
end


-- The reads of targets that the Status API has too.
function overrides.register_status(router)
  register_targets(router, false)
end


return overrides
