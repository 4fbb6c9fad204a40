-- Replaces the Lua files of an installed tree by their bytecode, so that kgw starts without parsing them: kgw run compile.lua ROOT
-- FOLDER, for the files below ROOT/FOLDER. LuaJIT tells by a file's first bytes what it is, so names stay and a source that is laid
-- over one of the files is read as before. Lines and names for messages are kept. Bytecode belongs to the build that made it.
local root, folder = arg[1], arg[2]


local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end


local function compile(path)
  local code = string.dump(assert(loadstring(read(path), "@" .. path:sub(#root + 1))))
  local file = assert(io.open(path, "wb"))
  assert(file:write(code))
  assert(file:close())
end


for path in io.popen("find '" .. root .. folder .. "' -type f -name '*.lua'"):lines() do
  compile(path)
  ngx.sleep(0)
end
