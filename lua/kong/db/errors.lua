-- The errors that DAOs, the declarative loader and the Admin API answer with: {code, name, message, strategy, fields}.
-- tostring(err) is what DAO methods return as second value. Used by kong.db and the Admin API; names, codes and
-- texts are part of the plugin API. Must never know HTTP.
local error_text = require "kong.db.schema.error_text"
local print_table = require "kong.db.schema.print"

local fmt = string.format
local concat = table.concat
local ipairs = ipairs
local pairs = pairs
local next = next
local type = type
local tostring = tostring
local setmetatable = setmetatable

local codes = {
  INVALID_PRIMARY_KEY = 1,
  SCHEMA_VIOLATION = 2,
  PRIMARY_KEY_VIOLATION = 3,
  FOREIGN_KEY_VIOLATION = 4,
  UNIQUE_VIOLATION = 5,
  NOT_FOUND = 6,
  INVALID_OFFSET = 7,
  DATABASE_ERROR = 8,
  INVALID_SIZE = 9,
  INVALID_UNIQUE = 10,
  INVALID_OPTIONS = 11,
  OPERATION_UNSUPPORTED = 12,
  FOREIGN_KEYS_UNRESOLVED = 13,
  DECLARATIVE_CONFIG = 14,
  TRANSFORMATION_ERROR = 15,
  INVALID_FOREIGN_KEY = 16,
  INVALID_WORKSPACE = 17,
  INVALID_UNIQUE_GLOBAL = 18,
  REFERENCED_BY_OTHERS = 19,
}

local NAMES = {
  "invalid primary key", "schema violation", "primary key violation", "foreign key violation",
  "unique constraint violation", "not found", "invalid offset", "database error", "invalid size",
  "invalid unique %s", "invalid options", "operation unsupported", "foreign keys unresolved",
  "invalid declarative configuration", "transformation error", "invalid foreign key", "invalid workspace",
  "invalid global query", "referenced by others",
}

local errors = { codes = codes, names = NAMES }
errors.__index = errors


local error_mt = {
  __tostring = function(err)
    return err.strategy and fmt("[%s] %s", err.strategy, err.message) or err.message
  end,
}


-- strategy: "off" or the name of the store, shown in front of messages; may be nil.
function errors.new(strategy)
  return setmetatable({ strategy = strategy }, errors)
end


local function make(self, code, message, fields, key, name)
  local err = {
    code = code,
    name = name or NAMES[code],
    message = message or NAMES[code],
    strategy = self.strategy,
  }
  err[key or "fields"] = fields
  return setmetatable(err, error_mt)
end


local one_line = print_table.one_line


function errors:invalid_primary_key(primary_key)
  return make(self, codes.INVALID_PRIMARY_KEY, fmt("invalid primary key: '%s'", one_line(primary_key)), primary_key)
end


function errors:invalid_foreign_key(foreign_key)
  return make(self, codes.INVALID_FOREIGN_KEY, fmt("invalid foreign key: '%s'", one_line(foreign_key)), foreign_key)
end


function errors:schema_violation(errs)
  local text, n = error_text.violations(errs)
  local message = n == 1 and fmt("schema violation (%s)", text) or fmt("%d schema violations (%s)", n, text)
  return make(self, codes.SCHEMA_VIOLATION, message, errs)
end


function errors:primary_key_violation(primary_key)
  return make(self, codes.PRIMARY_KEY_VIOLATION,
              fmt("primary key violation on key '%s'", one_line(primary_key)), primary_key)
end


function errors:foreign_key_violation_invalid_reference(foreign_key, field, parent)
  return make(self, codes.FOREIGN_KEY_VIOLATION,
              fmt("the foreign key '%s' does not reference an existing '%s' entity.", one_line(foreign_key), parent),
              { [field] = foreign_key })
end


function errors:foreign_key_violation_restricted(parent, child)
  return make(self, codes.FOREIGN_KEY_VIOLATION,
              fmt("an existing '%s' entity references this '%s' entity", child, parent),
              { ["@referenced_by"] = child })
end


function errors:foreign_keys_unresolved(unresolved)
  local list = {}
  local fields = {}
  for _, item in ipairs(unresolved) do
    local message = fmt("the foreign key cannot be resolved with '%s' for an existing '%s' entity",
                        one_line(item.value), item.reference)
    for key in pairs(item.value) do
      list[#list + 1] = fmt("%s.%s: %s", item.name, key, message)
    end
    fields[item.name] = { name = message }
    for key in pairs(item.value) do
      fields[item.name] = { [key] = message }
    end
  end
  local text = #list == 1 and fmt("foreign key unresolved (%s)", list[1])
               or fmt("%d foreign keys unresolved (%s)", #list, concat(list, "; "))
  return make(self, codes.FOREIGN_KEYS_UNRESOLVED, text, fields)
end


function errors:unique_violation(unique_key)
  return make(self, codes.UNIQUE_VIOLATION, fmt("UNIQUE violation detected on '%s'", one_line(unique_key)), unique_key)
end


function errors:not_found(primary_key)
  return make(self, codes.NOT_FOUND,
              fmt("could not find the entity with primary key '%s'", one_line(primary_key)), primary_key)
end


function errors:not_found_by_field(filter)
  return make(self, codes.NOT_FOUND, fmt("could not find the entity with '%s'", one_line(filter)), filter)
end


function errors:invalid_offset(offset, err)
  return make(self, codes.INVALID_OFFSET, fmt("'%s' is not a valid offset: %s", tostring(offset), tostring(err)))
end


function errors:database_error(err)
  return make(self, codes.DATABASE_ERROR, tostring(err or NAMES[codes.DATABASE_ERROR]))
end


function errors:transformation_error(err)
  return make(self, codes.TRANSFORMATION_ERROR, tostring(err or NAMES[codes.TRANSFORMATION_ERROR]))
end


function errors:invalid_size(err)
  return make(self, codes.INVALID_SIZE, tostring(err))
end


function errors:invalid_unique(name, err)
  return make(self, codes.INVALID_UNIQUE, tostring(err), nil, nil, fmt("invalid unique %s", name))
end


function errors:invalid_unique_global(name)
  return make(self, codes.INVALID_UNIQUE_GLOBAL,
              fmt("unique key %s is invalid for global query", name))
end


function errors:invalid_options(errs)
  local text, n = error_text.violations(errs)
  local message = n == 1 and fmt("invalid option (%s)", text) or fmt("%d option violations (%s)", n, text)
  return make(self, codes.INVALID_OPTIONS, message, errs, "options")
end


function errors:operation_unsupported(message)
  return make(self, codes.OPERATION_UNSUPPORTED, message)
end


function errors:declarative_config(errs)
  return make(self, codes.DECLARATIVE_CONFIG, fmt("declarative config is invalid: %s", one_line(errs)), errs)
end


function errors:invalid_workspace(id)
  return make(self, codes.INVALID_WORKSPACE, fmt("invalid workspace '%s'", tostring(id)))
end


function errors:referenced_by_others(message)
  return make(self, codes.REFERENCED_BY_OTHERS, message)
end


-- Every error as a list of texts, for programs that print them.
function errors.is_error(v)
  return type(v) == "table" and getmetatable(v) == error_mt and next(v) ~= nil
end


return errors
