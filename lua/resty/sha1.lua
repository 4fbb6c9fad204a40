-- require "resty.sha1": the digest as an object.
return require("ngx.digest").class("sha1")
