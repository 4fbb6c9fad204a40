-- Ready-made handlers for the api.lua files of plugins: require "kong.api.endpoints". Each maker takes the schema of an
-- entity (and, for children, of its parent with the name of the field that refers to it) and returns a handler; the path
-- names its parameters after the entities. Used by plugins only. Must never know a particular plugin.
local entities = require "kong.api.entities"
local rows = require "kong.api.rows"

local endpoints = {}


local function exit(status, body)
  return kong.response.exit(status, body)
end


function endpoints.ok(data)
  return exit(200, data)
end


function endpoints.created(data)
  return exit(201, data)
end


function endpoints.no_content()
  return exit(204)
end


function endpoints.bad_request(data)
  return exit(400, data)
end


function endpoints.not_found()
  return exit(404, { message = "Not found" })
end


function endpoints.method_not_allowed()
  return exit(405, { message = "Method not allowed" })
end


function endpoints.conflict(data)
  return exit(409, data)
end


function endpoints.unexpected(err)
  kong.log.err(err)
  return exit(500, { message = "An unexpected error occurred" })
end


-- Answers with the error of a DAO method.
function endpoints.handle_error(err_t)
  local status, body = entities.failure(err_t)
  return exit(status, body)
end


-- Makes a path answer as if it were not there.
endpoints.disable = {
  before = endpoints.not_found,
}


-- The entity that the path names, as its DAO gives it: row | nil, err, err_t.
function endpoints.select_entity(self, db, schema)
  local row, err_t = entities.select(db[schema.name], self.params[schema.name], {})
  return row, err_t and tostring(err_t), err_t
end


function endpoints.insert_entity(self, db, schema)
  local dao = db[schema.name]
  return dao:insert(entities.write_args(self, dao))
end


local function handler_of(schema, foreign_schema, field, single, verb)
  return function(self, db)
    local dao = db[schema.name]
    local endpoint
    if not foreign_schema then
      endpoint = single and entities.single(dao, schema.name) or entities.collection(dao, self.path)
    elseif single then
      endpoint = entities.child(dao, db[foreign_schema.name], field, foreign_schema.name, schema.name)
    else
      endpoint = entities.children(dao, db[foreign_schema.name], field, foreign_schema.name, self.path)
    end
    return endpoint.methods[verb](self, db)
  end
end


local function parent_handler(schema, foreign_schema, field, verb)
  return function(self, db)
    local endpoint = entities.parent(db[schema.name], db[foreign_schema.name], field, schema.name)
    return endpoint.methods[verb](self, db)
  end
end


local function maker(single, verb)
  return function(schema, foreign_schema, field, _, is_foreign_entity)
    if is_foreign_entity then
      return parent_handler(schema, foreign_schema, field, verb)
    end
    return handler_of(schema, foreign_schema, field, single, verb)
  end
end


endpoints.get_collection_endpoint = maker(false, "GET")
endpoints.post_collection_endpoint = maker(false, "POST")
endpoints.get_entity_endpoint = maker(true, "GET")
endpoints.put_entity_endpoint = maker(true, "PUT")
endpoints.patch_entity_endpoint = maker(true, "PATCH")
endpoints.delete_entity_endpoint = maker(true, "DELETE")


-- A row as the Admin API prints it.
function endpoints.shown(schema, row)
  return rows.show(schema, row)
end


return endpoints
