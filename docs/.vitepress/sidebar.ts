/** The pages of the site, by the reader's job. A page that is missing here, or an entry without a page, fails `npm run docs`. */
export const sidebar = [
  {
    text: 'Start',
    items: [
      { text: 'Installation', link: '/start/install' },
      { text: 'Quick start on Linux', link: '/start/linux' },
      { text: 'Quick start on a Mac', link: '/start/mac' },
    ],
  },
  {
    text: 'Guides',
    items: [
      { text: 'Train from scratch', link: '/guides/train-from-scratch' },
      { text: 'Continue a run', link: '/guides/continue' },
      { text: 'Fine-tune', link: '/guides/fine-tune' },
      { text: 'Generate text', link: '/guides/generate' },
      { text: 'Evaluate', link: '/guides/evaluate' },
      { text: 'Sweep over options', link: '/guides/sweep' },
      { text: 'Export', link: '/guides/export' },
      { text: 'Run for days', link: '/guides/run-for-days' },
      { text: 'Watch a run', link: '/guides/watch' },
      { text: 'Several Macs', link: '/guides/several-macs' },
      { text: 'A Linux cluster', link: '/guides/cluster' },
    ],
  },
  {
    text: 'The pool',
    items: [
      { text: 'Your first program', link: '/pool/first-program' },
      { text: 'The pool alone', link: '/pool/' },
      { text: 'A pool in a server', link: '/pool/server' },
      { text: 'MIL programs', link: '/pool/mil' },
      { text: 'Observing a pool', link: '/pool/observe' },
    ],
  },
  {
    text: 'In depth',
    collapsed: true,
    items: [
      { text: 'Training', link: '/topics/training' },
      { text: 'Data', link: '/topics/data' },
      { text: 'Models and tokenizers', link: '/topics/models' },
      { text: 'Runs and checkpoints', link: '/topics/runs' },
      { text: 'LoRA', link: '/topics/lora' },
      { text: 'Generation', link: '/topics/generation' },
      { text: 'Export formats', link: '/topics/export' },
      { text: 'Layers of your own', link: '/topics/layers' },
      { text: 'Variants', link: '/topics/variants' },
    ],
  },
  {
    text: 'How it works',
    collapsed: true,
    items: [
      { text: 'A worker in one picture', link: '/internals/' },
      { text: 'The life of a worker', link: '/internals/lifecycle' },
      { text: 'The ranks of a run', link: '/internals/collective' },
      { text: 'The Neural Engine', link: '/internals/ane' },
      { text: 'The simulator and plan', link: '/internals/simulator' },
      { text: 'The wire', link: '/internals/protocol' },
      { text: "The pool's structure", link: '/internals/structures' },
    ],
  },
  {
    text: 'Reference',
    items: [
      { text: 'Commands', link: '/reference/commands' },
      { text: 'Output, signals, exit codes', link: '/reference/command-line' },
      { text: 'API', link: '/reference/api/' },
      { text: 'Channels', link: '/reference/channels' },
      { text: 'Errors', link: '/reference/errors' },
      { text: 'doctor and bench', link: '/reference/doctor' },
      { text: 'lint', link: '/reference/lint' },
      { text: 'File formats', link: '/reference/formats' },
      { text: 'Support matrix', link: '/reference/support' },
      { text: 'Glossary', link: '/reference/glossary' },
    ],
  },
  {
    text: 'Help',
    items: [{ text: 'Troubleshooting', link: '/troubleshooting' }],
  },
  {
    text: 'Benchmarks',
    collapsed: true,
    items: [
      { text: 'The pool', link: '/benchmarks' },
      { text: 'Training on a CPU', link: '/performance' },
    ],
  },
  {
    text: 'Project',
    collapsed: true,
    items: [
      { text: 'Changes', link: '/changelog' },
      { text: 'Log', link: '/log' },
      { text: 'Contributing', link: '/contributing' },
    ],
  },
];
