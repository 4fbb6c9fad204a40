-- The global `ngx`. Requiring this module installs it, the coroutine library that can wait, and print; idempotent.
local base = require "ngx.base"
require "ngx.types"
local Coroutine = require "ngx.coroutine"
local args = require "ngx.args"
local body = require "ngx.request_body"
local control = require "ngx.control"
local ctx = require "ngx.ctx"
local encode = require "ngx.encode"
local header = require "ngx.header"
local log = require "ngx.log"
local output = require "ngx.output"
local phase = require "ngx.phase"
local request = require "ngx.request"
local shdict = require "ngx.shdict"
local thread = require "ngx.thread"
local time = require "ngx.time"
local timer = require "ngx.timer"
local var = require "ngx.var"
local worker = require "ngx.worker"

local get_ctx, set_ctx = ctx.get, ctx.set
local get_status, set_status = header.status, header.set_status
local headers_sent = header.headers_sent
local cur = base.cur
local rawset = rawset

local ngx = {
  null = require("cjson").null,
  arg = output.arg,
  config = worker.config,
  header = header.table,
  shared = shdict.shared,
  var = var.table,
  cookie_time = time.cookie_time,
  crc32_long = encode.crc32,
  crc32_short = encode.crc32,
  decode_args = args.decode_args,
  decode_base64 = encode.decode_base64,
  encode_args = args.encode_args,
  encode_base64 = encode.encode_base64,
  eof = output.eof,
  escape_uri = encode.escape_uri,
  exec = control.exec,
  exit = control.exit,
  flush = output.flush,
  get_phase = phase.get_phase,
  get_raw_phase = phase.get_raw_phase,
  hmac_sha1 = encode.hmac_sha1,
  http_time = time.http_time,
  localtime = time.localtime,
  log = log.log,
  md5 = encode.md5,
  md5_bin = encode.md5_bin,
  now = time.now,
  on_abort = control.on_abort,
  parse_http_time = time.parse_http_time,
  print = output.print,
  quote_sql_str = encode.quote_sql_str,
  redirect = control.redirect,
  run_worker_thread = worker.run_worker_thread,
  say = output.say,
  send_headers = output.send_headers,
  sha1_bin = encode.sha1_bin,
  sleep = time.sleep,
  time = time.time,
  today = time.today,
  unescape_uri = encode.unescape_uri,
  update_time = time.update_time,
  utctime = time.utctime,
  location = { capture = control.capture, capture_multi = control.capture_multi },
  req = {
    append_body = body.append_body,
    clear_header = request.clear_header,
    discard_body = body.discard_body,
    finish_body = body.finish_body,
    get_body_data = body.get_body_data,
    get_body_file = body.get_body_file,
    get_headers = request.get_headers,
    get_method = request.get_method,
    get_post_args = body.get_post_args,
    get_uri_args = request.get_uri_args,
    http_version = request.http_version,
    init_body = body.init_body,
    is_internal = request.is_internal,
    raw_header = request.raw_header,
    read_body = body.read_body,
    set_body_data = body.set_body_data,
    set_body_file = body.set_body_file,
    set_header = request.set_header,
    set_method = request.set_method,
    set_uri = request.set_uri,
    set_uri_args = request.set_uri_args,
    start_time = request.start_time,
  },
  resp = { get_headers = header.get_headers },
  thread = { spawn = thread.spawn, wait = thread.wait, kill = thread.kill },
  timer = { at = timer.at, every = timer.every, pending_count = timer.pending_count, running_count = timer.running_count },
  worker = { count = worker.count, exiting = worker.exiting, id = worker.id, pid = worker.pid, pids = worker.pids },
}

require("ngx.constants").install(ngx)
require("ngx.socket_init").install(ngx)

setmetatable(ngx, {
  __index = function(_, key)
    if key == "ctx" then
      return get_ctx()
    elseif key == "status" then
      return get_status()
    elseif key == "headers_sent" then
      return headers_sent()
    elseif key == "is_subrequest" then
      if cur.req == nil then
        base.check_request()
      end
      return false
    end
    return nil
  end,
  __newindex = function(t, key, value)
    if key == "ctx" then
      set_ctx(value)
    elseif key == "status" then
      set_status(value)
    else
      rawset(t, key, value)
    end
  end,
})

-- The engine has `ngx` as a global; modules may also require it by name.
_G.ngx = ngx
_G.print = log.print
Coroutine.install()
require("ngx.compat").install()

return ngx
