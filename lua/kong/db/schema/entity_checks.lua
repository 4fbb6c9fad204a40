-- Checks across fields of one entity or record: conditional, at_least_one_of, distinct ...
-- Each checker is {fn = (entity, arg, schema, errors) -> true | nil, text}; it may set field errors itself.
-- Used by kong.db.schema only. Must never change the entity.
local messages = require "kong.db.schema.messages"
local value = require "kong.db.schema.value"

local ipairs = ipairs
local type = type
local next = next
local fmt = string.format

local null = value.null
local get = value.get
local set = value.set
local is_reference = value.is_reference
local quoted_list = value.quoted_list

-- is_update: an entity that exists is being changed; some texts say so.
local entity_checks = { is_update = false }


local function is_nonempty(v)
  if v == nil or v == null then
    return false
  end
  if type(v) == "table" and next(v) == nil then
    return false
  end
  return v ~= ""
end


local function count_nonempty(entity, names)
  local n = 0
  for _, name in ipairs(names) do
    if is_nonempty(get(entity, name)) then
      n = n + 1
    end
  end
  return n
end


-- A match is a partial field definition; what it leaves out comes from the field itself.
local merged_matches = setmetatable({}, { __mode = "k" })


local function matches(schema, path, match, v)
  local field = merged_matches[match]
  if not field then
    local own = schema:get_field(path)
    field = {}
    for k, attribute in next, own or {} do
      field[k] = attribute
    end
    field.default = nil
    for k, attribute in next, match do
      field[k] = attribute
    end
    if own and match.elements and own.elements then
      field.elements = value.deep_merge(own.elements, match.elements)
    end
    merged_matches[match] = field
  end
  return schema:validate_field(field, v)
end


local function if_holds(entity, arg, schema)
  local v = get(entity, arg.if_field)
  if v == nil then
    v = null
  end
  if v == null and arg.if_match.eq ~= null then
    return false
  end
  return (matches(schema, arg.if_field, arg.if_match, v))
end


local function conditional_failure(arg)
  return arg.then_err or fmt(messages.CONDITIONAL, arg.if_field)
end


local function check_conditional(entity, arg, schema, errors)
  if not if_holds(entity, arg, schema) then
    return true
  end
  local v = get(entity, arg.then_field)
  if v == nil then
    v = null
  end
  if v == null and arg.then_match.required then
    set(errors, arg.then_field, messages.REQUIRED)
    return nil, conditional_failure(arg)
  end
  local ok, err = matches(schema, arg.then_field, arg.then_match, v)
  if ok then
    return true
  end
  set(errors, arg.then_field, err)
  return nil, conditional_failure(arg)
end


local function list_failure(own, names)
  if own then
    local list = {}
    for i, name in ipairs(names) do
      list[i] = "'" .. name .. "'"
    end
    return (own:gsub("%%s", (table.concat(list, ", "):gsub("%%", "%%%%"))))
  end
  return fmt(messages.AT_LEAST_ONE_OF, quoted_list(names))
end


local function check_conditional_at_least_one_of(entity, arg, schema)
  local names, own
  if if_holds(entity, arg, schema) then
    names, own = arg.then_at_least_one_of, arg.then_err
  elseif arg.else_then_at_least_one_of then
    if arg.else_match then
      local holds = if_holds(entity, { if_field = arg.if_field, if_match = arg.else_match }, schema)
      if not holds then
        return true
      end
    end
    names, own = arg.else_then_at_least_one_of, arg.else_then_err
  end
  if not names or count_nonempty(entity, names) > 0 then
    return true
  end
  return nil, list_failure(own, names)
end


local function check_distinct(entity, names)
  local seen = {}
  for _, name in ipairs(names) do
    local v = get(entity, name)
    if is_nonempty(v) then
      if seen[v] then
        return nil, fmt(messages.DISTINCT, quoted_list(names))
      end
      seen[v] = true
    end
  end
  return true
end


-- What the function sees: the fields of field_sources, null for those that are absent.
local function view_of(entity, names, is_filled)
  local view = {}
  for i = 1, #names do
    local v = get(entity, names[i])
    if v == nil and is_filled then
      v = null
    end
    set(view, names[i], v)
  end
  return view
end


local function check_custom(entity, arg, _, errors, is_filled)
  local ok, err, err_fields = arg.fn(view_of(entity, arg.field_sources, is_filled))
  if ok then
    return true
  end
  for name, text in next, err_fields or {} do
    set(errors, name, text)
  end
  if err == nil and err_fields then
    return true
  end
  return nil, err or messages.CUSTOM_ENTITY_CHECK
end


local function check_mutually_required(entity, names)
  local n = count_nonempty(entity, names)
  if n == 0 or n == #names then
    return true
  end
  return nil, fmt(messages.MUTUALLY_REQUIRED, quoted_list(names))
end


