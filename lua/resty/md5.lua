-- require "resty.md5": the digest as an object.
return require("resty.evp").class("md5")
