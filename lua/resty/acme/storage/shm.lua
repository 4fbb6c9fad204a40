-- require "resty.acme.storage.shm"
return require("resty.acme.storage.adapter").of("shm")
