/**
 * Runs a bundled program. Its chunks lie in packs, and a pack is loaded when the first of its chunks is asked for, so that
 * a short command pays for little. `bundle` is what bundle.ts made: the chunk to start with, the pack of each chunk, and
 * what the program says of itself. `host` reads from where the bundle lies: `pack(name)` gives a pack's text, what V8 compiled
 * of it, if that is there, and a name for stack traces; `text(name)` a file's text; and `main` is the file that Node.js was
 * started with, if the program is one.
 */
module.exports = function start(bundle, host) {
  const { getBuiltinModule } = process;
  const { Script } = getBuiltinModule('node:vm');
  const modules = new Map();
  const packs = new Map();
  let files;
  const openPack = name => {
    const { text, cachedData, filename } = host.pack(name);
    const module = {};
    new Script(text, { filename, cachedData }).runInThisContext()(module);
    return module.exports;
  };
  const load = id => {
    const known = modules.get(id);
    if (known) return known.exports;
    const name = bundle.chunks[id];
    if (!packs.has(name)) packs.set(name, openPack(name));
    const module = { exports: {} };
    modules.set(id, module);
    packs.get(name)[id](module, module.exports, require);
    return module.exports;
  };
  const builtin = id => {
    const found = getBuiltinModule(id);
    if (!found) throw Object.assign(new Error(`nexus does not carry ${id}`), { code: 'MODULE_NOT_FOUND' });
    return found;
  };
  const require = id => (id.startsWith('./') ? load(id) : builtin(id));
  globalThis[Symbol.for('nexus.dev/release')] = {
    ...bundle.about,
    main: host.main,
    files: () => {
      files ??= JSON.parse(host.text('files.json'));
      return files;
    },
  };
  load(bundle.start);
};
