-- One configuration for all workers: the worker that has taken a new one publishes its text, the others take it over within a moment.
-- The text stays in shared memory, so that a worker that starts later (after a crash) begins with the current configuration, not with
-- the one of the start. Used by POST /config and by the data plane of a cluster.
-- Keys of the dictionary: "generation"; "<generation>:cnt", "<generation>:kind", "<generation>:<i>" (parts of the text).

local DICT = "kong_config"
local PART = 262144
local POLL_S = 0.1

local share = { seen = 0 }


local function dict()
  return ngx.shared[DICT]
end


local function drop(d, generation)
  local cnt = d:get(generation .. ":cnt") or 0
  for i = 1, cnt do
    d:delete(generation .. ":" .. i)
  end
  d:delete(generation .. ":cnt")
  d:delete(generation .. ":kind")
end


-- text: what the other workers' `take` gets, with its kind (a short word). The caller has taken it itself. true, or nil, err:
-- then the other workers keep what they have.
function share.publish(text, kind)
  local d = dict()
  local old = d:get("generation") or 0
  local generation = old + 1
  local cnt = math.max(1, math.ceil(#text / PART))
  for i = 1, cnt do
    local ok, err = d:safe_set(generation .. ":" .. i, text:sub((i - 1) * PART + 1, i * PART))
    if not ok then
      d:set(generation .. ":cnt", i)
      drop(d, generation)
      return nil, "no room in the shared dictionary " .. DICT .. ": " .. tostring(err)
    end
  end
  d:set(generation .. ":kind", kind)
  d:set(generation .. ":cnt", cnt)
  d:set("generation", generation)
  share.seen = generation
  if old > 0 then
    -- The last but one: a worker may be reading the last one now.
    drop(d, old - 1)
  end
  return true
end


-- The current text, its kind and generation; nil when nothing was published yet.
function share.current()
  local d = dict()
  local generation = d and d:get("generation")
  if not generation then
    return nil
  end
  local cnt = d:get(generation .. ":cnt")
  local parts = {}
  for i = 1, cnt or 0 do
    parts[i] = d:get(generation .. ":" .. i)
    if not parts[i] then
      return nil
    end
  end
  return table.concat(parts), d:get(generation .. ":kind"), generation
end


local function check(take)
  local d = dict()
  local generation = d:get("generation")
  if not generation or generation == share.seen or share.is_taking then
    return
  end
  local text, kind, current = share.current()
  if not text then
    return
  end
  share.is_taking = true
  local ok, done, err = pcall(take, text, kind)
  share.is_taking = false
  share.seen = current
  if not ok or not done then
    ngx.log(ngx.ERR, "could not take over the configuration that another worker published: ", ok and tostring(err) or done)
  end
end


-- From init_worker. take(text, kind): true, or nil, err. Called at once when something was published before this worker began.
function share.watch(take)
  if not dict() then
    return
  end
  check(take)
  ngx.timer.every(POLL_S, function(premature)
    if not premature then
      check(take)
    end
  end)
end


return share
