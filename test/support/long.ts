/** `npm run test:long`: sizes and numbers of seeds that `npm test` has no time for. */
export const isLong = process.env.TEST_LONG === '1'
