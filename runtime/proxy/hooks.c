/* The hook table itself. */
#include "proxy/hooks.h"

kgw_hooks_t kgw_hooks;
unsigned kgw_lua_depth;
unsigned kgw_hooked_phases;
