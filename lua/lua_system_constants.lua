-- Constants of open(2) as functions, by the names that the library of the same name has.
-- Used by plugins that write files. Values are those of Linux on x86-64 and arm64.
local constants = {}

for name, value in pairs {
  O_RDONLY = 0,
  O_WRONLY = 1,
  O_RDWR = 2,
  O_CREAT = 0x40,
  O_EXCL = 0x80,
  O_TRUNC = 0x200,
  O_APPEND = 0x400,
  O_NONBLOCK = 0x800,
  S_IRWXU = 0x1c0,
  S_IRUSR = 0x100,
  S_IWUSR = 0x80,
  S_IXUSR = 0x40,
  S_IRWXG = 0x38,
  S_IRGRP = 0x20,
  S_IWGRP = 0x10,
  S_IXGRP = 0x8,
  S_IRWXO = 0x7,
  S_IROTH = 0x4,
  S_IWOTH = 0x2,
  S_IXOTH = 0x1,
} do
  constants[name] = function()
    return value
  end
end

return constants
