-- As cjson, with nil and a message where cjson raises; numbers have 16 digits.
local cjson = require("kgw.json").new_safe()

cjson.encode_escape_forward_slash(false)
cjson.encode_sparse_array(nil, nil, 2 ^ 15)
cjson.encode_number_precision(16)

return cjson
