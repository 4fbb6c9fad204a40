-- WebAssembly filters by the module name that plugins written for Kong require: this gateway runs none.
local wasm = {
  filters = {},
  filters_by_name = {},
  filter_names = {},
  filter_meta = {},
}


function wasm.enabled()
  return false
end


-- nil, why.
function wasm.status()
  return nil, "wasm is not enabled"
end


function wasm.metrics_data()
end


function wasm.init()
  return true
end


return wasm
