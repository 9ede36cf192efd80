// A savepoint that is written without a job, interrupted or refused at every operation of the disk: it is whole, or it is none.
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { describe, it } from 'node:test'
import { MillraceError, type Disk } from '@millrace/core'
import { openSavepoint, writeSavepoint, type SnapshotItem, type StateEntry } from '@millrace/engine'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { interceptDisk, never } from './crashing-disk.ts'

const TO = '/savepoints/mine'
const KEYS = 40
const items: readonly SnapshotItem[] = [
  { kind: 'operator', operator: 'count', operatorKind: 'keyed-process', name: 'count', maxParallelism: 8, parallelism: 2, states: [] },
  ...Array.from({ length: KEYS }, (_, n): StateEntry => ({ operator: 'count', kind: 'value', state: 'n', key: n, value: 'x'.repeat(50) })),
]

async function machine(seed: number): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
  await disk.makeDirectory(tmpdir())
  return disk
}

/** With so little memory that entries wait in a file. */
async function write(disk: Disk): Promise<void> {
  await writeSavepoint(TO, { items, disk, random: new SeededRandom(1), memoryBytesMax: 1_000 })
}

/** Answers whether it is there; what is there is whole. */
async function isThere(disk: Disk): Promise<boolean> {
  try {
    let count = 0
    for await (const _ of (await openSavepoint(TO, { disk })).entries()) count++
    assert.equal(count, KEYS)
    return true
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'CHECKPOINT_NOT_FOUND') return false
    throw error
  }
}

void describe('a savepoint that is written without a job', () => {
  for (const how of ['kill', 'crash'] as const) {
    it(`is whole or none after a ${how} at any operation of the disk`, async () => {
      for (let crashAt = 0, came = true; came; crashAt++) {
        const disk = await machine(crashAt + 1)
        let count = 0
        const crashed = Promise.withResolvers<true>()
        const crashing = interceptDisk(disk.attach(), (_call, perform) => {
          if (count++ !== crashAt) return perform()
          void perform().catch(() => {})
          if (how === 'kill') disk.kill()
          else disk.crash()
          crashed.resolve(true)
          return never
        })
        came = await Promise.race([crashed.promise, write(crashing).then(() => false)])
        if (!came) disk.crash()
        const found = await isThere(disk.attach())
        if (!came) assert.ok(found && crashAt > 20, `${crashAt} operations`)
      }
    })
  }

  for (const [reason, code] of [
    ['no-space', 'CHECKPOINT_STORAGE_FULL'],
    ['not-permitted', 'CHECKPOINT_STORAGE_NOT_WRITABLE'],
    ['input-output', 'CHECKPOINT_STORAGE_FAILED'],
  ] as const) {
    it(`says ${code} where the disk answers ${reason}, and leaves nothing open and nothing that is taken for whole`, async () => {
      let failures = 0
      for (let skip = 0; ; skip++) {
        const disk = await machine(skip + 1)
        const heal = disk.fail({ operations: ['open', 'write', 'sync', 'rename', 'makeDirectory'], reason, skip, times: 1 })
        let failed: unknown
        await write(disk).catch((error: unknown) => (failed = error))
        heal()
        assert.equal(disk.openHandles, 0)
        if (failed === undefined) break
        failures++
        assert.ok(failed instanceof MillraceError)
        assert.equal(failed.code, code)
        assert.equal(await isThere(disk), false)
        // What was left is no obstacle: the same place can be written to again.
        await write(disk)
        assert.equal(await isThere(disk), true)
      }
      assert.ok(failures > 10, `${failures} failures`)
    })
  }
})
