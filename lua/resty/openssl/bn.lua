-- Integers of any size. Operators and methods take bn objects or plain numbers.
local ffi = require "ffi"
local lib = require "resty.openssl.lib"
local format_error = require("resty.openssl.err").format_error

local C = lib.C
local type = type

local bn = {}
bn.__index = bn

local scratch = ffi.new("struct bignum_st *[1]")
local context = ffi.gc(C.BN_CTX_new(), C.BN_CTX_free)


local function wrap(ptr)
  return setmetatable({ ctx = ffi.gc(ptr, C.BN_free) }, bn)
end


local function fresh()
  return wrap(C.BN_new())
end


function bn.istype(object)
  return lib.istype(object, bn)
end


local function set_text(ctx, text, base)
  scratch[0] = ctx
  if base == 10 then
    return C.BN_dec2bn(scratch, text)
  elseif base == 16 then
    return C.BN_hex2bn(scratch, text)
  end
  local ptr = C.BN_bin2bn(text, #text, ctx)
  return ptr ~= nil and 1 or 0
end


-- value: number, or text in base 10 (default), 16 or 2 (binary bytes).
function bn:set(value, base)
  local code
  if type(value) == "number" then
    if value < 0 then
      code = C.BN_set_word(self.ctx, -value)
      C.BN_set_negative(self.ctx, 1)
    else
      code = C.BN_set_word(self.ctx, value)
    end
  elseif type(value) == "string" then
    code = set_text(self.ctx, value, base or 10)
  else
    return nil, "bn:set: expect nil, a number or a string at #1"
  end
  if code == 0 then
    return nil, format_error("bn:set", code)
  end
  return self
end


function bn.new(value, base)
  if value ~= nil and type(value) ~= "number" and type(value) ~= "string" then
    return nil, "bn.new: expect nil, a number or a string at #1"
  end
  local self = fresh()
  if value == nil then
    return self
  end
  local ok, err = self:set(value, base)
  if not ok then
    return nil, (err:gsub("^bn:set", "bn.new"))
  end
  return self
end


function bn.dup(ptr)
  if not ffi.istype("struct bignum_st *", ptr) and not ffi.istype("const struct bignum_st *", ptr) then
    return nil, "bn.dup: expect a bn ctx at #1"
  end
  local copy = C.BN_dup(ptr)
  if copy == nil then
    return nil, "bn.dup: BN_dup() failed"
  end
  return wrap(copy)
end


-- Takes over a pointer that libcrypto allocated.
function bn.own(ptr)
  return wrap(ptr)
end


function bn.from_binary(bytes)
  local ptr = C.BN_bin2bn(bytes, #bytes, nil)
  if ptr == nil then
    return nil, format_error("bn.from_binary")
  end
  return wrap(ptr)
end


function bn.from_mpi(bytes)
  local ptr = C.BN_mpi2bn(bytes, #bytes, nil)
  if ptr == nil then
    return nil, format_error("bn.from_mpi")
  end
  return wrap(ptr)
end


function bn.from_hex(text)
  return bn.new(text, 16)
end


function bn.from_dec(text)
  return bn.new(text, 10)
end


-- width: length to pad to with zero bytes.
function bn:to_binary(width)
  local len = math.floor((C.BN_num_bits(self.ctx) + 7) / 8)
  if width and width < len then
    return nil, "bn:to_binary: padto is smaller than the number"
  end
  len = width or len
  local buf = ffi.new("unsigned char[?]", len)
  C.BN_bn2binpad(self.ctx, buf, len)
  return ffi.string(buf, len)
end


function bn:to_mpi()
  local len = C.BN_bn2mpi(self.ctx, nil)
  local buf = ffi.new("unsigned char[?]", len)
  return ffi.string(buf, C.BN_bn2mpi(self.ctx, buf))
end


function bn:to_hex()
  return lib.take_string(C.BN_bn2hex(self.ctx))
end


function bn:to_dec()
  return lib.take_string(C.BN_bn2dec(self.ctx))
end


-- nil and an error when the number has more than 64 bits.
function bn:to_number()
  if C.BN_num_bits(self.ctx) > 64 then
    return nil, "bn:to_number: bignum is too large"
  end
  local n = tonumber(C.BN_get_word(self.ctx))
  return C.BN_is_negative(self.ctx) == 1 and -n or n
end

bn.tonumber = bn.to_number


function bn.generate_prime(bits, safe)
  local r = fresh()
  if C.BN_generate_prime_ex(r.ctx, bits, safe and 1 or 0, nil, nil, nil) ~= 1 then
    return nil, format_error("bn.generate_prime")
  end
  return r
end


local function operand(value, at)
  if bn.istype(value) then
    return value.ctx
  elseif type(value) == "number" then
    return assert(bn.new(value)).ctx, true
  end
  return error("bn: expect a bn instance or a number at #" .. at, 3)
end


local function check(code, r, name)
  if code ~= 1 then
    return error(format_error("bn:" .. name, code), 3)
  end
  return r
end


-- Operations of two numbers; those in the second list need a scratch context.
for name, fn in pairs { add = "BN_add", sub = "BN_sub" } do
  bn[name] = function(a, b)
    local r = fresh()
    local x, y = operand(a, 1), operand(b, 2)
    return check(C[fn](r.ctx, x, y), r, name)
  end
end

for name, fn in pairs { mul = "BN_mul", exp = "BN_exp", gcd = "BN_gcd", mod = "BN_nnmod" } do
  bn[name] = function(a, b)
    local r = fresh()
    local x, y = operand(a, 1), operand(b, 2)
    return check(C[fn](r.ctx, x, y, context), r, name)
  end
end


function bn.div(a, b)
  local r = fresh()
  local x, y = operand(a, 1), operand(b, 2)
  return check(C.BN_div(r.ctx, nil, x, y, context), r, "div")
end


function bn.sqr(a)
  local r = fresh()
  return check(C.BN_sqr(r.ctx, operand(a, 1), context), r, "sqr")
end


for name, fn in pairs { mod_add = "BN_mod_add", mod_sub = "BN_mod_sub", mod_mul = "BN_mod_mul",
                        mod_exp = "BN_mod_exp" } do
  bn[name] = function(a, b, m)
    local r = fresh()
    local x, y, z = operand(a, 1), operand(b, 2), operand(m, 3)
    return check(C[fn](r.ctx, x, y, z, context), r, name)
  end
end


function bn.mod_sqr(a, m)
  local r = fresh()
  local x, y = operand(a, 1), operand(m, 2)
  return check(C.BN_mod_sqr(r.ctx, x, y, context), r, "mod_sqr")
end


function bn.lshift(a, bits)
  local r = fresh()
  return check(C.BN_lshift(r.ctx, operand(a, 1), bits), r, "lshift")
end


function bn.rshift(a, bits)
  local r = fresh()
  return check(C.BN_rshift(r.ctx, operand(a, 1), bits), r, "rshift")
end


function bn:is_zero()
  return C.BN_is_zero(self.ctx) == 1
end


function bn:is_one()
  return C.BN_is_one(self.ctx) == 1
end


function bn:is_odd()
  return C.BN_is_odd(self.ctx) == 1
end


function bn:is_word(n)
  return C.BN_is_word(self.ctx, n) == 1
end


function bn:is_prime()
  local code = C.BN_check_prime(self.ctx, context, nil)
  if code < 0 then
    return nil, format_error("bn.is_prime", code)
  end
  return code == 1
end


bn.__add, bn.__sub, bn.__mul, bn.__div, bn.__mod, bn.__pow = bn.add, bn.sub, bn.mul, bn.div, bn.mod, bn.exp
bn.__tostring = bn.to_dec


function bn.__unm(a)
  return bn.sub(0, a)
end


function bn.__eq(a, b)
  return C.BN_cmp(a.ctx, b.ctx) == 0
end


function bn.__lt(a, b)
  return C.BN_cmp(operand(a, 1), operand(b, 2)) < 0
end


function bn.__le(a, b)
  return C.BN_cmp(operand(a, 1), operand(b, 2)) <= 0
end


return bn
