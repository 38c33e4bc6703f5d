/** Starts the bundle that lies in this executable. */
const sea = process.getBuiltinModule('node:sea');
start(BUNDLE, {
  pack: name => ({
    text: Buffer.from(sea.getRawAsset(`${name}.cjs`)).latin1Slice(),
    cachedData: BUNDLE.isCached ? Buffer.from(sea.getRawAsset(`${name}.cache`)) : undefined,
    filename: `nexus:${name}`,
  }),
  text: name => sea.getAsset(name, 'utf8'),
});
