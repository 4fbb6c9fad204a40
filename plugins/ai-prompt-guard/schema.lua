local typedefs = require "kong.db.schema.typedefs"


local function patterns(description)
  return {
    type = "array",
    required = false,
    len_max = 10,
    elements = { type = "string", len_min = 1, len_max = 500 },
    description = description,
  }
end


local function flag(description)
  return { type = "boolean", required = true, default = false, description = description }
end


return {
  name = "ai-prompt-guard",
  fields = {
    { protocols = typedefs.protocols_http },
    { config = {
      type = "record",
      fields = {
        { allow_patterns = patterns("Regular expressions of which a prompt has to match one.") },
        { deny_patterns = patterns("Regular expressions that no prompt may match.") },
        { allow_all_conversation_history = flag("Whether only the newest prompt counts.") },
        { max_request_body_size = {
          type = "integer",
          default = 8 * 1024,
          gt = 0,
          description = "Bytes of a body that is looked at, at most.",
        } },
        { match_all_roles = flag("Whether messages of other roles than user count as well.") },
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
    { at_least_one_of = { "config.allow_patterns", "config.deny_patterns" } },
    { conditional = {
      if_field = "config.match_all_roles",
      if_match = { eq = true },
      then_field = "config.allow_all_conversation_history",
      then_match = { eq = false },
    } },
  },
}
