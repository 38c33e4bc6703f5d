import type { Reason } from '../../crds/vocabulary.ts';

/** Something that happened, to be told in an Event on the Placement. */
export interface Notice {
  type: 'Normal' | 'Warning';
  reason: Reason;
  message: string;
}

export const normal = (reason: Reason, message: string): Notice => ({ type: 'Normal', reason, message });
export const warning = (reason: Reason, message: string): Notice => ({ type: 'Warning', reason, message });
