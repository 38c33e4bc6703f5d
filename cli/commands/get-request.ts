import type { Client } from '../../controller/client/client.ts';
import type { Format } from '../output/format.ts';
import type { Selection } from '../selections.ts';
import type { GetFlags } from './get-flags.ts';

/** What `nexus get` was asked for. */
export interface GetRequest {
  wanted: Selection[];
  format: Format;
  flags: GetFlags;
  /** Absent: all. */
  namespace: string | undefined;
  client: Client;
}
