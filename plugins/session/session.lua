-- Sessions by the module name that code around the session plugin requires.
return require "resty.session"
