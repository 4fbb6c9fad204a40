-- build-dev/kgw run spec/fuzz/run.lua [SEED] [ROUNDS] [TLS_PORT]: the C boundary under arguments nobody expects (spec/fuzz/ffi.lua).
-- TLS_PORT: of a gateway's listener that serves.
package.path = "./?.lua;" .. package.path

local fuzz = require "spec.fuzz.ffi"

local seed, rounds = tonumber(arg[1]) or 1, tonumber(arg[2]) or 2000
math.randomseed(seed)
local server = assert(require("socket").bind("127.0.0.1", 0))
local _, port = server:getsockname()

fuzz.anywhere(rounds)
fuzz.waiting(math.floor(rounds / 10), tonumber(port), tonumber(arg[3]))
fuzz.process(math.floor(rounds / 10))
local functions, calls, names = 0, 0, {}
for name, n in pairs(fuzz.called) do
  functions, calls = functions + 1, calls + n
  names[#names + 1] = name
end
io.stdout:write(("seed %d: %d calls of %d functions\n"):format(seed, calls, functions), "called: ", table.concat(names, " "), "\n")
os.exit(0)
