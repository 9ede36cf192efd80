// A process dies while it removes checkpoints, and the power fails in the same moment or after the next start: what is gone stays gone, what is there is whole.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DiskError, MillraceError, type Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, type NameFate } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { DIR, emptyHistory, metadataOf, run } from './checkpoint-history.ts'
import { endAt, interceptDisk, type Intercept } from './crashing-disk.ts'

/** What `run` leaves: the newer one needs the older one's files, but not all of them. */
const [OLDER, NEWER, NEXT] = [2, 4, 5]

const changes: ReadonlySet<string> = new Set(['rename', 'remove', 'removeTree', 'syncDirectory'])

interface Removal {
  /** What this process has done before. */
  readonly before?: (storage: FilesystemCheckpoints) => Promise<unknown>
  /** What the job goes on from, then; `NEWER` by default. */
  readonly latest?: number
  readonly remove: (storage: FilesystemCheckpoints) => Promise<unknown>
  /** What the next start does besides. */
  readonly again?: (storage: FilesystemCheckpoints) => Promise<unknown>
  /** What fails meanwhile. */
  readonly failing?: Intercept
}

interface Trial extends Removal {
  /** The change of names during which the process dies. */
  readonly dieAt: number
  /** Whether the power fails with it, and not after the next start. */
  readonly atOnce: boolean
  /** What that does to names. */
  readonly fate: NameFate
}

async function goBack(storage: FilesystemCheckpoints): Promise<void> {
  const { checkpoint } = await storage.resolveRestore(`${DIR}/chk-${OLDER}`)
  await storage.goOnFrom(checkpoint)
}

async function goBackAndRetire(storage: FilesystemCheckpoints): Promise<void> {
  await goBack(storage)
  await storage.retire(NEWER)
}

async function failToComplete(storage: FilesystemCheckpoints): Promise<void> {
  await assert.rejects(storage.persist(metadataOf(NEXT, 1, [[], []])))
}

function failingFirstSync(): Intercept {
  let hasFailed = false
  return async ({ operation, path }, perform) => {
    if (hasFailed || operation !== 'syncDirectory' || path !== `${DIR}/chk-${NEXT}`) return await perform()
    hasFailed = true
    throw new DiskError('input-output', operation, path)
  }
}

/** Of each checkpoint that is there, whether it can be restored. */
async function start(disk: Disk, again?: Removal['again']): Promise<readonly string[]> {
  const storage = new FilesystemCheckpoints({ disk, dir: DIR })
  const { completed } = await storage.open()
  await again?.(storage)
  const found: string[] = []
  for (const id of completed) {
    const problem = await storage.resolveRestore(`${DIR}/chk-${id}`).then(
      () => 'whole',
      (error: unknown) => (error instanceof MillraceError ? error.code : String(error)),
    )
    found.push(`${id}: ${problem}`)
  }
  return found
}

/** Answers how many names the power failure met; undefined: the process did not die. */
async function attempt({
  before: prepare,
  latest = NEWER,
  remove,
  again,
  failing,
  dieAt,
  atOnce,
  fate,
}: Trial): Promise<number | undefined> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  await run(disk.attach(), 1, NEWER, emptyHistory())
  let isRemoving = false
  const died = await endAt(
    {
      disk: failing === undefined ? disk.attach() : interceptDisk(disk.attach(), failing),
      at: dieAt,
      end: () => disk.kill(),
      among: ({ operation }) => isRemoving && changes.has(operation),
    },
    async (mortal) => {
      const storage = new FilesystemCheckpoints({ disk: mortal, dir: DIR })
      await storage.open()
      await prepare?.(storage)
      isRemoving = true
      await remove(storage)
    },
  )
  if (!died) return undefined
  const before = atOnce ? undefined : await start(disk.attach(), again)
  const names = disk.unsyncedNames
  disk.crash(fate)
  const after = await start(disk.attach())
  if (before !== undefined) assert.deepEqual(after, before, JSON.stringify({ dieAt, fate }))
  const damaged = after.filter((found) => found.includes('CHECKPOINT_DAMAGED'))
  assert.deepEqual(damaged, [], JSON.stringify({ dieAt, fate }))
  assert.ok(after.length === 0 || after.some((found) => found.startsWith(`${latest}: `)), 'the latest goes last')
  return names
}

async function search(removal: () => Removal, atOnce: boolean): Promise<number> {
  let crashes = 0
  for (let dieAt = 0; ; dieAt++) {
    for (const loss of atOnce ? (['all-but-one'] as const) : (['later', 'all-but-one'] as const)) {
      for (let at = 0, names = 0; at <= names; at++, crashes++) {
        const met = await attempt({ ...removal(), dieAt, atOnce, fate: { loss, at } })
        if (met === undefined) return crashes
        names = met
      }
    }
  }
}

describe('checkpoints that a process removes as it dies', () => {
  const removals: readonly (readonly [string, () => Removal])[] = [
    ['one that newer ones have made superfluous', () => ({ remove: (storage) => storage.retire(OLDER) })],
    ['one that could not be completed', () => ({ remove: failToComplete, failing: failingFirstSync() })],
    ['those that are given up', () => ({ remove: goBack, again: goBack })],
    ['all', () => ({ remove: (storage) => storage.removeAll() })],
    ['all, of which the newest was given up', () => ({ before: goBack, latest: OLDER, remove: (storage) => storage.removeAll() })],
    [
      'all, of which one was given up and has just been retired',
      () => ({ before: goBackAndRetire, latest: OLDER, remove: (storage) => storage.removeAll() }),
    ],
  ]
  for (const [name, removal] of removals) {
    for (const atOnce of [true, false]) {
      it(`${name}: ${atOnce ? 'whole or gone when the power fails' : 'gone for good after the next start'}`, async () => {
        const crashes = await search(removal, atOnce)
        assert.ok(crashes > 5, `only ${crashes} crashes`)
      })
    }
  }
})
