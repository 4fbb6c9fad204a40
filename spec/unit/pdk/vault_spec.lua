describe("kong.vault", function()
  local kong_before, vault, value, calls

  setup(function()
    kong_before = rawget(_G, "kong")
    package.preload["kong.vaults.spec"] = function()
      return {
        get = function(conf, resource, version)
          calls = calls + 1
          if resource == "gone" then
            return nil, "no such thing"
          end
          return (conf.prefix or "") .. resource .. (version or "") .. value
        end,
      }
    end
    package.preload["kong.vaults.spec.schema"] = function()
      return { name = "spec", fields = { { config = { type = "record", fields = { { prefix = { type = "string" } } } } } } }
    end
    _G.kong = {
      configuration = { loaded_vaults = { spec = true, env = true } },
      log = { warn = function() end, err = function() end, notice = function() end },
    }
    vault = require("kong.pdk.vault").new()
  end)

  teardown(function()
    _G.kong = kong_before
    package.preload["kong.vaults.spec"], package.preload["kong.vaults.spec.schema"] = nil, nil
  end)

  before_each(function()
    value, calls = "-v1", 0
    vault.flush()
  end)

  it("asks the back end once", function()
    assert.equal("a-v1", vault.get("{vault://spec/a}"))
    assert.equal("a-v1", vault.get("{vault://spec/a}"))
    assert.equal(1, calls)
  end)

  it("hands options and version over", function()
    assert.equal("p-a2-v1", vault.get("{vault://spec/a?prefix=p-#2}"))
  end)

  it("takes one field of a secret that is JSON", function()
    value = '{"k":"inside","n":5}'
    assert.same({ nil, "could not get value from external vault (could not get subfield value: unable to json decode " ..
                       "value (x{\"k\":\"inside\",\"n\":5}): Expected value but found invalid token at character 1)" },
                { vault.get("{vault://spec/x/k}") })
  end)

  it("says what went wrong", function()
    assert.same({ nil, "could not get value from external vault (no value found (no such thing))" },
                { vault.get("{vault://spec/gone}") })
    assert.same({ nil, "not a reference [plain]" }, { vault.get("plain") })
  end)

  it("puts values into a configuration, empty ones where there is none", function()
    local config = vault.update { a = "", b = "", ["$refs"] = { a = "{vault://spec/a}", b = "{vault://spec/gone}" } }
    assert.equal("a-v1", config.a)
    assert.equal("", config.b)
  end)

  it("tries again with fresh secrets, once", function()
    local config = vault.update { secret = "", ["$refs"] = { secret = "{vault://spec/s}" } }
    value = "-v2"
    local seen = {}
    local result = vault.try(function(conf)
      seen[#seen + 1] = conf.secret
      return conf.secret == "s-v2", "refused"
    end, config)
    assert.is_true(result)
    assert.same({ "s-v1", "s-v2" }, seen)
  end)

  it("does not try again without references", function()
    local cnt = 0
    assert.same({ nil, "refused" }, { vault.try(function()
      cnt = cnt + 1
      return nil, "refused"
    end, {}) })
    assert.equal(1, cnt)
  end)
end)
