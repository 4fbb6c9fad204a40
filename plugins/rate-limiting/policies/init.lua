-- Where the counters of rate-limiting live, by the name of the `policy` setting. Each policy has
--   take(conf, plan, identifier, now) -> usages, stop | nil, nil, err
--     counts one request unless a window is exhausted. plan: {n =, periods = {...}, limits = {...}};
--     now: seconds; usages: per window before this request; stop: index of an exhausted window, then nothing
--     was counted.
--   usage(conf, identifier, period, now_ms) -> number | nil, err
--   increment(conf, {period = limit}, identifier, now_ms, value) -> true | nil, err
return {
  ["local"] = require "kong.plugins.rate-limiting.policies.local",
  redis = require "kong.plugins.rate-limiting.policies.redis",
}
