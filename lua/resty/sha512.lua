-- require "resty.sha512": the digest as an object.
return require("ngx.digest").class("sha512")
