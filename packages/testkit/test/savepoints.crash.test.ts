// A savepoint is interrupted at every operation of the disk, by the death of the process or of the machine: the next start knows it, or removes it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '@millrace/core'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import type { CheckpointMetadata } from '../../engine/src/checkpoint/metadata/metadata.ts'
import { FilesystemSavepoints } from '../../engine/src/checkpoint/savepoints.ts'
import { FilesystemStateFiles } from '../../engine/src/checkpoint/filesystem/state-files.ts'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { endAt, interceptDisk, never } from './crashing-disk.ts'

const NOTES = '/state/savepoints-under-way'
const FOLDER = '/savepoints/savepoint-1'
const identity = { attempt: 1, task: 0, subtask: 0 }

/** Takes a savepoint as a job does; answers once its user has been told. */
async function save(disk: Disk): Promise<void> {
  const savepoints = new FilesystemSavepoints({ disk, notes: NOTES })
  await savepoints.begin(FOLDER)
  const writer = await new FilesystemStateFiles(disk, FOLDER).createStateFile(identity, 7, 'operator-0')
  await writer.write(Buffer.from('the state of one subtask'))
  await savepoints.persist(FOLDER, metadataOf(await writer.finish()))
}

function metadataOf(file: Awaited<ReturnType<Awaited<ReturnType<FilesystemStateFiles['createStateFile']>>['finish']>>): CheckpointMetadata {
  return {
    jobName: 'job',
    fingerprint: '',
    params: {},
    checkpointId: 7,
    kind: 'savepoint',
    attempt: 1,
    triggeredMs: 0,
    operators: [
      {
        stateId: 'a',
        kind: 'keyed-process',
        name: 'a',
        maxParallelism: 1,
        parallelism: 1,
        states: [],
        subtasks: [{ keyed: [{ ...file, segments: [] }] }],
      },
    ],
  }
}

async function exists(disk: Disk, path: string): Promise<boolean> {
  return await disk.stat(path).then(
    () => true,
    () => false,
  )
}

/** Answers whether it is there; if not, nothing of it is. */
async function isWhole(disk: Disk): Promise<boolean> {
  if (!(await exists(disk, `${FOLDER}/_metadata`))) {
    assert.equal(await exists(disk, FOLDER), false, 'nothing half-written is left')
    return false
  }
  const elsewhere = new FilesystemCheckpoints({ disk, dir: '/another-job' })
  await elsewhere.open()
  const { checkpoint } = await elsewhere.resolveRestore(FOLDER)
  assert.equal(checkpoint?.metadata.checkpointId, 7)
  return true
}

/** The process dies as it discards one, and the power fails at a call of the next start, or after it. Answers which of the two came, and how many names were at stake. */
async function discardTwice(
  dieAt: number,
  crashAt: number,
  at: number,
): Promise<readonly [died: boolean, crashed: boolean, names: number]> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  let names = 0
  const crash = (): void => {
    names = disk.unsyncedNames
    disk.crash({ loss: 'all-but-one', at })
  }
  await save(disk.attach())
  const discarding = { disk: disk.attach(), at: dieAt, end: () => disk.kill() }
  const died = await endAt(discarding, (mortal) => new FilesystemSavepoints({ disk: mortal, notes: NOTES }).discard(FOLDER))
  const recovering = { disk: disk.attach(), at: crashAt, end: crash }
  const crashed = await endAt(recovering, (mortal) => new FilesystemSavepoints({ disk: mortal, notes: NOTES }).recover())
  if (!crashed) crash()
  await new FilesystemSavepoints({ disk: disk.attach(), notes: NOTES }).recover()
  await isWhole(disk.attach())
  return [died, crashed, names]
}

/** Answers whether the crash came. */
async function interrupt(crashAt: number, how: 'kill' | 'crash', seed: number): Promise<boolean> {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) })
  let count = 0
  let told = false
  const crash = Promise.withResolvers<true>()
  const crashing = interceptDisk(disk.attach(), (_call, perform) => {
    if (count++ !== crashAt) return perform()
    void perform().catch(() => {})
    if (how === 'kill') disk.kill()
    else disk.crash()
    crash.resolve(true)
    return never
  })
  const hasCrashed = await Promise.race([crash.promise, save(crashing).then(() => false)])
  if (!hasCrashed) {
    told = true
    disk.crash()
  }
  const after = disk.attach()
  const found = await new FilesystemSavepoints({ disk: after, notes: NOTES }).recover()
  const isComplete = await isWhole(after)
  if (told) assert.ok(isComplete, 'what the user was told of is there')
  for (const { path, found: what } of found) assert.deepEqual([path, what], [FOLDER, isComplete ? 'complete' : 'removed'])
  // A second start finds nothing to do, whatever crashes now.
  disk.crash()
  assert.deepEqual(await new FilesystemSavepoints({ disk: disk.attach(), notes: NOTES }).recover(), [])
  return hasCrashed
}

void describe('a savepoint that is interrupted', () => {
  for (const how of ['kill', 'crash'] as const) {
    void it(`by a ${how} at any operation of the disk is whole or gone at the next start`, async () => {
      for (let seed = 1; seed <= 5; seed++) {
        let crashAt = 0
        while (await interrupt(crashAt, how, seed)) crashAt++
        assert.ok(crashAt > 20, `only ${crashAt} operations`)
      }
    })
  }

  void it('by a kill while it is discarded, and a crash in the next start, is whole or gone', async () => {
    let crashes = 0
    for (let dieAt = 0, died = true; died; dieAt++) {
      for (let crashAt = 0, crashed = true; crashed; crashAt++) {
        for (let at = 0, names = 1; at < names; at++, crashes++) [died, crashed, names] = await discardTwice(dieAt, crashAt, at)
      }
    }
    assert.ok(crashes > 50, `only ${crashes} crashes`)
  })
})
