{
  # Sources are found by folder, so that adding a file needs no edit here. Everything but the addon's entry is a static
  # library, of which the addon and the emulator link what they use. A file named *_avx2.cc, *_avx512.cc,
  # *_avx512bf16.cc or *_amx.cc is compiled with that instruction set and entered only after a CPUID check.
  'variables': {
    'has_emulator': "<!(node -p \"+require('fs').existsSync('emulator')\")",
    'avx512_flags': ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx2', '-mfma', '-mf16c'],
    'amx_flags': [
      '<@(avx512_flags)', '-mprefer-vector-width=512', '-fPIC',
      "<!@(node -p \"require('./sources.cjs')('known', '-mavx512bf16', '-mamx-tile', '-mamx-bf16', '-mamx-fp16')\")",
    ],
  },
  'target_defaults': {
    'include_dirs': ['src', "<!(node -p \"require('node-addon-api').include_dir\")"],
    # Where a thread is ending, an error can no longer be thrown into its JavaScript: without the third, that aborts the
    # process.
    'defines': [
      'NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_DEPRECATED', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    ],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17'],
    'cflags_cc': ['-std=c++17', '-O3', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror', '-Wno-cast-function-type', '-Wno-psabi', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'],
    'xcode_settings': {
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_ENABLE_CPP_RTTI': 'YES',
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'GCC_TREAT_WARNINGS_AS_ERRORS': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '12.0',
      'OTHER_CPLUSPLUSFLAGS': ['-fvisibility=hidden', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'],
    },
  },
  'targets': [
    {
      'target_name': 'mayfly',
      'sources': ['src/addon.cc'],
      'dependencies': ['mayfly_base'],
      'conditions': [["target_arch=='x64'", { 'dependencies': ['mayfly_amx'] }]],
    },
    {
      'target_name': 'mayfly_base',
      'type': 'static_library',
      'sources': ["<!@(node -p \"require('./sources.cjs')('sources', 'base')\")"],
      'cflags_cc': ['-fPIC'],
      'conditions': [
        ["target_arch=='x64'", { 'dependencies': ['mayfly_avx2', 'mayfly_avx512', 'mayfly_avx512bf16'] }],
      ],
    },
  ],
  'conditions': [
    # The stand-in for Apple's frameworks that the tests run against: in the repository, not in the package.
    ["OS=='linux' and has_emulator==1", {
      'targets': [
        {
          'target_name': 'ane_emulator',
          'type': 'loadable_module',
          'include_dirs': ['emulator'],
          'sources': ["<!@(node -p \"require('./sources.cjs')('emulator', 'ane')\")"],
          'dependencies': ['mayfly_base'],
          'conditions': [["target_arch=='x64'", { 'dependencies': ['mayfly_amx'] }]],
        },
      ],
    }],
    # The addon on a processor with a model of Intel's tiles, for tests on those without.
    ["OS=='linux' and target_arch=='x64' and has_emulator==1", {
      'targets': [
        {
          'target_name': 'mayfly_tiles',
          'type': 'loadable_module',
          'sources': ['src/addon.cc'],
          'dependencies': ['mayfly_base', 'mayfly_amx_model'],
        },
        {
          'target_name': 'mayfly_amx_model',
          'type': 'static_library',
          'include_dirs': ['emulator/tiles'],
          'defines': ['MAYFLY_TILE_MODEL'],
          'sources': ["<!@(node -p \"require('./sources.cjs')('emulator', 'tiles')\")", 'src/math/gemm/gemm_amx.cc'],
          'cflags_cc': ['<@(amx_flags)'],
        },
      ],
    }],
    ["target_arch=='x64'", {
      'targets': [
        {
          'target_name': 'mayfly_avx2',
          'type': 'static_library',
          'sources': ["<!@(node -p \"require('./sources.cjs')('sources', 'avx2')\")"],
          'cflags_cc': ['-mavx2', '-mfma', '-mf16c', '-fPIC'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['-mavx2', '-mfma', '-mf16c'] },
        },
        {
          'target_name': 'mayfly_avx512',
          'type': 'static_library',
          'sources': ["<!@(node -p \"require('./sources.cjs')('sources', 'avx512')\")"],
          'cflags_cc': ['<@(avx512_flags)', '-mprefer-vector-width=512', '-fPIC'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(avx512_flags)'] },
        },
        {
          'target_name': 'mayfly_avx512bf16',
          'type': 'static_library',
          'sources': ["<!@(node -p \"require('./sources.cjs')('sources', 'avx512bf16')\")"],
          'cflags_cc': [
            '<@(avx512_flags)', '-mprefer-vector-width=512', '-fPIC',
            "<!@(node -p \"require('./sources.cjs')('known', '-mavx512bf16')\")",
          ],
        },
        {
          'target_name': 'mayfly_amx',
          'type': 'static_library',
          'sources': ["<!@(node -p \"require('./sources.cjs')('sources', 'amx')\")"],
          'cflags_cc': ['<@(amx_flags)'],
        },
      ],
    }],
  ],
}
