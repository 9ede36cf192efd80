import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import type { CoordinationSession } from './coordination.ts'
import { EmbeddedCoordination } from './embedded.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

async function state(session: CoordinationSession): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of (await session.children('/'))!) found[name] = Buffer.from((await session.get(`/${name}`))!.bytes).toString()
  return found
}

/** Writes pairs `/left`, `/right` of the same number and one-node counters, until the power fails. */
async function write(session: CoordinationSession, from: number, acknowledged: { pair: number }): Promise<void> {
  for (let number = from; ; number++) {
    const kind = number === 1 ? 'create' : 'set'
    await session.multi([
      { kind, path: '/left', bytes: bytes(String(number)) },
      { kind, path: '/right', bytes: bytes(String(number)) },
    ])
    acknowledged.pair = number
  }
}

void test('nothing acknowledged is lost, and no transaction is half there, wherever the power fails', async () => {
  const counts = { crashes: 0, unacknowledgedKept: 0, unacknowledgedLost: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 2, maxLength: 4 }),
      async (seed, lives) => {
        const clock = new VirtualClock()
        const disk = new SimulatedDisk({ random: new SeededRandom(seed), clock, latencyMs: [1, 2] })
        await clock.run(disk.attach().makeDirectory('/data'))
        await clock.run(disk.attach().syncDirectory('/'))
        const acknowledged = { pair: 0 }
        let lastId = 0
        for (const lifeMs of lives) {
          const opening = EmbeddedCoordination.open({ disk: disk.attach(), folder: '/data', journalSlackBytes: 600 })
          const session = await clock.run(opening.then((coordination) => coordination.connect()))
          const found = await state(session)
          assert.equal(found['left'], found['right'])
          const kept = Number(found['left'] ?? 0)
          assert.ok(kept >= acknowledged.pair, `${kept} is there, ${acknowledged.pair} was acknowledged`)
          assert.ok(kept <= acknowledged.pair + 1, 'what was never asked for is there')
          if (counts.crashes > 0) counts[kept > acknowledged.pair ? 'unacknowledgedKept' : 'unacknowledgedLost']++
          acknowledged.pair = kept
          assert.deepEqual(
            Object.keys(found).filter((name) => name.startsWith('alive')),
            [],
          )
          const alive = await clock.run(session.create('/alive', bytes(''), { ephemeral: true }))
          assert.ok(alive.stat!.creationId > lastId)
          lastId = alive.stat!.creationId
          write(session, kept + 1, acknowledged).catch(() => {})
          await clock.advance(lifeMs)
          disk.crash()
          counts.crashes++
        }
      },
    ),
    { numRuns: 40 },
  )
  assert.ok(counts.unacknowledgedKept > 0 && counts.unacknowledgedLost > 10, JSON.stringify(counts))
})
