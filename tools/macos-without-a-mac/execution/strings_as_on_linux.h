// Included before all else where code for macOS on arm64 is to run over Linux's libc++: gives std::string the layout of
// that library.
#pragma once

#include <__config>
#undef _LIBCPP_ABI_ALTERNATE_STRING_LAYOUT
