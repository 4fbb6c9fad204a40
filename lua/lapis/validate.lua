-- require "lapis.validate": checks of a request's parameters. Not there: with_params and lapis.validate.types, which need tableshape.
local coroutine = coroutine
local gsub = string.gsub
local match = string.match
local tostring = tostring
local type = type

local Validate = {}


local function is_file(input)
  return type(input) == "table" and input.filename ~= "" and input.content ~= "", "Missing file"
end


--- function(input, arguments...): is it valid, and what to say when it is not (%s is the name of the parameter). Others can be added.
Validate.validate_functions = {
  exists = function(input)
    return input and input ~= "", "%s must be provided"
  end,
  is_file = is_file,
  file_exists = is_file,
  min_length = function(input, len)
    return #tostring(input or "") >= len, "%s must be at least " .. len .. " chars"
  end,
  max_length = function(input, len)
    return #tostring(input or "") <= len, "%s must be at most " .. len .. " chars"
  end,
  is_integer = function(input)
    return match(tostring(input), "^%d+$") ~= nil, "%s must be an integer"
  end,
  is_color = function(input)
    local digits = match(tostring(input), "^#(%x+)$")
    return digits ~= nil and (#digits == 3 or #digits == 6), "%s must be a color"
  end,
  is_timestamp = function(input)
    return type(input) == "string" and match(input, "^%d+%-%d+%-%d+%s+%d+:%d+:%d+$") ~= nil, "%s is not a valid timestamp"
  end,
  matches_pattern = function(input, pattern)
    return type(input) == "string" and match(input, pattern) ~= nil, "%s is not the right format"
  end,
  equals = function(input, value)
    return input == value, "%s must match"
  end,
  one_of = function(input, ...)
    for i = 1, select("#", ...) do
      if select(i, ...) == input then
        return true
      end
    end
    return false, "%s must be one of " .. table.concat({ ... }, ", ")
  end,
  type = function(input, kind)
    return type(input) == kind, "%s must be a " .. tostring(kind)
  end,
  test = function(input, fn)
    return fn(input)
  end,
}


function Validate.test_input(input, name, arguments)
  local fn = assert(Validate.validate_functions[name], "Missing validation function " .. tostring(name))
  if type(arguments) ~= "table" then
    return fn(input, arguments)
  end
  return fn(input, unpack(arguments))
end


-- exists first, then in the order of the alphabet.
local function checks_of(validation)
  local names = {}
  for name in pairs(validation) do
    if type(name) == "string" and name ~= "optional" then
      names[#names + 1] = name
    end
  end
  table.sort(names, function(a, b)
    return a ~= b and (a == "exists" or b ~= "exists" and a < b)
  end)
  return names
end


--- validations: a list of { name, [message], optional = true, <function> = argument or list of them }. Returns false, or a list of what
--- is wrong; with opts.keys a table by the name of the parameter.
function Validate.validate(object, validations, opts)
  local errors = {}
  for _, validation in ipairs(validations) do
    local key, own_message = validation[1], validation[2]
    local input = object[key]
    if not validation.optional or Validate.validate_functions.exists(input) then
      for _, name in ipairs(checks_of(validation)) do
        local ok, message = Validate.test_input(input, name, validation[name])
        if not ok then
          message = gsub(own_message or message or "%s is not valid", "%%s", (gsub(tostring(key), "%%", "%%%%")))
          errors[opts and opts.keys and key or #errors + 1] = message
          break
        end
      end
    end
  end
  return next(errors) ~= nil and errors
end


local function refuse(errors)
  coroutine.yield("error", errors)
  error("assert_valid was not captured: " .. table.concat(errors, ", "))
end


--- validate whose errors go to the capture_errors around it. An object with a method transform is asked instead of a list.
function Validate.assert_valid(object, validations)
  if type(validations) == "table" and type(validations.transform) == "function" then
    local result, state = validations:transform(object)
    if result == nil and state then
      refuse(type(state) == "string" and { state } or state)
    end
    return result, state
  end
  local errors = Validate.validate(object, validations)
  if errors then
    refuse(errors)
  end
end


return Validate
