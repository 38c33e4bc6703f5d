/** Starts the bundle that lies in this executable. */
const sea = process.getBuiltinModule('node:sea');
const { Script } = process.getBuiltinModule('node:vm');
start(BUNDLE, {
  pack(name) {
    const cachedData = BUNDLE.isCached ? Buffer.from(sea.getRawAsset(`${name}.cache`)) : undefined;
    const script = new Script(sea.getAsset(`${name}.cjs`, 'utf8'), { filename: `nexus:${name}`, cachedData });
    const module = {};
    script.runInThisContext()(module);
    return module.exports;
  },
  text: name => sea.getAsset(name, 'utf8'),
});
