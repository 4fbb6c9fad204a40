-- require "resty.sha256": the digest as an object.
return require("ngx.digest").class("sha256")
