-- How long each plugin took in each phase, for requests whose client asked for it (Kong-Debug with allow_debug_header).
-- Times are wall-clock milliseconds, waiting included. Shown in the response header Kong-Plugin-Timing (what ran before
-- the headers went out) and, complete, in kong.log.serialize() as `plugin_timing`.
local concat = table.concat
local fmt = string.format
local mono_us = require("ngx.proxy").mono_us
local pcall = pcall
local state = require "kong.runloop.state"

local timing = {}

local HEADER = "Kong-Plugin-Timing"


-- From now on this request is measured.
function timing.start(ctx)
  ctx.KONG_PLUGIN_TIMING = { n = 0, summary = {} }
end


-- Adds to what the plugin took in the phase so far.
local function note(record, name, phase, us)
  local ms = us / 1000
  local of_plugin = record.summary[name]
  if not of_plugin then
    of_plugin = {}
    record.summary[name] = of_plugin
  end
  if not of_plugin[phase] then
    record.n = record.n + 1
    record[record.n] = { name, phase }
  end
  of_plugin[phase] = (of_plugin[phase] or 0) + ms
end


-- Ends the measurement that is open: of the running handler, or of one that ended its phase by answering.
local function close(record)
  local entry = record.open
  if entry then
    record.open = nil
    note(record, entry.name, record.open_phase, mono_us() - record.since_us)
  end
end


-- Is the request measured, or are spans of it wanted?
function timing.is_wanted(ctx)
  return ctx.KONG_PLUGIN_TIMING ~= nil or state.instrumentation ~= nil
end


-- pcall(entry[phase], entry.handler, entry.conf), measured.
function timing.call(ctx, entry, phase)
  local record, tracing = ctx.KONG_PLUGIN_TIMING, state.instrumentation
  if record then
    close(record)
    record.open, record.open_phase, record.since_us = entry, phase, mono_us()
  end
  local span = tracing and tracing.enter(ctx, entry.name, phase)
  local ok, err = pcall(entry[phase], entry.handler, entry.conf)
  if span then
    tracing.leave(ctx)
  end
  if record then
    close(record)
  end
  return ok, err
end


-- "key-auth;access=0.12, cors;header_filter=0.03"
function timing.add_header(ctx)
  local record = ctx.KONG_PLUGIN_TIMING
  close(record)
  local parts = {}
  for i = 1, record.n do
    local name, phase = record[i][1], record[i][2]
    parts[i] = fmt("%s;%s=%.3f", name, phase, record.summary[name][phase])
  end
  if record.n > 0 then
    ngx.header[HEADER] = concat(parts, ", ")
  end
end


return timing
