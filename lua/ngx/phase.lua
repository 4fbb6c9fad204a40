-- ngx.get_phase().
local base = require "ngx.base"

local cur = base.cur

local PHASES = {
  [0x1] = "init",
  [0x2] = "init_worker",
  [0x4] = "ssl_cert",
  [0x8] = "ssl_client_hello",
  [0x10] = "rewrite",
  [0x20] = "access",
  [0x40] = "balancer",
  [0x80] = "access", -- Kong runs `response` handlers inside its access phase
  [0x100] = "header_filter",
  [0x200] = "body_filter",
  [0x400] = "log",
  [0x800] = "timer",
  [0x1000] = "content",
  [0x2000] = "content",
  [0x4000] = "exit_worker",
}

local Phase = {}


function Phase.get_phase()
  return PHASES[cur.phase]
end


function Phase.get_raw_phase()
  return cur.phase
end


return Phase
