local meta = require "kong.meta"
return { PRIORITY = 1705, VERSION = meta.version }
