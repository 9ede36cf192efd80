// A job removes its newest checkpoints to go back behind them, and its process dies meanwhile, or the power fails: the next start finds where to go on.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom, SimulatedDisk, type NameFate } from '@millrace/testkit'
import type { Disk } from '@millrace/core'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem.ts'
import { FileOriginNote } from '../../engine/src/checkpoint/origin-note.ts'
import { RootedCheckpoints } from '../../engine/src/checkpoint/origins.ts'
import { dropCheckpointsFrom } from '../../engine/src/runtime/restoration.ts'
import { DIR, metadataOf } from './checkpoint-history.ts'
import { endAt, type DiskCall } from './crashing-disk.ts'

/** Where the job has begun: before its checkpoints, one of which was given up. */
const ORIGIN = '/savepoints/savepoint-1'
const [WHOLE, NEWEST] = [4, 5]

const changes: ReadonlySet<string> = new Set(['rename', 'remove', 'removeTree', 'syncDirectory'])

function storageOn(disk: Disk): RootedCheckpoints {
  return new RootedCheckpoints({
    own: new FilesystemCheckpoints({ disk, dir: DIR }),
    mode: 'no-claim',
    numRetained: 3,
    note: new FileOriginNote(disk, DIR),
    dispose: async () => {},
    lockBeside: async () => undefined,
  })
}

async function prepare(disk: Disk, lost: 'given up' | 'damaged'): Promise<void> {
  const savepoint = new FilesystemCheckpoints({ disk, dir: '/savepoints' })
  await savepoint.open()
  await savepoint.persist(metadataOf(1, 1, [[], []]))
  await disk.rename('/savepoints/chk-1', ORIGIN)
  await disk.syncDirectory('/savepoints')
  const storage = storageOn(disk)
  await storage.open()
  await storage.goOnFrom((await storage.resolveRestore(ORIGIN)).checkpoint)
  for (const id of [WHOLE, NEWEST]) await storage.persist(metadataOf(id, 1, [[], []]))
  if (lost === 'given up') await storage.goOnFrom((await storage.resolveRestore(`${DIR}/chk-${WHOLE}`)).checkpoint)
  else {
    const file = await disk.open(`${DIR}/chk-${NEWEST}/_metadata`, 'write')
    await file.sync()
    await file.close()
  }
}

/** What the next start goes on from. @throws where it is refused */
async function latest(disk: Disk): Promise<string | undefined> {
  const storage = storageOn(disk)
  await storage.open()
  return (await storage.resolveRestore('latest')).checkpoint?.path
}

/** Answers what is the latest then, and how many names the power failure met. */
async function latestAfter(
  lost: 'given up' | 'damaged',
  dieAt: number,
  fate: NameFate | undefined,
): Promise<[string | undefined, number, boolean]> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const among = ({ operation }: DiskCall): boolean => changes.has(operation)
  await prepare(disk.attach(), lost)
  const died = await endAt({ disk: disk.attach(), at: dieAt, end: () => disk.kill(), among }, async (mortal) => {
    assert.ok(await dropCheckpointsFrom(storageOn(mortal), WHOLE, () => {}))
  })
  const names = disk.unsyncedNames
  if (fate !== undefined) disk.crash(fate)
  return [await latest(disk.attach()), names, died]
}

describe('checkpoints that a job goes back behind', () => {
  for (const lost of ['given up', 'damaged'] as const)
    it(`leave the latest, or what is before them, where the newest was ${lost}`, async () => {
      const seen = new Set<string | undefined>()
      for (let dieAt = 0, died = true; died; dieAt++) {
        const [found, names, hasDied] = await latestAfter(lost, dieAt, undefined)
        seen.add(found)
        died = hasDied
        for (const loss of ['later', 'all-but-one'] as const)
          for (let at = 0; at <= names; at++) seen.add((await latestAfter(lost, dieAt, { loss, at }))[0])
      }
      assert.deepEqual(seen, new Set([`${DIR}/chk-${WHOLE}`, ORIGIN]))
    })
})
