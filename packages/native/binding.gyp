{
  # Sources are found by folder, so that adding a file needs no edit here. Everything but the addon's entry is a static
  # library, of which the addon and the stand-ins for tests link the parts that they use. flags.gypi has the compiler's
  # flags, as JSON, which checks/ reads, too; NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS is there because an error can no
  # longer be thrown into the JavaScript of a thread that is ending, and would abort the process.
  'includes': ['flags.gypi'],
  'variables': { 'in_repository': "<!(node -p \"+require('fs').existsSync('emulator')\")" },
  'target_defaults': {
    'conditions': [
      # A user's compiler may know warnings that ours does not.
      ['in_repository==0', {
        'cflags_cc!': ['-Werror'],
        'xcode_settings': { 'GCC_TREAT_WARNINGS_AS_ERRORS': 'NO' },
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'mayfly',
      'sources': ['src/addon.cc'],
      'dependencies': ['mayfly_base'],
    },
    {
      'target_name': 'mayfly_base',
      'type': 'static_library',
      'sources': ['<!@(node sources.cjs src)'],
      'sources!': ['src/addon.cc'],
    },
  ],
  'conditions': [
    # For tests: in the repository, not in the package.
    ["OS=='linux' and in_repository==1", {
      'targets': [
        # Apple's frameworks.
        {
          'target_name': 'ane_emulator',
          'type': 'loadable_module',
          'include_dirs': ['emulator'],
          'sources': ['<!@(node sources.cjs emulator)'],
          'sources/': [['exclude', '^emulator/tiles/']],
          'dependencies': ['mayfly_base'],
        },
      ],
    }],
    ["OS=='linux' and target_arch=='x64' and in_repository==1", {
      'targets': [
        # The addon over a model of Intel's tiles: these two sources take the place of their namesakes in the library.
        {
          'target_name': 'mayfly_tiles',
          'type': 'loadable_module',
          'include_dirs': ['emulator/tiles'],
          'defines': ['MAYFLY_TILE_MODEL'],
          'sources': ['src/addon.cc', 'src/math/gemm/gemm_amx.cc', 'emulator/tiles/tile_support.cc'],
          'dependencies': ['mayfly_base'],
        },
      ],
    }],
  ],
}
