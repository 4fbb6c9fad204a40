# cmake -DIN=file -DOUT=file.c -P embed_text.cmake: the text of a file as a C string that the executable exports.
file(READ ${IN} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n\"" text "${text}")
file(WRITE ${OUT} "/* Generated from ${IN}. */\n__attribute__((visibility(\"default\"), used)) const char kgw_ffi_api_text[] =\n\"${text}\";\n")
