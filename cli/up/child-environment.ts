import type { Io } from '../command.ts';

/** The environment of server and agent: those that log to a terminal write lines for people, unless told otherwise. */
export function childEnvironment({ env, stderr }: Pick<Io, 'env' | 'stderr'>, home: string): Io['env'] {
  const logFormat = env.NEXUS_LOG_FORMAT ?? (stderr.isTTY ? 'pretty' : undefined);
  return { ...env, NEXUS_HOME: home, ...(logFormat !== undefined && { NEXUS_LOG_FORMAT: logFormat }) };
}
