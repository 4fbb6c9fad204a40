local cgroup = require "kong.conf.cgroup"
local posix = require "kgw.posix"


local function fake(files)
  local root = os.tmpname()
  os.remove(root)
  for path, text in pairs(files) do
    posix.mkdirs(root .. path:match("^(.*)/"))
    posix.write_file(root .. path, text)
  end
  finally(function()
    os.execute("rm -rf " .. root)
  end)
  return root
end


describe("the number of workers", function()
  it("is the quota of cgroup v2 rounded up", function()
    local root = fake { ["/proc/self/cgroup"] = "0::/\n", ["/sys/fs/cgroup/cpu.max"] = "25000 100000\n" }
    assert.are.equal(0.25, cgroup.quota(root))
    assert.are.equal(1, cgroup.workers(root))
  end)

  it("takes the smallest quota on the way up", function()
    local root = fake {
      ["/proc/self/cgroup"] = "0::/a/b\n", ["/sys/fs/cgroup/a/b/cpu.max"] = "max 100000\n",
      ["/sys/fs/cgroup/a/cpu.max"] = "150000 100000\n",
    }
    assert.are.equal(1.5, cgroup.quota(root))
  end)

  it("is the quota of cgroup v1", function()
    local root = fake {
      ["/proc/self/cgroup"] = "4:cpu,cpuacct:/t\n", ["/sys/fs/cgroup/cpu/t/cpu.cfs_quota_us"] = "50000\n",
      ["/sys/fs/cgroup/cpu/t/cpu.cfs_period_us"] = "100000\n",
    }
    assert.are.equal(0.5, cgroup.quota(root))
  end)

  it("is the processors when there is no quota", function()
    local root = fake { ["/proc/self/cgroup"] = "0::/\n", ["/sys/fs/cgroup/cpu.max"] = "max 100000\n" }
    assert.is_nil(cgroup.quota(root))
    assert.is_true(cgroup.workers(root) >= 1)
  end)
end)
