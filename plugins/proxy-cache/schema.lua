local strategies = require "kong.plugins.proxy-cache.strategies"
local typedefs = require "kong.db.schema.typedefs"


local function check_dictionary(entity)
  local config = entity.config
  if config.strategy == "memory" and not ngx.shared[config.memory.dictionary_name] then
    return nil, "missing shared dict '" .. config.memory.dictionary_name .. "'"
  end
  return true
end


local function strings(description)
  return { type = "array", elements = { type = "string" }, description = description }
end


local function shown()
  return { type = "boolean", default = true }
end


return {
  name = "proxy-cache",
  fields = {
    { protocols = typedefs.protocols },
    { config = {
      type = "record",
      fields = {
        { response_code = {
          type = "array",
          required = true,
          len_min = 1,
          default = { 200, 301, 404 },
          elements = { type = "integer", between = { 100, 900 } },
          description = "Statuses of answers that are kept.",
        } },
        { request_method = {
          type = "array",
          required = true,
          default = { "GET", "HEAD" },
          elements = { type = "string", one_of = { "HEAD", "GET", "POST", "PATCH", "PUT" } },
          description = "Methods of requests whose answers are kept.",
        } },
        { content_type = {
          type = "array",
          required = true,
          default = { "text/plain", "application/json" },
          elements = { type = "string" },
          description = "Content types of answers that are kept, with exactly the same parameters.",
        } },
        { cache_ttl = {
          type = "integer",
          default = 300,
          gt = 0,
          description = "Seconds for which answers are good.",
        } },
        { strategy = {
          type = "string",
          required = true,
          one_of = strategies.STRATEGY_TYPES,
          description = "Where answers are kept.",
        } },
        { cache_control = {
          type = "boolean",
          required = true,
          default = false,
          description = "Heeds Cache-Control of requests and answers.",
        } },
        { ignore_uri_case = { type = "boolean", required = false, default = false } },
        { storage_ttl = { type = "integer", description = "Seconds for which answers are stored, good or not." } },
        { memory = {
          type = "record",
          fields = {
            { dictionary_name = {
              type = "string",
              required = true,
              default = "kong_db_cache",
              description = "The shared dictionary that answers are kept in.",
            } },
          },
        } },
        { vary_query_params = strings("Query arguments that make answers differ; all when unset.") },
        { vary_headers = strings("Headers that make answers differ; none when unset.") },
        { response_headers = {
          type = "record",
          fields = {
            { age = shown() },
            { ["X-Cache-Status"] = shown() },
            { ["X-Cache-Key"] = shown() },
          },
        } },
      },
    } },
  },
  entity_checks = {
    { custom_entity_check = { field_sources = { "config" }, fn = check_dictionary } },
  },
}
