local compat = require "kong.clustering.compat"


describe("versions of data planes", function()
  it("are numbers that order", function()
    assert.equal(3009003000, compat.version_num("3.9.3"))
    assert.equal(3004002001, compat.version_num("3.4.2.1"))
    assert.equal(3010000000, compat.version_num("3.10.0-rc"))
    assert.is_true(compat.version_num("3.10.0") > compat.version_num("3.9.9"))
  end)

  it("are accepted with our major and a minor that is not above ours", function()
    assert.is_true(compat.check_version("3.9.3", "3.9.9"))
    assert.is_true(compat.check_version("3.9.3", "3.0.0"))
    for version, text in pairs {
      ["3.10.0"] = "data plane version 3.10.0 is incompatible with older control plane version 3.9.3",
      ["2.8.5"] = "data plane version 2.8.5 is incompatible with control plane version 3.9.3 (3.x.y are accepted)",
      ["abc"] = "data plane version is incompatible with control plane version 3.9.3 (3.x.y are accepted)",
    } do
      local ok, reason, status = compat.check_version("3.9.3", version)
      assert.is_nil(ok)
      assert.equal(text, reason)
      assert.equal("kong_version_incompatible", status)
    end
  end)
end)


describe("plugins of data planes", function()
  local configured, ours = { cors = true }, { cors = "3.9.3", acl = "3.9.3" }

  it("must hold every configured one", function()
    assert.is_true(compat.check_plugins(configured, ours, { cors = "3.9.1" }))
    local ok, reason, status = compat.check_plugins(configured, ours, { acl = "3.9.3" })
    assert.is_nil(ok)
    assert.equal("configured cors plugin 3.9.3 is missing from data plane", reason)
    assert.equal("plugin_set_incompatible", status)
  end)

  it("must not be newer than ours, or of another major version", function()
    for _, version in ipairs { "3.10.0", "2.9.3" } do
      local _, reason, status = compat.check_plugins(configured, ours, { cors = version })
      assert.equal("configured data plane cors plugin version " .. version .. " is different to control plane plugin version 3.9.3", reason)
      assert.equal("plugin_version_incompatible", status)
    end
  end)

  it("may have no version", function()
    assert.is_true(compat.check_plugins(configured, { cors = true }, { cors = "9.9.9" }))
    assert.is_true(compat.check_plugins(configured, ours, { cors = true }))
  end)
end)


