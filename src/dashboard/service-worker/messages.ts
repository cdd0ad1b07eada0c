// What the page and its service worker have to agree on.

/** Name of the cache of reads; that of the shell is `shell-<version>`. */
export const READS = 'reads'
/** Header of an answer that came from the cache: when it was read, in milliseconds since 1970. */
export const READ_AT = 'x-read-at'
/** From a page to the worker that waits: take over. */
export const TAKE_OVER = 'take-over'
/** From a page to the worker that is active: forget every read, also those under way. It answers through the port that comes along. */
export const FORGET = 'forget'
