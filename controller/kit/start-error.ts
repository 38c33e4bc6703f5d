/** Why a server or an agent cannot start as things are here. The message says what helps; nothing in the program is wrong. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
  }
}
