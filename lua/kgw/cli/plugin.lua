-- Commands for authors of plugins: plugin new, plugin check, dev.
local node = require "kgw.cli.node"

local commands = {}


-- An environment to look at plugins in: the ngx API, the PDK, schemas of the core entities.
local function open()
  local conf, err = require("kong.conf").load(nil, { database = "off", plugins = "off" })
  if not conf then
    node.fail(err)
  end
  require("kong.conf").own = conf
  local boot = require "kgw.boot"
  local ok
  ok, err = boot.open_db(conf)
  if not ok then
    node.fail(err)
  end
  _G.kong = require("kong.pdk").new(conf)
  kong.db = require("kong.db").current
  return kong.db
end


local function print_findings(findings)
  local errors, warnings = 0, 0
  for _, finding in ipairs(findings) do
    if finding.level == "error" then
      errors = errors + 1
    else
      warnings = warnings + 1
    end
    node.say(("%s:%d: %s: %s"):format(finding.path, finding.line, finding.level, finding.text))
    if finding.hint then
      node.say("    " .. finding.hint)
    end
  end
  return errors, warnings
end


local function check(options)
  local checker = require "kgw.plugin.check"
  local folder = options[2] or "."
  local plugins = checker.find(folder)
  if #plugins == 0 then
    node.fail("no plugin in " .. folder .. ": neither handler.lua and schema.lua nor kong/plugins/NAME", true)
  end
  local db = open()
  local source = require "kgw.plugin.api"
  local api = { pdk = source.pdk(), ngx = source.ngx(), is_open = source.is_open }
  local errors, warnings = 0, 0
  for _, plugin in ipairs(plugins) do
    local e, w = print_findings(checker.run(plugin, api, db))
    node.say(("%s: %s"):format(plugin.name, e == 0 and w == 0 and "nothing found" or ("%d errors, %d warnings"):format(e, w)))
    errors, warnings = errors + e, warnings + w
  end
  return (errors > 0 or options.strict and warnings > 0) and 1 or 0
end


commands.plugin = {
  options = { { long = "strict", kind = "boolean" } },
  sub = {
    check = check,
    new = function(options)
      return require("kgw.plugin.new").run(options[2], options[3])
    end,
  },
}


commands.dev = require "kgw.cli.dev"


return commands
