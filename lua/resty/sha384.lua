-- require "resty.sha384": the digest as an object.
return require("ngx.digest").class("sha384")
