// A job removes its newest checkpoints to go back behind them, and its process dies at any call of the disk, or the power fails: the next start finds where to go on.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom, SimulatedDisk, type NameFate } from '@millrace/testkit'
import { nodeClock, type Disk } from '@millrace/core'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { FileOriginNote } from '../../engine/src/checkpoint/origin-note.ts'
import { RootedCheckpoints } from '../../engine/src/checkpoint/origins.ts'
import { dropCheckpointsFrom } from '../../engine/src/runtime/restore/restoration.ts'
import { DIR, metadataOf, start, take } from './checkpoint-history.ts'
import { endAt, type DiskCall } from './crashing-disk.ts'

/** Where the job has begun: before its checkpoints, some of which are lost. */
const ORIGIN = '/savepoints/savepoint-1'
const [BEFORE, OLDER, NEWEST] = [3, 4, 5]
const REFUSED = 'CHECKPOINT_ALL_DAMAGED'

/** What leaves names that a loss of power meets. */
const changes: ReadonlySet<string> = new Set(['rename', 'remove', 'removeTree', 'syncDirectory'])

interface Situation {
  readonly about: string
  /** What the job goes back to: where it has begun, or a checkpoint of its own. */
  readonly behind: 'origin' | 'checkpoint'
  readonly lose: (disk: Disk) => Promise<void>
  /** What the latest is before anything is removed. */
  readonly latest: string
}

const situations: readonly Situation[] = [
  { about: 'the newest was given up', behind: 'origin', lose: giveUpNewest, latest: `${DIR}/chk-${OLDER}` },
  {
    about: 'the newest is damaged',
    behind: 'origin',
    lose: (disk) => empty(disk, `chk-${NEWEST}/_metadata`),
    latest: `${DIR}/chk-${OLDER}`,
  },
  { about: 'state of the newest is damaged', behind: 'origin', lose: (disk) => loseState(disk, NEWEST), latest: `${DIR}/chk-${OLDER}` },
  { about: 'state of the older one is damaged', behind: 'origin', lose: (disk) => loseState(disk, OLDER), latest: `${DIR}/chk-${NEWEST}` },
  { about: 'state of all is damaged', behind: 'origin', lose: (disk) => loseState(disk, OLDER, NEWEST), latest: REFUSED },
  { about: 'state of the newest is damaged', behind: 'checkpoint', lose: (disk) => loseState(disk, NEWEST), latest: `${DIR}/chk-${OLDER}` },
  {
    about: 'state of all later ones is damaged',
    behind: 'checkpoint',
    lose: (disk) => loseState(disk, OLDER, NEWEST),
    latest: `${DIR}/chk-${BEFORE}`,
  },
]

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

async function empty(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(`${DIR}/${path}`, 'write')
  await file.sync()
  await file.close()
}

async function loseState(disk: Disk, ...ids: readonly number[]): Promise<void> {
  for (const id of ids) await empty(disk, `shared/1-${id}-0-0-state`)
}

async function giveUpNewest(disk: Disk): Promise<void> {
  const storage = storageOn(disk)
  await storage.open()
  await storage.goOnFrom((await storage.resolveRestore(`${DIR}/chk-${OLDER}`)).checkpoint)
}

async function prepare(disk: Disk, { behind, lose }: Situation): Promise<void> {
  const savepoint = new FilesystemCheckpoints({ disk, dir: '/savepoints' })
  await savepoint.open()
  await savepoint.persist(metadataOf(1, 1, [[], []]))
  await disk.rename('/savepoints/chk-1', ORIGIN)
  await disk.syncDirectory('/savepoints')
  const storage = storageOn(disk)
  await storage.open()
  await storage.goOnFrom((await storage.resolveRestore(ORIGIN)).checkpoint)
  for (const id of behind === 'origin' ? [OLDER, NEWEST] : [BEFORE, OLDER, NEWEST])
    await take(storage, id, Buffer.from(`the state of checkpoint ${id}`))
  await lose(disk)
}

interface Trial {
  /** The call of the disk at which the process dies; where the power fails as well, of those that change names. */
  readonly dieAt: number
  /** Whether the power fails with it, and not after the next start; undefined: it does not fail. */
  readonly power?: { readonly atOnce: boolean; readonly fate: NameFate }
}

interface Outcome {
  /** What the next start has gone on from; and the one after it, where the power has failed in between. */
  readonly found: readonly string[]
  readonly died: boolean
  /** How many names a loss of power could meet. */
  readonly names: number
}

async function attempt(situation: Situation, { dieAt, power }: Trial): Promise<Outcome> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  await prepare(disk.attach(), situation)
  const among = ({ operation }: DiskCall): boolean => power === undefined || changes.has(operation)
  const died = await endAt({ disk: disk.attach(), at: dieAt, end: () => disk.kill(), among }, async (mortal) => {
    assert.ok(await dropCheckpointsFrom({ storage: storageOn(mortal), clock: nodeClock }, OLDER, () => {}))
  })
  const found: string[] = []
  if (power?.atOnce !== true) found.push(await start(storageOn(disk.attach())))
  const names = disk.unsyncedNames
  if (power !== undefined) {
    disk.crash(power.fate)
    found.push(await start(storageOn(disk.attach())))
  }
  return { found, died, names }
}

describe('checkpoints that a job goes back behind, killed at any moment,', () => {
  for (const situation of situations) {
    const behind = situation.behind === 'origin' ? ORIGIN : `${DIR}/chk-${BEFORE}`

    it(`leave the latest, and from some moment on what is before them: ${situation.about}, and behind them is ${situation.behind === 'origin' ? 'where it has begun' : 'another'}`, async () => {
      const seen: string[] = []
      for (let dieAt = 0, died = true; died; dieAt++) {
        const outcome = await attempt(situation, { dieAt })
        died = outcome.died
        seen.push(outcome.found[0]!)
      }
      const at = seen.indexOf(behind)
      assert.deepEqual(seen, [...Array<string>(at).fill(situation.latest), ...Array<string>(seen.length - at).fill(behind)])
    })

    it(`leave either one when the power fails too, and a start is not taken back: ${situation.about}, ${situation.behind}`, async () => {
      for (const atOnce of [true, false]) {
        for (let dieAt = 0, died = true; died; dieAt++) {
          for (let at = 0, names = 0; at <= names; at++) {
            const outcome = await attempt(situation, { dieAt, power: { atOnce, fate: { loss: 'all-but-one', at } } })
            const [first, second = first] = outcome.found
            assert.ok(first === behind || first === situation.latest, `${first} at call ${dieAt}`)
            assert.equal(second, first, `at call ${dieAt}, name ${at}`)
            died = outcome.died
            names = outcome.names
          }
        }
      }
    })
  }
})
