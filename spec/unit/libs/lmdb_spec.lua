local posix = require "kgw.posix"

local NOT_FOUND = "MDB_NOTFOUND: No matching key/data pair found"


describe("resty.lmdb", function()
  local lmdb, transaction, folder, configuration

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    posix.mkdirs(folder)
    _G.kong = _G.kong or {}
    configuration = kong.configuration
    kong.configuration = { prefix = folder }
    lmdb, transaction = require "resty.lmdb", require "resty.lmdb.transaction"
  end)

  teardown(function()
    require("resty.lmdb.environment").close()
    kong.configuration = configuration
    for _, name in ipairs { "/data.mdb", "/lock.mdb", "" } do
      os.remove(folder .. "/plugins.lmdb" .. name)
    end
    os.remove(folder)
  end)

  before_each(function()
    assert(lmdb.db_drop(false))
  end)


  local function keys_of(prefix, db)
    local keys = {}
    for key, value in lmdb.prefix(prefix, db) do
      keys[#keys + 1] = key .. "=" .. value
    end
    return table.concat(keys, " ")
  end

  it("keeps values until they are removed", function()
    assert.same({ nil, nil, n = 1 }, table.pack(lmdb.get("a")))
    assert.is_true(lmdb.set("a", "1"))
    assert.is_true(lmdb.set("e", ""))
    assert.equal("1", lmdb.get("a"))
    assert.equal("", lmdb.get("e"))
    assert.is_true(lmdb.set("a", nil))
    assert.is_nil(lmdb.get("a"))
    assert.same({ nil, NOT_FOUND }, { lmdb.set("a", nil) })
    assert.matches("^MDB_BAD_VALSIZE", (select(2, lmdb.set("", "x"))))
    local file = assert(io.open(folder .. "/plugins.lmdb/data.mdb"))
    file:close()
  end)

  it("takes keys of any length and any bytes", function()
    for _, key in ipairs { ("k"):rep(510), ("k"):rep(511), ("k"):rep(5000), "\0", "\1a", "\2b\0c" } do
      assert.is_true(lmdb.set(key, "v" .. #key))
      assert.equal("v" .. #key, lmdb.get(key))
    end
  end)

  it("keeps databases apart", function()
    assert.same({ nil, "unable to open DB for GET 'a': " .. NOT_FOUND }, { lmdb.get("a", "other") })
    assert.same({ nil, "unable to open DB for DROP: " .. NOT_FOUND }, { lmdb.db_drop(false, "other") })
    assert(lmdb.set("a", "default"))
    assert(lmdb.set("a", "other", "other"))
    assert(lmdb.set("a", "otherer", "otherer"))
    assert.equal("default", lmdb.get("a"))
    assert.equal("other", lmdb.get("a", "other"))
    assert.equal("a=other", keys_of("", "other"))
    assert.is_true(lmdb.db_drop(false, "other"))
    assert.is_nil(lmdb.get("a", "other"))
    assert.equal("otherer", lmdb.get("a", "otherer"))
    assert.is_true(lmdb.db_drop(true, "other"))
    assert.same({ nil, "unable to open DB for GET 'a': " .. NOT_FOUND }, { lmdb.get("a", "other") })
    assert.equal("default", lmdb.get("a"))
    assert(lmdb.db_drop(true, "otherer"))
  end)

  it("does a transaction as a whole or not at all", function()
    local txn = transaction.begin()
    txn:get("a")
    txn:set("a", "1")
    txn:get("a")
    txn:set("b", "2")
    txn:db_drop(false)
    txn:get("b")
    txn:set("c", "3")
    assert.is_true(txn:commit())
    assert.is_nil(txn[1].result)
    assert.is_true(txn[2].result)
    assert.equal("1", txn[3].result)
    assert.equal("1", txn[3].value)
    assert.is_nil(txn[6].result)
    assert.equal("c=3", keys_of(""))
    txn:reset()
    txn:set("d", "4")
    txn:set("nothing", nil)
    assert.same({ nil, NOT_FOUND }, { txn:commit() })
    assert.is_nil(lmdb.get("d"))
    txn:reset()
    txn:db_open(false, "new")
    assert.same({ nil, NOT_FOUND }, { txn:commit() })
    txn:reset()
    txn:db_open(true, "new")
    txn:get("x", "new")
    txn:db_drop(true, "new")
    assert.is_true(txn:commit())
    txn:reset()
    assert.is_true(txn:commit())
  end)

  it("goes through the keys with a prefix, page by page", function()
    local txn = transaction.begin()
    local expected = {}
    for i = 1, 1300 do
      txn:set(("key%05d"):format(i), tostring(i))
      expected[i] = ("key%05d=%d"):format(i, i)
    end
    txn:set("kez", "no")
    txn:set("kex", "no")
    assert.is_true(txn:commit())
    assert.equal(table.concat(expected, " "), keys_of("key"))
    assert.equal("", keys_of("nothing"))
    local prefix = require "resty.lmdb.prefix"
    local page, has_more = prefix.page("key01298", "key", nil, 2)
    assert.same({ { key = "key01298", value = "1298" }, { key = "key01299", value = "1299" } }, page)
    assert.is_true(has_more)
    assert.same({ { { key = "key01300", value = "1300" } }, false }, { prefix.page("key01300", "key", nil, 2) })
    assert.same({ nil, "unable to open DB for access: " .. NOT_FOUND }, { prefix.page("a", "a", "none") })
    local next_pair = lmdb.prefix("a", "none")
    assert.same({ nil, "unable to open DB for access: " .. NOT_FOUND }, { next_pair() })
    assert.is_nil((next_pair()))
    assert.has_error(function() prefix.page("a", "a", nil, 0) end, "page_size must be at least 1")
  end)

  it("keeps what was written when it is closed", function()
    assert(lmdb.set("a", "1"))
    require("resty.lmdb.environment").close()
    assert.equal("1", lmdb.get("a"))
  end)

  it("says how big it is", function()
    assert(lmdb.set("a", "1"))
    local info = lmdb.get_env_info()
    assert.equal(1, info.entries)
    assert.equal(2147483648, info.map_size)
    assert.equal(126, info.max_readers)
    assert.is_true(info.page_size >= 4096 and info.allocated_pages > 2 and info.in_use_pages >= 1 and info.num_readers >= 0)
  end)
end)
