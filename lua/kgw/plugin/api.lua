-- Which functions plugins have and in which phases: taken from the functions themselves. Each one of the PDK and of the ngx
-- API starts with a check of the phase; here the checks are exchanged for ones that tell their set of phases and end the
-- call, and every function that has one is called once. Used by `kgw plugin check` and by the list in docs/.
-- Needs the globals ngx and kong. Must never run where requests are served.
local band = require("bit").band

local api = {}

-- Names below `kong` that are not the PDK's, or that are data: anything may follow.
local OPEN = {
  configuration = true, ctx = true, db = true, cache = true, core_cache = true, dns = true, worker_events = true, cluster_events = true,
  timer = true, version = true, version_num = true, default_workspace = true, license = true, plugins = true, reports = true,
  async = true, websocket = true,
}
-- Phases of handlers as the ngx API counts them (lua/ngx/base.lua).
local NGX_BITS = {
  { "init_worker", 0x2 }, { "certificate", 0x4 }, { "rewrite", 0x10 }, { "access", 0x20 }, { "response", 0x80 },
  { "header_filter", 0x100 }, { "body_filter", 0x200 }, { "log", 0x400 }, { "timer", 0x800 },
}
local DEPTH_MAX = 4
local ARGUMENTS = { "0", "0" }
-- Calling these without a check that ends the call would do something.
local SPARED = { ["ngx.exit"] = true, ["ngx.log"] = true }


-- Exchanges the checkers among the upvalues of a function and of those it uses. Returns how many; `undo` gets what to do later.
local function exchange(fn, checkers, undo, depth, seen)
  if seen[fn] or depth > DEPTH_MAX then
    return 0
  end
  seen[fn] = true
  local found = 0
  for i = 1, 60 do
    local name, value = debug.getupvalue(fn, i)
    if not name then
      break
    end
    if checkers[value] then
      debug.setupvalue(fn, i, checkers[value])
      undo[#undo + 1] = { fn, i, value }
      found = found + 1
    elseif value == checkers.module then
      found = found + 1
    elseif type(value) == "function" then
      found = found + exchange(value, checkers, undo, depth + 1, seen)
    end
  end
  return found
end


-- Runs fn without compiled code: in a trace an upvalue that nobody assigns is a constant, so that one made before would not see
-- the exchanged checkers, and one made meanwhile would go on to use them in requests.
local function interpreted(fn)
  local was_on = jit.status()
  jit.off()
  jit.flush()
  local ok, result = pcall(fn)
  if was_on then
    jit.on()
  end
  if not ok then
    error(result, 0)
  end
  return result
end


-- Runs fn as if in the log phase: functions that are lenient before the start are strict there.
local function in_log_phase(fn)
  local base = require "ngx.base"
  local cur = require("ffi").cast("kgw_ffi_cur_t *", base.cur)
  local phase = cur.phase
  cur.phase = base.LOG
  fn()
  cur.phase = phase
end


-- { only = mask } or { except = mask }, nil when the function is for any phase.
local function ask(fn, checkers)
  local undo = {}
  local found = exchange(fn, checkers, undo, 1, {})
  local answer
  if found > 0 then
    in_log_phase(function()
      for count = 0, 2 do
        local ok, err = pcall(fn, unpack(ARGUMENTS, 1, count))
        answer = answer or not ok and type(err) == "table" and (err.only or err.except) and err or nil
      end
    end)
  end
  for i = 1, #undo do
    debug.setupvalue(undo[i][1], undo[i][2], undo[i][3])
  end
  return answer
end


local function visit(out, path, value, checkers, seen)
  if type(value) == "function" then
    out[path] = ask(value, checkers) or {}
    return
  end
  if type(value) ~= "table" or seen[value] then
    return
  end
  seen[value] = true
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__call then
    out[path] = {}
  end
  for key, inner in pairs(value) do
    if type(key) == "string" and key:sub(1, 1) ~= "_" then
      visit(out, path .. "." .. key, inner, checkers, seen)
    end
  end
end


-- Names of the phases of a PDK mask, in the order of their bits.
local function pdk_phases(answer, phases)
  local names = {}
  for bit_no = 0, 28 do
    local value = 2 ^ bit_no
    local name = rawget(phases, value)
    if name then
      local is_in = answer.only and band(answer.only, value) ~= 0 or answer.except and band(answer.except, value) == 0
      if is_in then
        names[#names + 1] = name
      end
    end
  end
  return names
end


local function pdk()
  local checks = require "kong.pdk.private.phases"
  local checkers = {
    [checks.check] = function(mask)
      error({ only = mask }, 0)
    end,
    [checks.check_not] = function(mask)
      error({ except = mask }, 0)
    end,
  }
  for _, name in ipairs { "cluster", "nginx", "node", "telemetry", "tracing", "vault" } do
    local _ = kong[name]
  end
  local found, seen = {}, {}
  for name, value in pairs(kong) do
    if type(name) == "string" and not OPEN[name] and name:sub(1, 1) ~= "_" then
      visit(found, "kong." .. name, value, checkers, seen)
    end
  end
  visit(found, "kong.log", kong.log, checkers, {})
  local out = {}
  for path, answer in pairs(found) do
    local item = {}
    if answer.only or answer.except then
      item.phases, item.set = pdk_phases(answer, checks.phases), {}
      for _, name in ipairs(item.phases) do
        item.set[name] = true
      end
    end
    out[path] = item
  end
  return out
end


--- The PDK: name -> { phases = array of names, or nil for any; set = the same as a set }.
function api.pdk()
  return interpreted(pdk)
end


local function ngx_api()
  local base = require "ngx.base"
  local function tell(mask)
    error({ only = mask }, 0)
  end
  local check_phase, check_request = base.check_phase, base.check_request
  local function tell_request()
    error({ only = 0x37fc }, 0)
  end
  local checkers = { [check_phase] = tell, [check_request] = tell_request, module = base }
  base.check_phase, base.check_request = tell, tell_request
  local out = {}
  local function add(path, fn)
    local answer = not SPARED[path] and ask(fn, checkers) or {}
    local item = {}
    if path == "ngx.exit" then
      answer = { only = base.EXITABLE }
    end
    if answer.only then
      item.phases, item.set = {}, {}
      for _, pair in ipairs(NGX_BITS) do
        if band(answer.only, pair[2]) ~= 0 then
          table.insert(item.phases, pair[1])
          item.set[pair[1]] = true
        end
      end
    end
    out[path] = item
  end
  local seen = {}
  local function walk(path, value)
    if type(value) == "function" then
      add(path, value)
    elseif type(value) == "table" and not seen[value] and path ~= "ngx.shared" and path ~= "ngx.var" and path ~= "ngx.ctx" then
      seen[value] = true
      for key, inner in pairs(value) do
        if type(key) == "string" and key:sub(1, 1) ~= "_" then
          walk(path .. "." .. key, inner)
        end
      end
    end
  end
  walk("ngx", ngx)
  base.check_phase, base.check_request = check_phase, check_request
  return out
end


--- The ngx API: name -> { phases, set } as above, among the phases of handlers and "timer".
function api.ngx()
  return interpreted(ngx_api)
end


--- Whether names below this one are not the PDK's to know: kong.db, kong.cache, kong.ctx and so on.
function api.is_open(name)
  return OPEN[name] == true
end


return api
