-- The command line. Called by runtime/proc/main.c with the table of arguments; returns an exit code and what comes next:
-- nothing, "run" (become the master) or "script", path, n (run that Lua file on an event loop).
local args = require "kgw.cli.args"
local texts = require "kgw.cli.texts"

local LIFE = {
  start = true, stop = true, quit = true, reload = true, restart = true, prepare = true, health = true, drain = true,
}
local AUTHORS = { plugin = true, dev = true }
local OTHERS = { check = true, config = true, vault = true, hybrid = true, migrations = true, version = true, roar = true }


local function find_command(name)
  if name == "docker-start" then
    return require("kgw.cli.life").docker_start, "start"
  elseif LIFE[name] then
    return require("kgw.cli.life")[name], name
  elseif AUTHORS[name] then
    return require("kgw.cli.plugin")[name], name
  elseif OTHERS[name] then
    return require("kgw.cli.config")[name], name
  end
end


local function complain(...)
  io.stderr:write(...)
  return 1
end


-- A failed command's message; with --v or --vv also where it came from.
local function report(failure, options)
  if type(failure) ~= "table" then
    return complain("Error: ", tostring(failure), "\n")
  end
  local is_verbose = options and (options.v or options.vv)
  if failure.is_short then
    return complain("Error: ", failure.message, "\n")
  elseif is_verbose then
    return complain("Error: ", failure.message, "\n", failure.traceback or "", "\n")
  end
  return complain("Error: ", failure.message, "\n\n  Run with --v (verbose) or --vv (debug) for more details\n")
end


local function run_command(command, options)
  local handler = command.run
  if command.sub then
    handler = command.sub[options[1]]
  end
  local results = { xpcall(handler, function(failure)
    if type(failure) == "table" then
      failure.traceback = debug.traceback("", 2)
      return failure
    end
    return { message = debug.traceback(tostring(failure), 2) }
  end, options) }
  local note = package.loaded["kgw.prefix"] and package.loaded["kgw.prefix"].note
  if note and results[3] ~= "run" then
    io.stdout:write(note, "\n")
  end
  if not results[1] then
    return report(results[2], options)
  end
  return unpack(results, 2, 4)
end


-- Reload: the master's new Lua state boots from what the prefix has saved.
local function reboot(prefix)
  local ok, code, err = pcall(function()
    local saved = prefix .. "/.kong_env"
    local is_saved = require("kgw.posix").exists(saved)
    local conf, err = require("kong.conf").load(is_saved and saved or os.getenv("KGW_CONF_FILE"), { prefix = prefix },
      { is_saved = is_saved, ignores_environment = is_saved, is_starting = true })
    if not conf then
      return 1, err
    end
    local booted
    booted, err = require("kgw.boot").start(conf)
    return booted and 0 or 1, err
  end)
  if ok and code == 0 then
    return 0, "run"
  end
  require "ngx.base"
  local text = ok and tostring(err) or tostring(code)
  require("ffi").C.kgw_ffi_log(4, text, #text)
  return 1
end


-- A Lua file on an event loop, with the arguments from the n-th on.
local function script(path, n)
  local conf, err = require("kong.conf").load(nil, { database = "off" })
  local ok = conf
  if conf then
    ok, err = require("kgw.boot").open_script(conf)
  end
  if not ok then
    return complain("Error: ", err, "\n")
  end
  return 0, "script", path, n
end


local function main(argv)
  local name = argv[1]
  if name == "--reboot" then
    return reboot(argv[2])
  elseif name == "run" and argv[2] then
    return script(argv[2], 2)
  elseif name == "busted" or name == "test" then
    if name == "test" and argv[2] == "--help" then
      return complain(texts.test)
    end
    -- Specs run programs and files while the loop waits: nothing to warn about.
    require "ngx.base"
    require("ffi").C.kgw_ffi_log_level(4)
    return script(KGW_ROOT .. "/lua/kgw/busted.lua", 1)
  elseif not name or name == "--help" or name == "-h" then
    return complain(texts.general)
  end
  local command, text_name = find_command(name)
  if not command then
    return complain("No such command: ", name, "\n", texts.general)
  end
  local options, err = args.parse(argv, 2, command.options)
  if not options then
    return complain("kong: ", err, "\n\n", texts[text_name])
  elseif options.help then
    return complain(texts[text_name])
  elseif command.sub and not command.sub[options[1]] then
    if options[1] then
      return complain("No such command for ", name, ": ", options[1], "\n\n", texts[text_name])
    end
    return complain(texts[text_name])
  end
  return run_command(command, options)
end


return main
