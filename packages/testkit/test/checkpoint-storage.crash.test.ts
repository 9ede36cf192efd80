import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { checkAfterCrash, checkNoOrphans, DIR, emptyHistory, restoreLatest, run, type History } from './checkpoint-history.ts'
import { interceptDisk, never, type DiskCall } from './crashing-disk.ts'

const CHECKPOINTS = 10

interface Trial {
  readonly seed: number
  /** The operation during which it happens. */
  readonly crashAt: number
  /** Only the process dies, the system lives on; the power fails later. */
  readonly kill?: boolean
  /** Counts only these operations. */
  readonly among?: (call: DiskCall) => boolean
  /** Syncs that only pretend. */
  readonly omit?: (call: DiskCall) => boolean
}

function withoutSyncs(disk: Disk, omit: Trial['omit']): Disk {
  return interceptDisk(disk, (call, perform) => (omit?.(call) === true ? Promise.resolve() : perform()))
}

/** Runs until the crash; answers whether it came. */
async function runUntilCrash(
  disk: SimulatedDisk,
  { crashAt, omit, kill, among }: Trial,
  attempt: number,
  history: History,
): Promise<boolean> {
  let count = 0
  let crashed!: () => void
  const crash = new Promise<'crashed'>((resolve) => (crashed = () => resolve('crashed')))
  const life = disk.attach()
  const crashing = interceptDisk(withoutSyncs(life, omit), (call, perform) => {
    if (among?.(call) === false || count++ !== crashAt) return perform()
    void perform()
    if (kill === true) disk.kill()
    else disk.crash()
    crashed()
    return never
  })
  return (await Promise.race([crash, run(crashing, attempt, CHECKPOINTS, history)])) === 'crashed'
}

/** A first run that crashes, a second one that crashes as soon as it has restored, what must hold then, and a third that ends well. */
async function tryCrash(trial: Trial): Promise<boolean> {
  const disk = new SimulatedDisk({ random: new SeededRandom(trial.seed) })
  const history = emptyHistory()
  const hasCrashed = await runUntilCrash(disk, trial, 1, history)
  if (!hasCrashed) return false
  const restored = await restoreLatest(withoutSyncs(disk.attach(), trial.omit))
  disk.crash()
  // What was restored from counts as complete: the job's sinks have committed upon it.
  if (restored !== undefined) history.completed.add(restored)
  assert.equal(await checkAfterCrash(withoutSyncs(disk.attach(), trial.omit), history), restored)
  await run(disk.attach(), 3, 3, history)
  await checkAfterCrash(disk.attach(), history)
  return true
}

/** Crashes at every operation in turn; the first seed's trials end when the run is over before the crash. */
async function search(seeds: readonly number[], step: number, how: Pick<Trial, 'omit' | 'kill' | 'among'> = {}): Promise<number> {
  let crashes = 0
  for (const seed of seeds) {
    for (let crashAt = seed % step; ; crashAt += step) {
      if (!(await tryCrash({ seed, crashAt, ...how }))) break
      crashes++
    }
  }
  return crashes
}

describe('checkpoint storage, crashing', () => {
  it('restores the newest complete checkpoint, whole, whenever it happens', async () => {
    const crashes = await search([1, 2, 3], 3)
    assert.ok(crashes > 200, `only ${crashes} crashes`)
  })

  it('does not lose what was restored after a kill, when the power fails later', async () => {
    const among = ({ operation, path }: DiskCall): boolean =>
      operation === 'rename' || (operation === 'syncDirectory' && path.startsWith(DIR))
    const crashes = await search([4, 5, 6], 1, { kill: true, among })
    assert.ok(crashes > 60, `only ${crashes} crashes`)
  })

  it('keeps what retained checkpoints refer to and nothing else, without a restart', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const history = emptyHistory()
    const storage = await run(disk, 1, CHECKPOINTS, history)
    await checkNoOrphans(
      disk,
      storage,
      [...history.completed].filter((id) => !history.retired.has(id)),
    )
  })

  const syncs: readonly [string, (call: DiskCall) => boolean][] = [
    ['of a state file', ({ operation, path }) => operation === 'file.sync' && path.includes('/shared/')],
    ['of the names of state files', ({ operation, path }) => operation === 'syncDirectory' && path === `${DIR}/shared`],
    ['of the metadata', ({ operation, path }) => operation === 'file.sync' && path.includes('_metadata')],
    ['of the name of the metadata', ({ operation, path }) => operation === 'syncDirectory' && /\/chk-\d+$/.test(path)],
    ['of the name of the checkpoint', ({ operation, path }) => operation === 'syncDirectory' && path === DIR],
    ['of the folders above', ({ operation, path }) => operation === 'syncDirectory' && !path.startsWith(DIR)],
  ]
  for (const [name, omit] of syncs) {
    it(`would notice the sync ${name} missing`, async () => {
      const seeds = Array.from({ length: 40 }, (_, index) => index + 1)
      await assert.rejects(search(seeds, 7, { omit }))
    })
  }
})
