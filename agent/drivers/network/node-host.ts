/** What instances call the node they run on. */
export const NODE_HOST = 'node.nexus.internal';
