/** Starts the bundle that lies in a folder beside this file. */
const { join } = process.getBuiltinModule('node:path');
const { readFileSync } = process.getBuiltinModule('node:fs');
const file = name => join(__dirname, BUNDLE.folder, name);
start(BUNDLE, {
  main: __filename,
  pack: name => ({
    text: readFileSync(file(`${name}.cjs`), 'latin1'),
    cachedData: BUNDLE.isCached ? readFileSync(file(`${name}.cache`)) : undefined,
    filename: file(`${name}.cjs`),
  }),
  text: name => readFileSync(file(name), 'utf8'),
});