describe("a configuration for an older data plane", function()
  local function config()
    return {
      plugins = {
        { name = "key-auth", instance_name = "x", config = { realm = "r", key_names = { "apikey" } }, updated_at = 1 },
        { name = "http-log", config = { queue = { max_batch_size = 10, max_coalescing_delay = 2, max_retry_time = 60, concurrency_limit = 1 } } },
        { name = "response-transformer", config = { rename = { json = { "a:b" }, headers = {} } } },
      },
      upstreams = { { name = "u", algorithm = "latency", use_srv_name = false } },
      services = { { protocol = "tls", tls_verify = true } },
      vaults = { { name = "env", prefix = "my-env", config = { prefix = "a-b" } } },
    }
  end

  it("is left alone for our own version", function()
    local t = config()
    assert.is_false(compat.downgrade(t, "3.9.3"))
    assert.same(config(), t)
  end)

  it("loses the fields that came later, nested ones too", function()
    local t = config()
    assert.is_true(compat.downgrade(t, "3.7.1"))
    assert.is_nil(t.plugins[2].config.queue.concurrency_limit)
    assert.equal(10, t.plugins[2].config.queue.max_batch_size)
    assert.is_nil(t.plugins[3].config.rename.json)
    assert.equal("r", t.plugins[1].config.realm)
    compat.downgrade(t, "3.4.0")
    assert.is_nil(t.plugins[1].config.realm)
  end)

  it("has the parameters of queues under their old names before 3.3", function()
    local t = config()
    compat.downgrade(t, "3.2.2")
    assert.same({}, t.plugins[2].config)
    assert.equal("my-env", t.vaults[1].prefix)
    assert.equal("a_b", t.vaults[1].config.prefix)
    assert.is_nil(t.plugins[1].updated_at)
    assert.equal("latency", t.upstreams[1].algorithm)
  end)

  it("gives senders the parameters of their queues, or what those versions had by themselves", function()
    local t = { plugins = {
      { name = "statsd", config = { queue = { max_batch_size = 10, max_retry_time = 60 } } },
      { name = "opentelemetry", config = { batch_span_count = 7, queue = {} } },
    } }
    assert.is_true(compat.downgrade(t, "3.2.0"))
    assert.same({ retry_count = 10, queue_size = 10, flush_timeout = 2 }, t.plugins[1].config)
    assert.same({ batch_span_count = 7, batch_flush_delay = 3 }, t.plugins[2].config)
  end)

  it("has the fields of Redis where versions before 3.6 look for them", function()
    local function limited(policy)
      return { name = "rate-limiting", config = { policy = policy, redis = { host = "h", port = 1, server_name = "s", extra = true } } }
    end
    local redis = { host = "h", password = "p", server_name = "s", username = "u", extra_options = { namespace = "n", scan_count = 9 } }
    local t = { plugins = { limited("redis"), limited("local"), { name = "acme", config = { storage = "redis", storage_config = { redis = redis } } } } }
    assert.is_true(compat.downgrade(t, "3.5.0"))
    assert.same({ policy = "redis", redis_host = "h", redis_port = 1, redis_server_name = "s" }, t.plugins[1].config)
    assert.same(limited("local"), t.plugins[2])
    assert.same({ host = "h", auth = "p", ssl_server_name = "s", namespace = "n", scan_count = 9 }, t.plugins[3].config.storage_config.redis)
  end)

  it("asks unknown AI providers as OpenAI is asked", function()
    local function t()
      return { plugins = {
        { name = "ai-proxy", config = { route_type = "llm/v1/chat", model = { provider = "huggingface", options = { huggingface = {} } } } },
        { name = "ai-proxy", config = { route_type = "llm/v1/chat", model = { provider = "mistral" } } },
        { name = "ai-request-transformer", config = { llm = { route_type = "llm/v1/chat", model = { provider = "gemini" } } } },
      } }
    end
    local new = t()
    compat.downgrade(new, "3.8.0")
    assert.same({ route_type = "preserve", model = { provider = "openai", options = {} } }, new.plugins[1].config)
    assert.same(t().plugins[2], new.plugins[2])
    assert.equal("gemini", new.plugins[3].config.llm.model.provider)
    local older = t()
    compat.downgrade(older, "3.7.0")
    assert.equal("https://api.mistral.ai:443", older.plugins[2].config.model.options.upstream_url)
    assert.same({ route_type = "llm/v1/chat", model = { provider = "openai" } }, older.plugins[3].config.llm)
    local oldest = t()
    compat.downgrade(oldest, "3.6.0")
    assert.equal("llm/v1/chat", oldest.plugins[1].config.route_type)
  end)

  it("changes the fallback format of zipkin's header", function()
    local t = { plugins = { { name = "zipkin", config = { header_type = "aws", default_header_type = "aws" } } } }
    compat.downgrade(t, "3.4.0")
    assert.equal("aws", t.plugins[1].config.default_header_type)
    compat.downgrade(t, "3.3.0")
    assert.same({ header_type = "preserve", default_header_type = "b3" }, t.plugins[1].config)
  end)

  it("has what 3.0 knows", function()
    local t = config()
    compat.downgrade(t, "3.0.0")
    assert.equal("round-robin", t.upstreams[1].algorithm)
    assert.is_nil(t.upstreams[1].use_srv_name)
    assert.is_nil(t.services[1].tls_verify)
    assert.is_nil(t.plugins[1].instance_name)
  end)
end)
