-- Keeps out clients whose User-Agent is that of a bot.
local lrucache = require "resty.lrucache"
local meta = require "kong.meta"
local rules = require "kong.plugins.bot-detection.rules"
local strip = require("kong.tools.string").strip

local kong = kong
local ngx = ngx


local BotDetection = {
  PRIORITY = 2500,
  VERSION = meta.version,
}


local AGENTS_KEPT = 10000

-- Verdicts (true for refused) by user agent, by configuration.
local verdicts = setmetatable({}, { __mode = "k" })


local function matches(patterns, agent)
  for i = 1, #patterns do
    if ngx.re.find(agent, patterns[i], "jo") then
      return true
    end
  end
  return false
end


local function is_refused(agent, conf)
  agent = strip(agent)
  if conf.allow and matches(conf.allow, agent) then
    return false
  end
  return conf.deny and matches(conf.deny, agent) or matches(rules.bots, agent)
end


function BotDetection:access(conf)
  local agent = ngx.var.http_user_agent
  if not agent then
    return
  end
  if agent:find(", ", 1, true) and type(kong.request.get_headers()["user-agent"]) == "table" then
    return kong.response.error(400, "Only one User-Agent header allowed")
  end

  local cache = verdicts[conf]
  if not cache then
    cache = lrucache.new(AGENTS_KEPT)
    verdicts[conf] = cache
  end
  local refused = cache:get(agent)
  if refused == nil then
    refused = is_refused(agent, conf)
    cache:set(agent, refused)
  end
  if refused then
    return kong.response.error(403)
  end
end


return BotDetection
