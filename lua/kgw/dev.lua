-- The worker's side of `kgw dev`: looks every 50 ms whether plugin files or the declarative file have changed, and takes over what
-- was saved. Modules of the watched folders are loaded anew, the configuration is read and judged anew, router and plugins are
-- exchanged in one go; whatever is wrong is told with file and line and nothing changes.
-- Must never run in a gateway that serves others: old modules stay in memory as long as something holds them.
local ffi = require "ffi"
local posix = require "kgw.posix"

local fmt = string.format

ffi.cdef [[
typedef struct { int64_t sec; uint32_t nsec; int32_t unused; } kgw_statx_time_t;
typedef struct {
  uint32_t mask, block; uint64_t attributes; uint32_t links, uid, gid; uint16_t mode, unused; uint64_t ino, size, blocks, attributes_mask;
  kgw_statx_time_t access, birth, change, modification; uint8_t rest[128];
} kgw_statx_t;
int statx(int folder, const char *path, int flags, unsigned mask, kgw_statx_t *out);
]]

local AT_FDCWD, WANTED = -100, 0x7ff
local POLL_SECONDS = 0.05
local PHASE_INIT_WORKER = 0x1

local dev = {}

local found = ffi.new("kgw_statx_t")


-- Changes with every save.
local function mark_of(path)
  if ffi.C.statx(AT_FDCWD, path, 0, WANTED, found) ~= 0 then
    return "gone"
  end
  local time = found.modification
  return fmt("%d.%d.%d.%d", tonumber(time.sec), time.nsec, tonumber(found.size), tonumber(found.ino))
end


