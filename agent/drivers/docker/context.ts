import type Docker from 'dockerode';
import type { BoundedMap } from '../../../controller/kit/bounded-map.ts';
import type { Clock } from '../../../controller/kit/clock.ts';
import type { Logger } from '../../../controller/kit/log.ts';
import type { Endings } from '../process-tree.ts';
import type { EngineFacts } from './engine-facts.ts';

/** What every part of the driver is given. */
export interface DockerContext {
  docker: Docker;
  node: string;
  /** TCP ports of the node that instances may reach, at the name node.nexus.internal. */
  allowHostPorts: readonly number[];
  clock: Clock;
  log: Logger;
  endings: Endings;
  /** Folders that files need and an image lacks, by image and paths. */
  missingDirs: BoundedMap<string, string[]>;
  /** Read once and kept; read again after the engine was away. */
  facts(): Promise<EngineFacts>;
}

/** Label of containers that live for a moment to look into an image; value: the node. Never listed as instances. */
export const LABEL_HELPER = 'nexus.dev/helper';

/** An instance bears this after its name until its files are in it; the rename makes it whole. */
export const UNFINISHED_SUFFIX = '.unfinished';
