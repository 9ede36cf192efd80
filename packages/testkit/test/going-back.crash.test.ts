// The power fails while a job is about to go back behind its newest checkpoints.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { DIR, metadataOf, restoreLatest } from './checkpoint-history.ts'
import { interceptDisk, never, type DiskCall } from './crashing-disk.ts'

const NEWEST = 4
const OLDER = 1

interface Trial {
  readonly seed: number
  /** The call during which it fails; beyond the last one: afterwards. */
  readonly crashAt: number
  /** Syncs that only pretend. */
  readonly omit?: (call: DiskCall) => boolean
}

/** Answers whether the job had gone back, and what is the latest after the power is back. */
async function latestAfter({ seed, crashAt, omit }: Trial): Promise<readonly [boolean, number | undefined]> {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
  const first = new FilesystemCheckpoints({ disk, dir: DIR })
  await first.open()
  for (let id = OLDER; id <= NEWEST; id++) await first.persist(metadataOf(id, 1, [[], []]))
  let count = -Infinity
  let crash!: () => void
  const crashed = new Promise<false>((resolve) => (crash = () => resolve(false)))
  const failing = interceptDisk(disk.attach(), (call, perform) => {
    if (count++ === crashAt) {
      void perform()
      disk.crash()
      crash()
      return never
    }
    return omit?.(call) === true ? Promise.resolve() : perform()
  })
  const storage = new FilesystemCheckpoints({ disk: failing, dir: DIR })
  await storage.open()
  const { checkpoint } = await storage.resolveRestore(`${DIR}/chk-${OLDER}`)
  count = 0
  const hasGoneBack = await Promise.race([crashed, storage.goOnFrom(checkpoint).then(() => true)])
  if (hasGoneBack) disk.crash()
  return [hasGoneBack, await restoreLatest(disk.attach())]
}

async function search(omit?: Trial['omit']): Promise<number> {
  let crashes = 0
  for (let seed = 1; seed <= 15; seed++) {
    for (let crashAt = 0, isOver = false; !isOver; crashAt++) {
      const [hasGoneBack, latest] = await latestAfter({ seed, crashAt, ...(omit === undefined ? {} : { omit }) })
      assert.ok(latest === OLDER || (latest === NEWEST && !hasGoneBack), `seed ${seed}, call ${crashAt}: the latest is ${latest}`)
      isOver = hasGoneBack
      crashes++
    }
  }
  return crashes
}

describe('a power failure while a job goes back', () => {
  it('leaves the latest checkpoint what it was, or what the job goes back to', async () => {
    const crashes = await search()
    assert.ok(crashes > 90, `only ${crashes} crashes`)
  })

  it('would show that a sync is missing', async () => {
    await assert.rejects(search(({ operation, path }) => operation === 'syncDirectory' && path.includes('/chk-')))
  })
})
