// `npm start` and its relatives: builds when needed, then becomes the built program.
import { build } from './build.mjs'

await build()
await import('../dist/main.js')
