-- resty.healthcheck.runner: the clock of all checkers of this worker. Ten times a second it looks which are due; of all workers the
-- one that owns a checker probes for it. A checker that its user forgot is forgotten here as well.
local probe = require "resty.healthcheck.probe"

local ipairs = ipairs
local min = math.min
local ngx = ngx
local now = ngx.now
local pairs = pairs
local pcall = pcall

local runner = {}

local TICK_S = 0.1
local OWNER_S = 15 * TICK_S
local CLEANUP_S = 25 * TICK_S

local checkers = setmetatable({}, { __mode = "k" })
local is_ticking = false


local function work(checker, queue)
  while queue.at < #queue do
    queue.at = queue.at + 1
    local target = queue[queue.at]
    local ok, err = pcall(probe.run, checker, target)
    if not ok then
      checker:log(ngx.ERR, "check of ", target.ip, ":", target.port, " failed: ", err)
    end
  end
end


-- Runs in a timer: all targets of the queue, `concurrency` at a time.
local function run_queue(premature, checker, half, queue)
  if not premature then
    local threads = {}
    for i = 2, min(#queue, checker.checks.active.concurrency) do
      threads[i - 1] = ngx.thread.spawn(work, checker, queue)
    end
    work(checker, queue)
    for _, thread in ipairs(threads) do
      ngx.thread.wait(thread)
    end
  end
  half.is_running = nil
end


-- half: checks.active.healthy or .unhealthy, whose targets are probed when its interval has passed and the last round is over.
local function probe_when_due(checker, half, is_healthy, at)
  if not half.active or half.last_run + half.interval > at then
    return
  end
  half.last_run = at
  if half.is_running then
    return
  end
  local queue = { at = 0 }
  for _, target in ipairs(checker.targets) do
    if target.is_healthy == is_healthy and target.internal_health then
      queue[#queue + 1] = target
    end
  end
  if queue[1] then
    half.is_running = ngx.timer.at(0, run_queue, checker, half, queue) and true or nil
  end
end


local function run(checker, at)
  if not checker.state:owns(OWNER_S) then
    return
  end
  if at >= (checker.cleanup_at or 0) then
    checker.cleanup_at = at + CLEANUP_S
    checker:purge(at)
  end
  local active = checker.checks.active
  probe_when_due(checker, active.healthy, true, at)
  probe_when_due(checker, active.unhealthy, false, at)
end


local function tick(premature)
  is_ticking = false
  if premature then
    return
  end
  local at = now()
  for checker in pairs(checkers) do
    local ok, err = pcall(run, checker, at)
    if not ok then
      checker:log(ngx.ERR, "active checks failed: ", err)
    end
  end
  if next(checkers) then
    is_ticking = ngx.timer.at(TICK_S, tick) and true or false
  end
end


-- Probes for the checker from now on.
function runner.watch(checker)
  checkers[checker] = true
  if not is_ticking then
    is_ticking = ngx.timer.at(TICK_S, tick) and true or false
  end
end


return runner
