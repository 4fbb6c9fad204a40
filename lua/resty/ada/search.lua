-- require "resty.ada.search": single arguments of a query string, by the interface of lua-resty-ada.
local form = require "kong.pdk.private.form"

return { remove = form.remove }
