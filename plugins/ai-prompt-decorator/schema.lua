local typedefs = require "kong.db.schema.typedefs"


local message = {
  type = "record",
  required = false,
  fields = {
    { role = { type = "string", required = true, one_of = { "system", "assistant", "user" }, default = "system" } },
    { content = { type = "string", required = true, len_min = 1, len_max = 500 } },
  },
}


local function messages(where)
  return {
    type = "array",
    elements = message,
    required = false,
    len_max = 15,
    description = "Messages to put " .. where .. " the request's.",
  }
end


return {
  name = "ai-prompt-decorator",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { prompts = {
          type = "record",
          required = false,
          fields = { { prepend = messages("before") }, { append = messages("after") } },
        } },
        { max_request_body_size = {
          type = "integer",
          default = 8 * 1024,
          gt = 0,
          description = "Bytes of a body that is looked at, at most.",
        } },
        { llm_format = {
          type = "string",
          default = "openai",
          required = false,
          one_of = { "openai", "bedrock", "gemini" },
          description = "Format of requests and responses.",
        } },
      },
    } },
  },
  entity_checks = {
    { at_least_one_of = { "config.prompts.prepend", "config.prompts.append" } },
  },
}
