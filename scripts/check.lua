-- Rules about the sources: luajit scripts/check.lua RULE, from the top folder. Prints each breach, exits 1 when there is one.
local breaches = 0


local function breach(...)
  breaches = breaches + 1
  print(string.format(...))
end


local function files(pattern, ...)
  local out = {}
  for _, folder in ipairs { ... } do
    local pipe = io.popen("find " .. folder .. " -name '" .. pattern .. "' 2>/dev/null | sort")
    for path in pipe:lines() do
      out[#out + 1] = path
    end
    pipe:close()
  end
  return out
end


local function lines_of(path)
  local out = {}
  for line in io.lines(path) do
    out[#out + 1] = line
  end
  return out
end


local function text_of(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end


local rules = {}

-- A folder may include its own headers and those of the folders named here.
local MAY_INCLUDE = {
  base = {}, shm = { "base" }, http = { "base" }, net = { "base" }, proxy = { "base", "http", "net" },
  vm = { "base", "shm", "http", "net", "proxy" }, ffi = { "base", "shm", "http", "net", "proxy", "vm" },
  proc = { "base", "shm", "http", "net", "proxy", "vm", "ffi" },
}
-- System headers that only these folders may see.
local SYSTEM_HEADERS = {
  { "^uv%.h", { net = true } }, { "^lua", { vm = true, ffi = true } }, { "^openssl/", { net = true, ffi = true } },
}

function rules.includes()
  for _, path in ipairs(files("*.[ch]", "runtime")) do
    local folder = path:match("^runtime/([^/]+)/")
    if MAY_INCLUDE[folder] then
      local allowed = { [folder] = true }
      for _, name in ipairs(MAY_INCLUDE[folder]) do
        allowed[name] = true
      end
      for _, line in ipairs(lines_of(path)) do
        local other = line:match('^#include "([^/"]+)/')
        if other and not allowed[other] then
          breach("%s: the layer %s may not include %s", path, folder, line)
        end
        local system = line:match("^#include <(.-)>")
        for _, rule in ipairs(SYSTEM_HEADERS) do
          if system and system:match(rule[1]) and not rule[2][folder] then
            breach("%s: only some layers may include <%s>", path, system)
          end
        end
      end
    end
  end
end

-- Modules in the order of their layers: a file may require its own layer and those before it.
local LAYERS = {
  { "^kgw%.posix$", "^kgw%.native$", "^kgw%.json$", "^ngx", "^cjson", "^resty", "^kong%.constants$", "^kong%.meta$", "^kong%.globalpatches$" },
  { "^kong%.tools", "^kong%.conf", "^kong%.db%.certs$", "^kong%.db%.crypto$" },
  { "^kong%.db", "^kong%.vaults", "^kong%.cache", "^kong%.dns", "^kong%.router", "^kong%.balancer", "^kong%.hooks", "^kong%.concurrency" },
  { "^kong%.pdk", "^kong%.observability", "^kong%.llm", "^kong%.plugins" },
  { "^kong%.runloop", "^kong%.api", "^kong%.status", "^kong%.clustering", "^kong%.stream" },
  { "^kgw" },
}


-- Modules whose name says another layer than the one they belong to.
local EXCEPTIONS = { ["kong.tools.redis.schema"] = 3, ["kong.api.workers"] = 3, ["kong.pdk.private.form"] = 1,
  ["resty.aws"] = 2, ["resty.acme.client"] = 4, ["resty.acme.util"] = 4, ["kong.tools.request_aware_table"] = 4 }


local function layer_of(name)
  if EXCEPTIONS[name] then
    return EXCEPTIONS[name]
  end
  for i, patterns in ipairs(LAYERS) do
    for _, pattern in ipairs(patterns) do
      if name:match(pattern) then
        return i
      end
    end
  end
end


function rules.requires()
  for _, path in ipairs(files("*.lua", "lua", "plugins")) do
    local is_plugin = path:match("^plugins/") ~= nil
    local module = is_plugin and "kong." .. path:gsub("/", "."):gsub("%.lua$", "")
      or path:gsub("^lua/", ""):gsub("/", "."):gsub("%.lua$", ""):gsub("%.init$", "")
    local own = layer_of(module)
    for number, line in ipairs(lines_of(path)) do
      -- A require at the start of a line's statement is one of load time; lazy ones are indented.
      local name = line:match("^local [%w_, ]+ = require%s*%(?%s*[\"']([%w%._-]+)[\"']") or line:match("^require%s*%(?%s*[\"']([%w%._-]+)[\"']")
      local other = name and layer_of(name)
      -- Kong's own name for what issues and reads certificates; plugins know it.
      if is_plugin and name and name:match("^kong%.runloop") and name ~= "kong.runloop.certificate" then
        breach("%s:%d: a plugin may not require %s", path, number, name)
      elseif own and other and other > own and name ~= "kong.runloop.certificate" then
        breach("%s:%d: %s may not require %s of a higher layer", path, number, module, name)
      end
    end
  end
end


local function c_functions(path, lines)
  local start
  for i, line in ipairs(lines) do
    if line == "{" then
      start = i
    elseif line == "}" and start then
      if i - start - 1 > 100 then
        breach("%s:%d: a function of %d lines (at most 100)", path, start, i - start - 1)
      end
      start = nil
    end
  end
end


-- Lines of named functions inside a function count for those only.
local function lua_functions(path, lines)
  local open, inner = {}, {}
  for i, line in ipairs(lines) do
    local indent = line:match("^(%s*)[^%-]*function[%s%w_.:]*%([^()]*%)%s*$")
    if indent then
      open[#indent], inner[#indent] = i, 0
    end
    local closing = line:match("^(%s*)end[%s,)}]*$")
    local start = closing and open[#closing]
    if start then
      local length = i - start - 1 - inner[#closing]
      open[#closing] = nil
      if length > 60 then
        breach("%s:%d: a function of %d lines (at most 60)", path, start, length)
      end
      for outer = #closing - 1, 0, -1 do
        if open[outer] then
          inner[outer] = inner[outer] + i - start + 1
          break
        end
      end
    end
  end
end


function rules.lengths()
  for _, path in ipairs(files("*.[ch]", "runtime")) do
    local lines = lines_of(path)
    if #lines > 800 then
      breach("%s: %d lines (at most 800)", path, #lines)
    end
    c_functions(path, lines)
  end
  for _, path in ipairs(files("*.lua", "lua", "plugins", "scripts")) do
    local lines = lines_of(path)
    if #lines > 600 then
      breach("%s: %d lines (at most 600)", path, #lines)
    end
    lua_functions(path, lines)
  end
end

-- Files that work outside the loop and answer KGW_ENOMEM when memory is short.
local MAY_MALLOC = { ["runtime/vm/unpack.c"] = true, ["runtime/vm/store.c"] = true }
-- Calls that are not to be used, and the folders where they may be all the same.
local BANNED = {
  { "strcpy", {} }, { "strcat", {} }, { "sprintf", {} }, { "vsprintf", {} }, { "gets", {} }, { "strtok", {} },
  { "alloca", {} }, { "malloc", { base = true } }, { "calloc", { base = true } }, { "realloc", { base = true } },
  { "lua_resume", { vm = true } },
}

function rules.words()
  for _, path in ipairs(files("*.[ch]", "runtime")) do
    local folder = path:match("^runtime/([^/]+)/")
    if MAY_INCLUDE[folder] then
      for number, line in ipairs(lines_of(path)) do
        for _, rule in ipairs(BANNED) do
          local is_allowed = rule[2][folder] or (rule[1]:match("alloc$") and rule[1] ~= "alloca" and MAY_MALLOC[path])
          if not is_allowed and line:find("%f[%w_]" .. rule[1] .. "%s*%(") and not line:match("^%s*[/*]") then
            breach("%s:%d: %s is not to be used here", path, number, rule[1])
          end
        end
      end
    end
  end
  local mark = "TO" .. "DO"
  for _, path in ipairs(files("*.*", "runtime", "lua", "plugins", "spec", "scripts")) do
    for number, line in ipairs(path:match("%.lua$") and lines_of(path) or path:match("%.[ch]$") and lines_of(path) or {}) do
      if line:find(mark, 1, true) or line:find("FIX" .. "ME", 1, true) then
        breach("%s:%d: unfinished work is an issue, not a comment", path, number)
      end
    end
  end
end

--- Each function of api.h is defined in C and used in Lua; Lua uses no other; only some folders of Lua may.
function rules.boundary()
  local declared, defined, used = {}, {}, {}
  for name in text_of("runtime/ffi/api.h"):gmatch("(kgw_ffi_[%w_]+)%s*%(") do
    declared[name] = true
  end
  for _, path in ipairs(files("*.c", "runtime")) do
    for _, line in ipairs(lines_of(path)) do
      local name = line:match("^[%w_].-(kgw_ffi_[%w_]+)%s*%(")
      if name and not line:match(";%s*$") then
        defined[name] = true
      end
      if name and line:match("{.*}%s*$") then
        defined[name] = true
      end
    end
  end
  for _, path in ipairs(files("*.lua", "lua", "spec", "plugins")) do
    local text = text_of(path)
    local is_allowed = path:match("^lua/ngx") or path:match("^lua/kgw") or path:match("^lua/resty") or path:match("^spec")
    for name in text:gmatch("kgw_ffi_[%w_]+") do
      used[name] = used[name] or path
      if not declared[name] and not name:match("_t$") and not name:match("^kgw_ffi_api") then
        breach("%s: %s is not declared in api.h", path, name)
      end
      if not is_allowed and name:match("^kgw_ffi") and not name:match("_t$") then
        breach("%s: only lua/ngx, lua/resty and lua/kgw may call C (%s)", path, name)
      end
    end
  end
  for name in pairs(declared) do
    if not defined[name] then
      breach("%s is declared in api.h but not defined", name)
    elseif not used[name] then
      breach("%s is declared in api.h but no Lua code uses it", name)
    end
  end
end


local rule = rules[arg[1]]
if not rule then
  print("rules: includes, requires, lengths, words, boundary")
  os.exit(2)
end
rule()
os.exit(breaches == 0 and 0 or 1)
