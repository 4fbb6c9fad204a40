local config_hash = require "kong.clustering.config_hash"

local null = ngx.null


-- Rows as the control plane keeps them for of_sections.
local function sections_of(config_table)
  local sections, members = {}, {}
  for name, value in pairs(config_table) do
    if type(value) == "table" then
      local section = { n = #value, texts = {}, row = function(i) return value[i] end }
      for i, row in ipairs(value) do
        section.texts[i] = config_hash.text_of(row) or false
      end
      sections[name] = section
    else
      members[name] = value
    end
  end
  return sections, members
end


describe("configuration hash", function()
  local VECTORS = {
    { "2da3c26e4dbd6dd6ea3ab60a3dd7fb3e", {} },
    { "81aac97a81ad03c0cf0b36663806488e", { routes = {}, services = {}, plugins = {} } },
    { "4d60dd9998ea4314039da5ca2f1db96f", { upstreams = {}, targets = {} } },
    { "3ba837da99e14dfab883d867101d37f6", { _format_version = "3.0", _transform = false } },
    { "e6a99acfd5ca268cbf9aac31e725f527",
      { _format_version = "3.0", _transform = false, services = { { id = "a", name = null, port = 80, tags = {} } } } },
  }

  it("is that of Kong's control plane", function()
    for _, vector in ipairs(VECTORS) do
      assert.equal(vector[1], (config_hash.of_config(vector[2])))
    end
  end)

  it("of single values is the digest of their text", function()
    assert.equal(ngx.md5("/null/"), config_hash.of_section(null))
    assert.equal("68934a3e9455fa72420237eb05902327", config_hash.of_section(false))
    assert.equal("b326b5062b2f0e69046810717534cb09", config_hash.of_section(true))
    assert.equal(ngx.md5("10"), config_hash.of_section(10))
    assert.equal(ngx.md5("0.9"), config_hash.of_section(0.9))
    assert.equal(("0"):rep(32), config_hash.of_section(nil))
  end)

  it("separates up to five elements and ends each of more", function()
    assert.equal("3352b3d41cccf7cac7bf23d40cc479ee", config_hash.of_section({ "a", "b", "c", "d", "e" }))
    assert.equal("972d17d5cbacecf849b877935f7c0f89", config_hash.of_section({ "a", "b", "c", "d", "e", "f" }))
  end)

  it("is the same from texts of rows, however long", function()
    for _, count in ipairs { 0, 1, 5, 6, 3000 } do
      local rows = {}
      for i = 1, count do
        rows[i] = { id = "row-" .. i, name = ("x"):rep(i % 700), list = { i, i + 1 }, nothing = null, flag = i % 2 == 0 }
      end
      local config = { _format_version = "3.0", _transform = false, routes = rows, consumers = rows, targets = {} }
      local expected, expected_parts = config_hash.of_config(config)
      local hash, parts = config_hash.of_sections(sections_of(config))
      assert.equal(expected_parts.routes, parts.routes)
      assert.equal(expected, hash)
    end
  end)

  it("gives the loop turns while it works", function()
    local rows, turns = {}, 0
    for i = 1, 2000 do
      rows[i] = { id = i }
    end
    config_hash.of_config({ routes = rows }, function() turns = turns + 1 end)
    assert.is_true(turns > 2)
  end)

  -- Reading goes on from the last place where the text was folded.
  it("of rows that follow others is that of all of them", function()
    math.randomseed(3)
    local rows = {}
    local function new_row()
      return { id = tostring(math.random(1e9)), text = ("x"):rep(math.random(math.random(5) == 1 and 400000 or 20000)) }
    end
    for i = 1, 300 do
      rows[i] = new_row()
    end
    local before
    for step = 1, 25 do
      local what = math.random(3)
      local at = math.random(#rows)
      if what == 1 then
        rows[at] = new_row()
      elseif what == 2 then
        table.remove(rows, at)
      else
        table.insert(rows, at, new_row())
      end
      local copy = { unpack(rows) }
      local sections = sections_of({ routes = copy })
      sections.routes.before = before
      assert.equal((config_hash.of_config({ routes = copy })), (config_hash.of_sections(sections, {})), step)
      before = sections.routes
    end
  end)
end)
