local typedefs = require "kong.db.schema.typedefs"


local template = {
  type = "record",
  required = true,
  fields = {
    { name = {
      type = "string",
      required = true,
      description = "Name of the template; requests say {template://NAME}.",
    } },
    { template = {
      type = "string",
      required = true,
      description = "The body to send, with {{placeholders}}.",
    } },
  },
}


return {
  name = "ai-prompt-template",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { templates = {
          type = "array",
          elements = template,
          required = true,
          description = "The templates.",
        } },
        { allow_untemplated_requests = {
          type = "boolean",
          required = true,
          default = true,
          description = "Whether requests may go without a template.",
        } },
        { log_original_request = {
          type = "boolean",
          required = true,
          default = false,
          description = "Whether log plugins see the request as it came.",
        } },
        { max_request_body_size = {
          type = "integer",
          default = 8 * 1024,
          gt = 0,
          description = "Bytes of a body that is looked at, at most.",
        } },
      },
    } },
  },
}
