// Loaded before the program: ends it when its standard input does. Then nobody is left of those who started it, whatever ended them.
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  process.stdin.resume().on('close', () => process.kill(process.pid, 'SIGTERM'))
  // A program that has nothing more to do ends by itself.
  process.stdin.unref()
}
