-- ngx.re.match and ngx.re.find over libpcre2 for specs and benchmarks that run in a plain LuaJIT.
-- Used by spec/support/ngx_shim.lua only. Must never be loaded inside kgw, which has the real ones.
local ffi = require "ffi"

ffi.cdef [[
typedef struct pcre2_code_8 pcre2_code;
typedef struct pcre2_match_data_8 pcre2_match_data;
pcre2_code *pcre2_compile_8(const char *pattern, size_t len, uint32_t options, int *err, size_t *offset, void *ctx);
int pcre2_jit_compile_8(pcre2_code *code, uint32_t options);
pcre2_match_data *pcre2_match_data_create_from_pattern_8(const pcre2_code *code, void *ctx);
int pcre2_match_8(const pcre2_code *code, const char *subject, size_t len, size_t start, uint32_t options,
                  pcre2_match_data *data, void *ctx);
size_t *pcre2_get_ovector_pointer_8(pcre2_match_data *data);
uint32_t pcre2_get_ovector_count_8(pcre2_match_data *data);
int pcre2_get_error_message_8(int code, char *buf, size_t len);
int pcre2_pattern_info_8(const pcre2_code *code, uint32_t what, void *where);
]]

local lib = ffi.load("libpcre2-8.so.0")
local OPTIONS = {
  a = 0x80000000, i = 0x00000008, m = 0x00000400, s = 0x00000020, x = 0x00000080, u = 0x00080000,
  D = 0x00000040, j = 0, o = 0, d = 0, J = 0, U = 0x00080000 + 0x40000000,
}
local UNSET = 0xffffffffffffffffULL
local INFO_NAMECOUNT, INFO_NAMEENTRYSIZE, INFO_NAMETABLE = 17, 18, 19
local NO_MATCH = -1

local pcre = {}
local cache = {}
local err_code, err_offset = ffi.new("int[1]"), ffi.new("size_t[1]")


local function message(code)
  local buf = ffi.new("char[256]")
  lib.pcre2_get_error_message_8(code, buf, 256)
  return ffi.string(buf)
end


local function group_names(code)
  local cnt, size, names = ffi.new("uint32_t[1]"), ffi.new("uint32_t[1]"), ffi.new("const unsigned char *[1]")
  lib.pcre2_pattern_info_8(code, INFO_NAMECOUNT, cnt)
  lib.pcre2_pattern_info_8(code, INFO_NAMEENTRYSIZE, size)
  lib.pcre2_pattern_info_8(code, INFO_NAMETABLE, names)
  local out = {}
  for i = 0, cnt[0] - 1 do
    local entry = names[0] + i * size[0]
    out[i + 1] = { ffi.string(entry + 2), entry[0] * 256 + entry[1] }
  end
  return out
end


local function compile(pattern, options)
  options = options or ""
  local by_options = cache[options]
  if not by_options then
    by_options = {}
    cache[options] = by_options
  end
  local compiled = by_options[pattern]
  if compiled then
    return compiled
  end

  local flags = 0
  for letter in options:gmatch(".") do
    if not OPTIONS[letter] then
      return nil, ('unknown flag "%s" (flags "%s")'):format(letter, options)
    end
    flags = bit.bor(flags, OPTIONS[letter])
  end
  local code = lib.pcre2_compile_8(pattern, #pattern, bit.tobit(flags), err_code, err_offset, nil)
  if code == nil then
    return nil, ('pcre2_compile() failed: %s in "%s"'):format(message(err_code[0]), pattern)
  end
  lib.pcre2_jit_compile_8(code, 1)
  local data = lib.pcre2_match_data_create_from_pattern_8(code, nil)
  compiled = {
    code = code, data = data,
    vector = lib.pcre2_get_ovector_pointer_8(data),
    cnt = tonumber(lib.pcre2_get_ovector_count_8(data)),
    names = group_names(code),
  }
  by_options[pattern] = compiled
  return compiled
end


local function run(compiled, subject, start)
  return lib.pcre2_match_8(compiled.code, subject, #subject, start, 0, compiled.data, nil)
end


function pcre.match(subject, pattern, options)
  local compiled, err = compile(pattern, options)
  if not compiled then
    return nil, err
  end
  local rc = run(compiled, subject, 0)
  if rc < 0 then
    return nil, rc ~= NO_MATCH and "pcre_exec() failed: " .. rc or nil
  end
  local out, vector = {}, compiled.vector
  for i = 0, compiled.cnt - 1 do
    local from = vector[2 * i]
    out[i] = from ~= UNSET and subject:sub(tonumber(from) + 1, tonumber(vector[2 * i + 1]))
  end
  for _, name in ipairs(compiled.names) do
    out[name[1]] = out[name[2]]
  end
  return out
end


function pcre.find(subject, pattern, options)
  local compiled, err = compile(pattern, options)
  if not compiled then
    return nil, nil, err
  end
  local rc = run(compiled, subject, 0)
  if rc < 0 then
    return nil, nil, rc ~= NO_MATCH and "pcre_exec() failed: " .. rc or nil
  end
  return tonumber(compiled.vector[0]) + 1, tonumber(compiled.vector[1])
end


return pcre
