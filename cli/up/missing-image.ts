import { get } from 'node:http';

/**
 * A line for people when the engine lacks the image of workspaces that name none. An engine that is away is told elsewhere.
 * Asks by itself: the engine's client would stay in a process that has nothing more to do with engines.
 */
export function noteMissingImage(image: string, socketPath: string, note: (line: string) => void): void {
  const path = `/images/${encodeURIComponent(image)}/json`;
  const asked = get({ socketPath, path, agent: false }, answer => {
    answer.resume();
    if (answer.statusCode === 404)
      note(
        `the image of workspaces that name none, ${image}, is not on the engine; \`nexus image\` makes it`,
      );
  });
  asked.on('error', () => {});
}