local function check_exclusive_sets(entity, arg)
  local texts = {}
  for _, names in ipairs({ arg.set1, arg.set2 }) do
    local nonempty = {}
    for _, name in ipairs(names) do
      if is_nonempty(get(entity, name)) then
        nonempty[#nonempty + 1] = name
      end
    end
    if #nonempty == 0 then
      return true
    end
    texts[#texts + 1] = "(" .. quoted_list(nonempty) .. ")"
  end
  return nil, fmt(messages.MUTUALLY_EXCLUSIVE_SETS, table.concat(texts, ", "))
end


local CHECKERS = {
  conditional = check_conditional,
  conditional_at_least_one_of = check_conditional_at_least_one_of,
  distinct = check_distinct,
  custom_entity_check = check_custom,
  mutually_required = check_mutually_required,
  mutually_exclusive_sets = check_exclusive_sets,

  at_least_one_of = function(entity, names)
    if count_nonempty(entity, names) > 0 then
      return true
    end
    local text = fmt(messages.AT_LEAST_ONE_OF, quoted_list(names))
    return nil, entity_checks.is_update and "when updating, " .. text or text
  end,

  only_one_of = function(entity, names)
    if count_nonempty(entity, names) == 1 then
      return true
    end
    return nil, fmt(messages.ONLY_ONE_OF, quoted_list(names))
  end,

  mutually_exclusive = function(entity, names)
    if count_nonempty(entity, names) <= 1 then
      return true
    end
    return nil, fmt(messages.MUTUALLY_EXCLUSIVE, quoted_list(names))
  end,
}


entity_checks.CHECKERS = CHECKERS


-- Checks that also look at entities where a field of theirs is absent, and at fields that are wrong by themselves.
local RUNS_WITH_MISSING = {
  at_least_one_of = true, conditional_at_least_one_of = true, mutually_required = true, mutually_exclusive = true,
  mutually_exclusive_sets = true,
}
local RUNS_WITH_INVALID = {
  at_least_one_of = true, conditional_at_least_one_of = true, only_one_of = true, distinct = true, conditional = true,
}

-- arg of a check -> names of its fields.
local names_of_arg = setmetatable({}, { __mode = "k" })


local function field_names(name, arg)
  if name == "custom_entity_check" then
    return arg.field_sources
  end
  local names = names_of_arg[arg]
  if not names then
    names = arg
    if name == "conditional" then
      names = { arg.if_field, arg.then_field }
    elseif name == "conditional_at_least_one_of" then
      names = { arg.if_field }
      for _, key in ipairs { "then_at_least_one_of", "else_then_at_least_one_of" } do
        for _, field in ipairs(arg[key] or {}) do
          names[#names + 1] = field
        end
      end
    elseif name == "mutually_exclusive_sets" then
      names = {}
      for _, key in ipairs { "set1", "set2" } do
        for _, field in ipairs(arg[key]) do
          names[#names + 1] = field
        end
      end
    end
    names_of_arg[arg] = names
  end
  return names
end


local function holds_reference(schema, path, v)
  if not is_reference(v) then
    return false
  end
  local field = schema:get_field(path)
  return field ~= nil and field.type == "string" and field.referenceable == true
end


local function note_missing(entity, names, last, errors)
  local found = false
  for i = 1, last do
    if get(entity, names[i]) == nil then
      set(errors, names[i], messages.REQUIRED_FOR_ENTITY_CHECK)
      found = true
    end
  end
  return found
end


-- Is the check to be run? is_filled: what is absent is null; else a field that a check needs must be there.
local function is_due(schema, entity, name, arg, full_check, errors, is_filled)
  local names = field_names(name, arg)
  local is_any_there, is_any_wrong = false, false
  for i = 1, #names do
    local v = get(entity, names[i])
    if v ~= nil then
      is_any_there = true
      if type(v) == "string" and holds_reference(schema, names[i], v) then
        return false
      end
    end
    is_any_wrong = is_any_wrong or errors[names[i]] ~= nil
  end
  if is_any_wrong and not RUNS_WITH_INVALID[name] and not arg.run_with_invalid_fields then
    return false
  end
  local takes_missing = RUNS_WITH_MISSING[name] or arg.run_with_missing_fields
  if is_filled and full_check then
    return true
  end
  if not is_any_there then
    return RUNS_WITH_MISSING[name] == true and full_check
  end
  return takes_missing or not note_missing(entity, names, name == "conditional" and 1 or #names, errors)
end


function entity_checks.add_error(errors, text)
  local list = errors["@entity"]
  if not list then
    list = {}
    errors["@entity"] = list
  end
  list[#list + 1] = text
end


-- Runs a list of checks; errors is the table of field errors found so far and takes the new ones.
-- full_check: of a whole entity, not of a change. is_filled: the entity went through fill, absent fields are null.
function entity_checks.run(schema, checks, entity, full_check, errors, is_filled)
  for i = 1, #checks do
    local name, arg = next(checks[i])
    local checker = CHECKERS[name]
    if checker and is_due(schema, entity, name, arg, full_check, errors, is_filled) then
      local ok, err = checker(entity, arg, schema, errors, is_filled)
      if not ok and err then
        entity_checks.add_error(errors, err)
      end
    end
  end
end


return entity_checks
