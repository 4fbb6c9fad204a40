-- require "resty.sha224": the digest as an object.
return require("resty.evp").class("sha224")
