/** What piscina, tinypool and jest-worker call. */
export const echo = <T>(message: T): T => message;
export default echo;
