{
  "target_defaults": {
    "include_dirs": ["src", "<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": [
      "NAPI_VERSION=8",
      "NODE_ADDON_API_DISABLE_DEPRECATED",
      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
    ],
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17"],
    "cflags_cc": [
      "-std=c++17",
      "-O3",
      "-fPIC",
      "-fvisibility=hidden",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-Wno-cast-function-type",
      "-Wno-psabi",
      "-ffp-contract=off",
      "-fno-math-errno",
      "-fno-trapping-math"
    ],
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "GCC_ENABLE_CPP_RTTI": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "GCC_TREAT_WARNINGS_AS_ERRORS": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "12.0",
      "OTHER_CPLUSPLUSFLAGS": [
        "-fvisibility=hidden",
        "-ffp-contract=off",
        "-fno-math-errno",
        "-fno-trapping-math"
      ]
    }
  }
}
