-- The settings that queueing plugins had before they got `queue`; they are accepted and have no effect
-- beyond a warning. Used by plugin schemas. Must never grow: new settings belong into typedefs.queue.
local queue_fields = {}


local DEFINITIONS = {
  { "retry_count", "integer", "no longer works, please use config.queue.max_retry_time instead" },
  { "queue_size", "integer", "is deprecated, please use config.queue.max_batch_size instead" },
  { "flush_timeout", "number", "is deprecated, please use config.queue.max_coalescing_delay instead" },
}


-- fields: of a plugin's config. old_defaults: {retry_count =, queue_size =, flush_timeout =}.
function queue_fields.add_deprecated(fields, plugin, old_defaults)
  for _, definition in ipairs(DEFINITIONS) do
    local name, kind, text = definition[1], definition[2], definition[3]
    if old_defaults[name] then
      fields[#fields + 1] = { [name] = {
        type = kind,
        deprecation = {
          message = plugin .. ": config." .. name .. " " .. text,
          removal_in_version = "4.0",
          old_default = old_defaults[name],
        },
      } }
    end
  end
  return fields
end


return queue_fields
