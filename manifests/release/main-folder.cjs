/** Starts the bundle that lies in a folder beside this file. */
const { join } = process.getBuiltinModule('node:path');
start(BUNDLE, {
  main: __filename,
  pack: name => require(join(__dirname, BUNDLE.folder, `${name}.cjs`)),
  text: name =>
    process.getBuiltinModule('node:fs').readFileSync(join(__dirname, BUNDLE.folder, name), 'utf8'),
});
