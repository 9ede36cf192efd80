// Preloaded into the process of each test file: what a failed test leaves open (a server, a client, a thread) would keep it, and all of `npm test`, for ever.
// A minute after its last test it says what that is, and ends.
import { relative } from 'node:path'
import { afterEach, beforeEach } from 'node:test'
import { isMainThread } from 'node:worker_threads'

const QUIET_MS = 60_000
const file = process.argv[1] ?? ''

// Flags are inherited by threads and by other programs that a test starts, which have no tests: the runner's own handlers would take their errors for its.
if (isMainThread && file.endsWith('.test.ts')) {
  let running = 0
  let end: NodeJS.Timeout | undefined
  beforeEach(() => {
    running++
    clearTimeout(end)
  })
  afterEach(() => {
    if (--running === 0) end = setTimeout(giveUp, QUIET_MS).unref()
  })
}

function giveUp(): void {
  const open = process.getActiveResourcesInfo().filter((resource) => resource !== 'Timeout')
  console.error(`${relative('.', file)}: its tests are over, and it does not end, as it still has ${open.join(', ')}`)
  process.exit(1)
}
