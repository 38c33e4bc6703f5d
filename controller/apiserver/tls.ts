export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
  onRenew?(fn: (material: { key: string; cert: string }) => void): () => void;
}
