-- The JSON module under the name and with the contract that plugins know it by. As in Kong, text keeps its slashes and
-- arrays may have holes.
local cjson = require("kgw.json").new()

cjson.encode_escape_forward_slash(false)
cjson.encode_sparse_array(nil, nil, 2 ^ 15)

return cjson
