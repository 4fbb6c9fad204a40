-- kong.telemetry: log records that plugins hand to whoever exports them (the OpenTelemetry plugin).
local select = select
local type = type

local telemetry = {}

local OFF = "Telemetry logging is disabled: log entry will not be recorded. Ensure the OpenTelemetry plugin is correctly " ..
            "configured to report logs in order to use this feature."

local LOG_LEVEL = ngx.INFO

-- Called with (level, attributes, message) while somebody exports logs; set by the exporter.
telemetry.sink = nil

local TYPES = {
  { "plugin_name", "string", true },
  { "plugin_config", "table", true },
  { "message_type", "string", true },
  { "message", "string", false },
  { "attributes", "table", false },
}


local function find_fault(...)
  for i = 1, #TYPES do
    local name, kind, is_required = TYPES[i][1], TYPES[i][2], TYPES[i][3]
    local value = select(i, ...)
    if (value ~= nil or is_required) and type(value) ~= kind then
      return name .. " must be a " .. kind
    end
  end
  return nil
end


-- true | nil, err.
local function log(plugin_name, plugin_config, message_type, message, attributes)
  local fault = find_fault(plugin_name, plugin_config, message_type, message, attributes)
  if fault then
    return nil, fault
  end
  local sink = telemetry.sink
  if not sink then
    return nil, OFF
  end
  local all = {}
  for key, value in pairs(attributes or {}) do
    all[key] = value
  end
  all["message.type"] = message_type
  all["plugin.name"] = plugin_name
  all["plugin.id"] = plugin_config.__plugin_id
  all["plugin.instance.name"] = plugin_config.plugin_instance_name
  sink(LOG_LEVEL, all, message)
  return true
end


telemetry.new = function()
  return { log = log }
end


return telemetry
