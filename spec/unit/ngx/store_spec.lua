local posix = require "kgw.posix"
local store = require "ngx.store"
local unpack_message = require "ngx.unpack"


local function new_folder()
  local name = os.tmpname()
  os.remove(name)
  posix.mkdirs(name)
  return name
end


describe("the durable store", function()
  local folder, db

  before_each(function()
    folder = new_folder()
    db = assert(store.open(folder, { map_size = 4 * 1024 * 1024 }))
  end)

  after_each(function()
    db:close()
    os.remove(folder .. "/data.mdb")
    os.remove(folder .. "/lock.mdb")
    os.remove(folder)
  end)

  it("gives back what was committed, also after it was closed", function()
    assert(db:commit({ { "a", "1" }, { "b", ("x"):rep(100000) } }))
    db:close()
    db = assert(store.open(folder, { map_size = 4 * 1024 * 1024 }))
    assert.equal("1", db:get("a"))
    assert.equal(100000, #db:get("b"))
    assert.is_nil(db:get("c"))
  end)

  it("deletes, and lists the keys of a prefix in order", function()
    assert(db:commit({ { "p:2", "two" }, { "p:1", "one" }, { "q:1", "other" }, { "o", "before" } }))
    assert(db:commit({ { "p:2" }, { "p:3", "three" }, { "nothing" } }))
    local found = {}
    for key, value in db:each("p:") do
      found[#found + 1] = key .. "=" .. value
    end
    assert.same({ "p:1=one", "p:3=three" }, found)
  end)

  it("keeps everything as it was when a commit does not fit", function()
    assert(db:commit({ { "a", "1" } }))
    local ok, err = db:commit({ { "a", "2" }, { "big", ("x"):rep(8 * 1024 * 1024) } })
    assert.is_nil(ok)
    assert.matches("MDB_MAP_FULL", err)
    assert.equal("1", db:get("a"))
    assert.is_nil(db:get("big"))
  end)

  it("tells whether its file can be read", function()
    assert(db:commit({ { "a", ("x"):rep(50000) } }))
    db:close()
    assert.is_true(store.probe(folder))
    local text = posix.read_file(folder .. "/data.mdb")
    local file = assert(io.open(folder .. "/data.mdb", "wb"))
    file:write(text:sub(1, #text / 2))
    file:close()
    assert.is_false(store.probe(folder))
    db = { close = function() end }
  end)
end)


describe("an unpacked message", function()
  local json = '{"type":"reconfigure","config_table":{"_format_version":"3.0","routes":[{"id":"1"}, {"id":"2","x":"}]"}],"services":[]},"hashes":{"a":1}}'

  it("has its members and the entities of its table as texts", function()
    for _, payload in ipairs { json, assert(unpack_message.gzip(json)) } do
      local message = assert(unpack_message.new(payload, 100000))
      assert.equal('"reconfigure"', message.members.type)
      assert.equal('{"a":1}', message.members.hashes)
      assert.is_true(message.members.config_table)
      assert.equal("routes", message.sections[2].name)
      assert.equal(2, message.sections[2].cnt)
      assert.equal('{"id":"2","x":"}]"}', message:json(message.sections[2].first + 1))
      assert.equal(0, message.sections[3].cnt)
      message:free()
    end
  end)

  local function message_of(list, base)
    return assert(unpack_message.new('{"config_table":{"rows":[' .. table.concat(list, ",") .. ']}}', 1e6, false, base))
  end


  it("tells where its entities stood in the message before", function()
    math.randomseed(11)
    local before, list = nil, {}
    for _ = 1, 300 do
      local old = { unpack(list) }
      for _ = 1, math.random(0, 3) do
        table.remove(list, math.random(#list + 1))
        table.insert(list, math.random(#list + 1), tostring(math.random(40)))
      end
      if math.random(10) == 1 and #list > 1 then
        list[1], list[#list] = list[#list], list[1]
      end
      local message = message_of(list, before)
      local section, seen = message.sections[1], {}
      if before then
        assert.equal(#old, section.base_cnt)
        for i = 1, section.prefix do
          assert.equal(old[i], list[i])
        end
        for i = 0, section.suffix - 1 do
          assert.equal(old[#old - i], list[#list - i])
        end
        local is_left = {}
        for i = section.prefix + 1, #list - section.suffix do
          local at = message:prev(section.first + i - 1)
          if at > 0 then
            assert.equal(old[at], list[i])
            assert.is_nil(seen[at])
            assert.is_true(at > section.prefix and at <= #old - section.suffix)
            seen[at] = true
          else
            is_left[list[i]] = true
          end
        end
        -- None is called new that is still there.
        for i = section.prefix + 1, #old - section.suffix do
          assert.is_true(seen[i] or not is_left[old[i]])
        end
        before:free()
      end
      message:keep()
      before = message
    end
    before:free()
  end)

  it("is as long as its base is used", function()
    local base = message_of({ "1", "2" })
    base:keep()
    local message = message_of({ "1", "3" }, base)
    base:free()
    assert.equal(1, message.sections[1].prefix)
    message:keep()
    local third = message_of({ "1", "3" }, message)
    assert.equal(2, third.sections[1].prefix)
    message:free()
    third:free()
  end)

  it("is packed in parts that make one text", function()
    local parts, text = {}, {}
    for i, piece in ipairs { "", "a", ("abc"):rep(50000), "a", ("\0\1x"):rep(7) } do
      parts[i] = assert(unpack_message.gzip_part(piece, 1))
      text[i] = piece
    end
    local packed = unpack_message.gzip_of_parts(parts)
    assert.equal(table.concat(text), assert(require("kong.tools.gzip").inflate_gzip(packed)))
    assert.equal("", assert(require("kong.tools.gzip").inflate_gzip(unpack_message.gzip_of_parts({}))))
  end)

  it("is refused when it is cut, altered, too large or no object", function()
    local packed = assert(unpack_message.gzip(json))
    for payload, text in pairs {
      [packed:sub(1, -10)] = "truncated",
      [packed:sub(1, 20) .. "\255\255\255" .. packed:sub(24)] = "corrupt",
      [json:sub(1, -2)] = "malformed JSON",
      ["[1]"] = "not a JSON object",
      [assert(unpack_message.gzip('{"a":"' .. ("x"):rep(200000) .. '"}'))] = "larger than allowed",
      ["[" .. ("["):rep(1000)] = "JSON",
    } do
      local message, err = unpack_message.new(payload, 100000)
      assert.is_nil(message)
      assert.matches(text, err, 1, true)
    end
  end)
end)
