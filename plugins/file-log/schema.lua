local typedefs = require "kong.db.schema.typedefs"


return {
  name = "file-log",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { path = {
          type = "string",
          required = true,
          match = "^[^*&%%\\`]+$",
          err = "not a valid filename",
          description = "The file that entries are appended to; it is created when absent.",
        } },
        { reopen = {
          type = "boolean",
          required = true,
          default = false,
          description = "Opens the file anew for every request, so that it may be rotated at any time.",
        } },
        { custom_fields_by_lua = typedefs.lua_code },
      },
    } },
  },
}
