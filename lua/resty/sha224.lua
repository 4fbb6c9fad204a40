-- require "resty.sha224": the digest as an object.
return require("ngx.digest").class("sha224")
