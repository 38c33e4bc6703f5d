import type { Logger } from '../../controller/kit/log.ts';
import { createLogger } from '../../controller/kit/logger.ts';

/** The real logger, with its lines in an array. */
export function recordingLogger(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', destination: { write: line => void lines.push(line.trim()) } });
  return { log, lines };
}
