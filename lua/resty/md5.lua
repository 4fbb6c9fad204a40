-- require "resty.md5": the digest as an object.
return require("ngx.digest").class("md5")
