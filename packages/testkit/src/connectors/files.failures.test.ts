import { equal, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { files } from '@millrace/engine'
import { SimulatedMachine } from './machine.ts'
import { SourceHost, type SourceSnapshot } from './source-host.ts'

const LINES = Array.from({ length: 40 }, (_, line) => `line ${line}\n`).join('')
const QUIET_MS = 2_000
const OPERATIONS_MAX = 500

async function put(machine: SimulatedMachine, name: string, content: string): Promise<void> {
  await machine.disk.makeDirectory('/data')
  const handle = await machine.disk.open(`/data/${name}`, 'write')
  await handle.write(Buffer.from(content), 0)
  await handle.close()
}

/** Follows the file until it has failed, or nothing comes any more. */
async function follow(machine: SimulatedMachine, from: SourceSnapshot | undefined): Promise<{ snapshot: SourceSnapshot; failed: boolean }> {
  const host = new SourceHost(files({ path: '/data/log', follow: true }), machine, machine.boot(), 1)
  let failed = false
  try {
    await host.start(from)
    const endMs = machine.clock.monotonic() + QUIET_MS
    while (machine.clock.monotonic() < endMs) {
      const hasPolled = host.step(0)
      host.check()
      if (!hasPolled) await machine.turn()
    }
  } catch {
    failed = true
  }
  const snapshot = host.snapshot()
  await host.close()
  return { snapshot, failed }
}

const changes: { readonly [what: string]: (machine: SimulatedMachine) => Promise<void> } = {
  grew: (machine) => put(machine, 'log', `${LINES}more\n`),
  'was renamed, and another is in its place': async (machine) => {
    await machine.disk.rename('/data/log', '/data/log.1')
    await put(machine, 'log', 'new\n')
  },
  'was copied and truncated': async (machine) => {
    await put(machine, 'log.1', `${LINES}before it was copied\n`)
    await put(machine, 'log', 'new\n')
  },
}

describe('a file that is followed, restored after it', () => {
  for (const [what, change] of Object.entries(changes)) {
    it(`${what}: whatever call of the disk fails, no file is left open`, async () => {
      let failures = 0
      for (let skip = 0; ; skip++) {
        ok(skip < OPERATIONS_MAX, 'there is no end to it')
        const machine = new SimulatedMachine(1)
        await machine.run(put(machine, 'log', LINES))
        const { snapshot } = await follow(machine, undefined)
        await machine.run(change(machine))
        const before = machine.disk.operationCount
        machine.disk.fail({ operations: ['open', 'read', 'stat', 'list'], reason: 'input-output', skip, times: 1 })
        const { failed } = await follow(machine, snapshot)
        equal(machine.disk.openHandles, 0, `with call ${skip} failing`)
        if (failed) failures++
        if (skip > machine.disk.operationCount - before) break
      }
      ok(failures >= 5, `${failures} failures`)
    })
  }
})
