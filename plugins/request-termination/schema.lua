local typedefs = require "kong.db.schema.typedefs"


local function is_given(value)
  return type(value) == "string" and value ~= ""
end


local function check_parts(config)
  local content_type, body = is_given(config.content_type), is_given(config.body)
  if is_given(config.message) and (content_type or body) then
    return nil, "message cannot be used with content_type or body"
  end
  if content_type and not body then
    return nil, "content_type requires a body"
  end
  if config.echo and (content_type or body) then
    return nil, "echo cannot be used with content_type and body"
  end
  return true
end


return {
  name = "request-termination",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { status_code = {
          type = "integer",
          required = true,
          default = 503,
          between = { 100, 599 },
          description = "Status of the answer.",
        } },
        { message = { type = "string", description = "Message of the answer, sent as JSON." } },
        { content_type = { type = "string", description = "Content type of `body`." } },
        { body = { type = "string", description = "The answer's body, sent as it is." } },
        { echo = {
          type = "boolean",
          required = true,
          default = false,
          description = "Answers with a description of the request.",
        } },
        { trigger = typedefs.header_name {
          description = "Only requests with this header or query argument are ended.",
        } },
      },
      custom_validator = check_parts,
    } },
  },
}
