import { makeServiceDir, startGuarded } from './guarded-process.js'

// A process of its own for services.test.ts: has a service of two processes kept for it, says where, and waits.
const dir = makeServiceDir('guard')
const { pid } = await startGuarded({ steps: [['/bin/sh', '-c', 'sleep 600 & echo $! > child; wait']], dir, stopSignal: 'SIGTERM' })
console.log(JSON.stringify({ pid, dir }))
setInterval(() => undefined, 60_000)
