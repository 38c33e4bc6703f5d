import type { Command } from './command.ts';

/** Where each command is. Loaded only when asked for, so that `nexus get` does not pay for `nexus up`. */
export interface CommandEntry {
  describe: string;
  load: () => Promise<Command>;
}

export const COMMANDS: Record<string, CommandEntry> = {
  apply: {
    describe: 'Make objects as declared in files',
    load: async () => (await import('./commands/apply.ts')).apply,
  },
  get: { describe: 'Show objects', load: async () => (await import('./commands/get.ts')).get },
  up: {
    describe: 'Run a server and an agent on this machine',
    load: async () => (await import('./commands/up.ts')).up,
  },
  controller: {
    describe: 'Run the server alone',
    load: async () => (await import('./commands/controller.ts')).controller,
  },
  agent: {
    describe: "Run a node's agent alone",
    load: async () => (await import('./commands/agent.ts')).agent,
  },
  version: { describe: 'Print versions', load: async () => (await import('./commands/version.ts')).version },
};