local function lines_of(command)
  local out, pipe = {}, io.popen(command)
  for line in pipe:lines() do
    out[#out + 1] = line
  end
  pipe:close()
  return out
end


local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end


--- A line of dev's own on the standard error stream.
function dev.say(text)
  io.stderr:write("[dev] ", text, "\n")
end


local Watch = {}
Watch.__index = Watch


--- folders: absolute, each with kong/plugins; files: others to watch.
function dev.watch(folders, files)
  local self = setmetatable({ folders = folders, files = files, marks = {} }, Watch)
  self:look_around()
  return self
end


-- The Lua files and the folders that are there now.
function Watch:look_around()
  local marks = {}
  for _, folder in ipairs(self.folders) do
    for _, path in ipairs(lines_of("find " .. quoted(folder) .. " -name '.?*' -prune -o '(' -type d -o -name '*.lua' ')' -print")) do
      marks[path] = self.marks[path] or mark_of(path)
    end
  end
  for _, path in ipairs(self.files) do
    marks[path] = self.marks[path] or mark_of(path)
  end
  self.marks = marks
end


--- The files that were saved, made or removed since the last call; nil when there are none.
function Watch:changes()
  local out
  local is_new = false
  for path, mark in pairs(self.marks) do
    local now = mark_of(path)
    if now ~= mark then
      self.marks[path] = now
      if path:sub(-4) == ".lua" or path:match("%.[yj][aslm][mlo]n?l?$") then
        out = out or {}
        out[#out + 1] = path
      else
        is_new = true
      end
    end
  end
  if is_new then
    local before = self.marks
    self:look_around()
    for path in pairs(self.marks) do
      if not before[path] and path:sub(-4) == ".lua" then
        out = out or {}
        out[#out + 1] = path
      end
    end
  end
  return out
end


--- The names of the plugins below the folders.
function dev.plugin_names(folders)
  local out = {}
  for _, folder in ipairs(folders) do
    local command = "find " .. quoted(folder .. "/kong/plugins") .. " -mindepth 2 -maxdepth 2 -name handler.lua 2>/dev/null"
    for _, path in ipairs(lines_of(command)) do
      out[#out + 1] = path:match("([^/]+)/handler%.lua$")
    end
  end
  table.sort(out)
  return out
end


-- A folder as messages show it: relative when it is the current one or below.
local function short(folder)
  local here = posix.absolute(".")
  if folder == here then
    return "."
  end
  return folder:sub(1, #here + 1) == here .. "/" and "./" .. folder:sub(#here + 2) or folder
end


--- What package.path has to begin with so that modules of the folders are found.
function dev.module_path(folders)
  local out = {}
  for _, folder in ipairs(folders) do
    folder = short(folder)
    out[#out + 1] = folder .. "/?.lua;" .. folder .. "/?/init.lua"
  end
  return table.concat(out, ";")
end


-- Takes the modules of the folders out of package.loaded and returns them.
local function forget_modules(path)
  local out = {}
  for name, module in pairs(package.loaded) do
    if package.searchpath(name, path) then
      out[name] = module
    end
  end
  for name in pairs(out) do
    package.loaded[name] = nil
  end
  return out
end


-- The state to go back to when the new code or configuration is no good.
local function snapshot(names)
  local state = require "kong.runloop.state"
  local subschemas = kong.db.entities:get("plugins").schema.subschemas
  local saved = { plugins = state.plugins, store = kong.db.store, loaded = kong.db.loaded_plugins, subschemas = {} }
  for _, name in ipairs(names) do
    saved.subschemas[name] = subschemas[name] or false
  end
  return saved
end


local function restore(saved)
  local schema = kong.db.entities:get("plugins").schema
  for name, subschema in pairs(saved.subschemas) do
    schema.subschemas[name] = subschema or nil
    schema.views[name] = nil
  end
  require("kong.runloop.state").plugins = saved.plugins
  kong.db.store, kong.db.loaded_plugins = saved.store, saved.loaded
end


-- The loaded plugins with the new ones in the place of those with the same names.
local function merge(old, new)
  local by_name, out = {}, {}
  for _, plugin in ipairs(new) do
    by_name[plugin.name] = plugin
    out[#out + 1] = plugin
  end
  for _, plugin in ipairs(old) do
    if not by_name[plugin.name] then
      out[#out + 1] = plugin
    end
  end
  return out
end


-- Reads the declarative file and serves with it. true, or nil, err.
local function take_configuration(path)
  if not path then
    return require("kong.runloop").rebuild()
  end
  local lists, err, _, meta, hash = require("kong.db.declarative").load_file(path)
  if not lists then
    return nil, path .. ": " .. tostring(err)
  end
  return require("kong.db.declarative.sync").swap(kong.db, lists, meta, hash)
end


local function start_plugins(plugins)
  ngx.ctx.KONG_PHASE = PHASE_INIT_WORKER
  for _, plugin in ipairs(plugins) do
    if type(plugin.handler) == "table" and plugin.handler.init_worker then
      local ok, err = pcall(plugin.handler.init_worker, plugin.handler)
      if not ok then
        dev.say(fmt("error: plugin %s: init_worker: %s", plugin.name, tostring(err)))
      end
    end
  end
  ngx.ctx.KONG_PHASE = nil
end


-- Timers whose function is in a file of the folders: they run old code.
local function stop_timers(folders)
  require("ngx.timer").cancel_where(function(fn)
    local source = debug.getinfo(fn, "S").source
    for _, folder in ipairs(folders) do
      folder = short(folder)
      if source:sub(2, #folder + 2) == folder .. "/" then
        return true
      end
    end
  end)
end


local function load_plugins(names)
  local set = {}
  for _, name in ipairs(names) do
    set[name] = true
  end
  local plugins, err = require("kong.db.plugins").load_set(set, kong.db)
  if not plugins then
    return nil, err
  end
  local state = require "kong.runloop.state"
  state.plugins = merge(state.plugins, plugins)
  kong.db.loaded_plugins = state.plugins
  return plugins
end


-- What `kgw plugin check` says about the plugins, when an error does not tell its place.
local function explain(folders, err)
  if err:find("%.lua:%d+:") then
    return err
  end
  local source, checker = require "kgw.plugin.api", require "kgw.plugin.check"
  local api = { pdk = source.pdk(), ngx = source.ngx(), is_open = source.is_open }
  local lines = {}
  for _, folder in ipairs(folders) do
    for _, plugin in ipairs(checker.find(short(folder))) do
      for _, finding in ipairs(err:find("'" .. plugin.name .. "'", 1, true) and checker.run(plugin, api, kong.db, true) or {}) do
        if finding.level == "error" then
          lines[#lines + 1] = fmt("plugin %s: %s:%d: %s%s", plugin.name, finding.path, finding.line, finding.text,
                                  finding.hint and "; " .. finding.hint or "")
        end
      end
    end
  end
  return lines[1] and table.concat(lines, "\n       ") or err
end


-- Loads the code of the folders anew. true, or nil, err; then everything is as it was.
local function reload_code(folders, configuration)
  local names = dev.plugin_names(folders)
  local path = dev.module_path(folders)
  local saved, modules = snapshot(names), forget_modules(path)
  local ok, plugins, err = pcall(load_plugins, names)
  if not ok then
    plugins, err = nil, plugins
  end
  if not plugins then
    err = explain(folders, tostring(err))
  else
    local is_taken
    is_taken, err = take_configuration(configuration)
    if is_taken then
      stop_timers(folders)
      start_plugins(plugins)
      return true
    end
  end
  forget_modules(path)
  for name, module in pairs(modules) do
    package.loaded[name] = module
  end
  restore(saved)
  return nil, err
end


-- Paths below the current folder without it, to be short.
local function shorten(text)
  for _, here in ipairs { posix.absolute(".") .. "/", "./kong/" } do
    local from, to = text:find(here, 1, true)
    while from do
      text = text:sub(1, from - 1) .. text:sub(here == "./kong/" and from + 2 or to + 1)
      from, to = text:find(here, from, true)
    end
  end
  return text
end


--- Takes over what was saved. paths: the files that changed. True when it serves; otherwise the reason was told.
function dev.take_over(folders, configuration, paths)
  local since = require("ngx.proxy").mono_us()
  local is_code, err = false, nil
  for _, path in ipairs(paths) do
    if path:sub(-4) == ".lua" then
      is_code = true
      local text = posix.read_file(path)
      local chunk, syntax_error = loadstring(text or "", "@" .. (short(path):gsub("^%./", "")))
      if not chunk then
        err = (path:match("/kong/plugins/([^/]+)/") or "") .. ": " .. syntax_error
        err = err:gsub("^: ", ""):gsub("^[^:]+:", "plugin %0", path:find("/kong/plugins/", 1, true) and 1 or 0)
      end
    end
  end
  local ok
  if not err then
    if is_code then
      ok, err = reload_code(folders, configuration)
    else
      ok, err = take_configuration(configuration)
    end
  end
  table.sort(paths)
  if not ok then
    dev.say(shorten("error: " .. tostring(err) .. "\n      what was there before keeps serving"))
    return false
  end
  dev.say(shorten(fmt("%s is live (%.0f ms)", table.concat(paths, ", "), tonumber(require("ngx.proxy").mono_us() - since) / 1000)))
  return true
end


--- Starts watching; called in the worker. watch: made before the code was loaded, in the master, so that a worker that takes the
-- place of a dead one, too, sees what was saved since.
function dev.start(folders, configuration, watch)
  ngx.timer.every(POLL_SECONDS, function(premature)
    if premature then
      return
    end
    local paths = watch:changes()
    if paths then
      local ok, err = pcall(dev.take_over, folders, configuration, paths)
      if not ok then
        dev.say("error: " .. tostring(err))
      end
    end
  end)
end


return dev
