-- Commands about files: check (kong.conf), config (declarative configuration), vault, hybrid, migrations, version, roar.
local conf_module = require "kong.conf"
local meta = require "kong.meta"
local node = require "kgw.cli.node"
local posix = require "kgw.posix"
local texts = require "kgw.cli.texts"

local fmt = string.format
local say = node.say

local CONF_AND_PREFIX = {
  { long = "conf", short = "c", kind = "string" }, { long = "prefix", short = "p", kind = "string" },
}

local commands = {}


commands.check = {
  options = {},
  run = function(options)
    local path = options[1] or "/etc/kong/kong.conf"
    local conf, err, errors = conf_module.load(path, {})
    if conf then
      say(fmt("configuration at %s is valid", path))
      return 0
    end
    for _, text in ipairs(errors or { err }) do
      node.log("error", text)
    end
    return 1
  end,
}


-- Makes the plugins' schemas known and returns the reader of declarative files.
local function declarative(conf)
  local ok, err = require("kgw.boot").open_db(conf)
  if not ok then
    node.fail(err)
  end
  return require "kong.db.declarative"
end


local function parse(options)
  local file = options[2]
  if not file then
    node.fail("expected a declarative configuration file; see `kong config --help`", true)
  end
  node.ensure_prefix(options)
  local entities, err = declarative(node.load(options)).load_file(posix.absolute(file))
  if not entities then
    node.fail("Failed parsing:\n" .. err)
  end
  say("parse successful")
  return 0
end


local function init(options)
  local file = options[2] or "kong.yml"
  if posix.exists(file) then
    node.fail(file .. " already exists.\nWill not overwrite it.")
  end
  local ok, err = posix.write_file(file, texts.example, 420, true)
  if not ok then
    node.fail(err)
  end
  return 0
end


local function database_only(name, hint)
  return function()
    node.fail(fmt("'kong config %s' only works with a database.%s", name, hint))
  end
end


commands.config = {
  options = CONF_AND_PREFIX,
  sub = {
    init = init, parse = parse,
    db_import = database_only("db_import", "\nWhen using database=off, reload your declarative configuration\nusing the /config endpoint."),
    db_export = database_only("db_export", ""),
  },
}


commands.vault = {
  options = CONF_AND_PREFIX,
  sub = {
    get = function(options)
      local reference = options[2]
      if not reference then
        node.fail("the 'get' command needs a <reference> argument \nkong vault get <reference>", true)
      end
      node.ensure_prefix(options)
      local conf = node.load(options)
      if not reference:find("^{vault://") then
        reference = fmt("{vault://%s}", reference)
      end
      local value, err = require("kong.conf.references").get(reference, conf.vault_env_prefix, conf.loaded_vaults)
      if not value then
        node.fail(err)
      end
      say(value)
      return 0
    end,
  },
}


local function gen_cert(options)
  if options[2] and not options[3] then
    node.fail("both cert and key path needs to be provided", true)
  end
  local cert = posix.absolute(options[2] or "cluster.crt")
  local key = posix.absolute(options[3] or "cluster.key")
  for _, path in ipairs { cert, key } do
    if posix.exists(path) then
      node.fail(path .. " already exists.\nWill not overwrite it.")
    end
  end
  require "ngx.base"
  local P_384 = 2
  local cert_text, key_text = require("kgw.certificates").generate(P_384, "kong_clustering", options.days or 1095)
  if not cert_text then
    node.fail(key_text)
  end
  for _, item in ipairs { { key, key_text, 384 }, { cert, cert_text, 420 } } do
    local ok, err = posix.write_file(item[1], item[2], item[3], true)
    if not ok then
      node.fail(err)
    end
  end
  say(fmt("Successfully generated certificate/key pairs, they have been written to: '%s' and '%s'.", cert, key))
  return 0
end


commands.hybrid = { options = { { long = "days", short = "d", kind = "number" } }, sub = { gen_cert = gen_cert } }


local function nothing_to_migrate(options)
  if not options.quiet then
    say("Database is up-to-date")
  end
  return 0
end


commands.migrations = {
  options = {
    { long = "yes", short = "y", kind = "boolean" }, { long = "quiet", short = "q", kind = "boolean" },
    { long = "force", short = "f", kind = "boolean" }, { long = "db-timeout", kind = "number" },
    { long = "lock-timeout", kind = "number", default = 60 }, CONF_AND_PREFIX[1], CONF_AND_PREFIX[2],
  },
  sub = {
    bootstrap = nothing_to_migrate, up = nothing_to_migrate, finish = nothing_to_migrate, list = nothing_to_migrate,
    reset = nothing_to_migrate,
    status = function()
      say("{}")
      return 0
    end,
  },
}


commands.version = {
  options = { { long = "all", short = "a", kind = "boolean" } },
  run = function(options)
    if options.all then
      local rules = rawlen and "with Lua 5.2's rules" or "Debian's, without Lua 5.2's rules"
      say(fmt("Kong: %s\nngx_lua: %s\nnginx: %s\nLua: %s, %s", meta._VERSION, "10.26", "1.25.3", jit.version, rules))
    else
      say(meta._VERSION)
    end
    return 0
  end,
}


commands.roar = {
  options = {},
  run = function()
    say([[
   ____
  (o  o)   kgw
  ( -- )
 /|    |\  answers as ]] .. meta._VERSION .. "\n")
    return 0
  end,
}


return commands
