import type { LoadCommand } from '../command.ts';

/** `nexus workspace …`, in the order of the help. What is a command by itself is the same one here. */
export const WORKSPACE_VERBS: Record<string, LoadCommand> = {
  create: async () => (await import('./create.ts')).create,
  list: async () => (await import('./list.ts')).list,
  status: async () => (await import('./status.ts')).status,
  connect: async () => (await import('./connect.ts')).connect,
  services: async () => (await import('./services.ts')).services,
  sync: async () => (await import('./sync.ts')).sync,
  open: async () => (await import('./open.ts')).open,
  start: async () => (await import('../commands/power.ts')).start,
  stop: async () => (await import('../commands/power.ts')).stop,
  restart: async () => (await import('../commands/power.ts')).restart,
  delete: async () => (await import('./delete.ts')).remove,
  logs: async () => (await import('../commands/logs.ts')).logs,
  exec: async () => (await import('../commands/exec.ts')).exec,
  ssh: async () => (await import('../commands/ssh.ts')).ssh,
};
