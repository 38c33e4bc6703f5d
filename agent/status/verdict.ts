import type { ConditionType, Reason } from '../../crds/vocabulary.ts';

/** One condition as it is found, before times and generation are put on it. */
export interface Verdict {
  status: 'True' | 'False' | 'Unknown';
  reason: Reason;
  message: string;
}

export type PlacementCondition = Extract<
  ConditionType,
  'ImageReady' | 'ContainerReady' | 'RepositoryReady' | 'SSHReady' | 'ServicesReady' | 'PortsReady' | 'Ready'
>;

export const yes = (reason: Reason, message: string): Verdict => ({ status: 'True', reason, message });
export const no = (reason: Reason, message: string): Verdict => ({ status: 'False', reason, message });
export const unknown = (reason: Reason, message: string): Verdict => ({ status: 'Unknown', reason, message });

export const STOPPED = no('Stopped', 'The workspace is stopped, as declared.');
export const FENCED = no(
  'Fenced',
  'The node reached no server for too long; it goes on when the server has said that the workspace is still here.',
);
export const DELETING = no('Deleting', 'The workspace is being removed.');
