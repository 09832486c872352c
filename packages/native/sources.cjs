// Prints the C++ sources below a folder of this package, one a line: `node sources.cjs FOLDER`.
const { readdirSync } = require('node:fs');
const { join } = require('node:path');

const sources = (folder) =>
  readdirSync(join(__dirname, folder), { recursive: true })
    .filter((file) => file.endsWith('.cc'))
    .sort()
    .map((file) => join(folder, file));

module.exports = sources;
if (require.main === module) console.log(sources(process.argv[2]).join('\n'));
