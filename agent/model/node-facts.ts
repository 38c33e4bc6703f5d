import type { InstanceSpec } from '../driver.ts';
import type { Guest } from '../guest/guest.ts';

/** What is the same for every placement of a node. */
export interface NodeFacts {
  nodeName: string;
  /** Where the engine publishes SSH. */
  sshBind: string;
  /** `ssh-ed25519 AAAA…` of the agent's tunnels. */
  agentKey?: string;
  /** What runs in every instance. */
  boot: Pick<InstanceSpec, 'command' | 'env' | 'tmpfs'>;
  render: Guest['render'];
}
