/**
 * For the diagnosis of a file whose time is up, in place of the names of listeners that tap prints: what it waits for, and
 * what keeps its process open, a line each.
 */

/**
 * What is waited for at this moment, as it is told: see until.ts.
 * @type {Set<() => string>}
 */
export const waits = new Set();

/**
 * @param {any[]} handles of Node.js
 * @returns {string[]}
 */
export function openHandles(handles) {
  const lines = [...waits, ...handles.map(handle => () => lineOf(handle))].map(told);
  const counts = Map.groupBy(
    lines.filter(line => line !== undefined),
    line => line,
  );
  return [...counts].map(([line, { length }]) => (length > 1 ? `${line} (${length})` : line));
}

/** @param {() => string | undefined} tell */
function told(tell) {
  try {
    return tell();
  } catch (error) {
    return `(${error})`;
  }
}

/** @param {any} handle */
function lineOf(handle) {
  const { spawnargs, pid, fd, _httpMessage: message } = handle;
  // The process's own input and output.
  if (fd >= 0 && fd <= 2) return undefined;
  if (spawnargs) return `process ${pid}: ${spawnargs.join(' ').slice(0, 200)}`;
  // Node.js's own note of what a connection is at.
  if (message?.req) return `answers ${message.req.method} ${message.req.url}`;
  if (message) return `waits for the answer to ${message.method} ${message.path}`;
  if (handle.listening) return `listens on ${JSON.stringify(handle.address())}`;
  return handle.constructor.name;
}
