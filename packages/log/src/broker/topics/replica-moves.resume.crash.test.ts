// Moves between log directories that a stop or a crash has interrupted, and what the next start makes of the copy that is there.
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { compactDue } from '../../storage/index.ts'
import { DIRS, PLACE, TwoDirectories, type TwoDirectoriesLife, type TwoDirectoriesOptions } from '../testing/two-directories.ts'

/** About a batch of these tests in 100 ms. */
const SLOW = { 'replica.alter.log.dirs.io.max.bytes.per.second': '1500' }
const values = (count: number, prefix = ''): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

class Bench extends TwoDirectories {
  constructor(options: TwoDirectoriesOptions = {}) {
    super({ config: SLOW, ...options })
  }

  /** Waits until the copy of the move under way has come so far. */
  async copied({ cluster }: TwoDirectoriesLife, offset: number): Promise<void> {
    while ([...cluster.topics.moves.all()][0]!.future.logEndOffset < offset) await this.clock.advance(10)
  }

  /** Goes on with what was interrupted, to its end. Gives where it went on, and what it came to. */
  async resume(life: TwoDirectoriesLife, to: string): Promise<{ goesOnAt: unknown; contents: readonly string[] }> {
    this.told.length = 0
    const before = await this.contents(life)
    await this.clock.run(life.cluster.topics.moves.resume())
    assert.equal([...life.cluster.topics.moves.all()].length, 1, 'it goes on')
    await this.settled(life)
    assert.equal(life.directories.directoryOf(PLACE)!.path, to)
    const contents = await this.contents(life)
    assert.deepEqual(contents, before, 'the log is the same')
    const told = this.told.find(({ message }) => message === 'a move to another log directory goes on')
    return { goesOnAt: told?.fields['goesOnAt'], contents }
  }
}

for (const how of ['close', 'kill', 'crash'] as const) {
  test(`a move that a ${how} interrupts goes on where it was`, async () => {
    const bench = new Bench()
    let life = await bench.open()
    await bench.append(life, values(40))
    const to = await bench.beginMove(life)
    await bench.copied(life, 25)
    if (how === 'close') await bench.close(life)
    else bench.disk[how]()
    life = await bench.open()
    await bench.append(life, values(5, 'later-'))
    const { goesOnAt, contents } = await bench.resume(life, to)
    // A crash of the machine may take what is not synced: all but the segment that is written.
    assert.ok(Number(goesOnAt) >= (how === 'crash' ? 14 : 25), String(goesOnAt))
    assert.equal(contents.length, 45)
    await bench.close(life)
    life = await bench.open()
    assert.deepEqual(await bench.contents(life), contents)
    await bench.close(life)
    assert.equal(bench.disk.openHandles, 0)
  })
}

test('what a crash took from the log goes from its copy too, also where the log has gone on otherwise since', async () => {
  let divergent = 0
  for (let seed = 1; seed <= 5; seed++) {
    const bench = new Bench({ seed, durable: false, topic: { 'segment.bytes': '100000' } })
    let life = await bench.open()
    await bench.append(life, values(20))
    await bench.clock.run(life.partition.log.flush())
    await bench.append(life, values(40, 'lost-'))
    const to = await bench.beginMove(life)
    await bench.copied(life, 40)
    await bench.clock.run([...life.cluster.topics.moves.all()][0]!.future.flush())
    bench.disk.crash()
    life = await bench.open()
    const end = life.partition.log.logEndOffset
    assert.ok(end >= 20, 'what was flushed is there')
    await bench.append(life, values(30, 'other-'))
    await bench.clock.run(life.partition.log.flush())
    bench.disk.kill()
    life = await bench.open()
    const { goesOnAt } = await bench.resume(life, to)
    if (end < 40) divergent++
    assert.ok(Number(goesOnAt) <= end, `${String(goesOnAt)} of ${end}`)
    await bench.close(life)
  }
  assert.ok(divergent > 1, `${divergent}`)
})

test('a copy whose log was compacted beyond it begins anew: a tombstone that has gone deleted what it has', async () => {
  // How often the directory notes what is compacted, before it dies.
  for (const noteCount of [0, 1, Infinity]) {
    const bench = new Bench({
      topic: { 'cleanup.policy': 'compact', 'delete.retention.ms': '0', 'min.cleanable.dirty.ratio': '0', 'segment.bytes': '200' },
    })
    let life = await bench.open()
    await bench.append(life, values(3), 'k')
    await bench.append(life, values(20), 'other')
    await bench.append(life, [null], 'k')
    await bench.append(life, values(3), 'other')
    const to = await bench.beginMove(life)
    await bench.copied(life, 8)
    await bench.close(life)
    // Lives in which nobody knows of the copy.
    for (let round = 0; round < 3; round++) {
      life = await bench.open()
      await bench.append(life, values(2), 'other')
      await bench.clock.advance(100_000)
      if (noteCount < Infinity)
        bench.disk.fail({ operations: ['open'], path: /cleaner-offset-checkpoint/, skip: noteCount, delayMs: 1_000_000_000 })
      void compactDue(life.directories.directoryOf(PLACE)!, 1 << 20, () => false)
      await bench.clock.advance(1_000)
      bench.disk.kill()
      bench.disk.heal()
    }
    life = await bench.open()
    const hasTombstone = (await bench.contents(life)).some((each) => each.endsWith(':null'))
    assert.equal(hasTombstone, noteCount === 0, 'nothing goes before it is noted that it may')
    const { goesOnAt } = await bench.resume(life, to)
    assert.equal(goesOnAt, noteCount === 0 ? 8 : 0)
    await bench.close(life)
  }
})

test('a copy below what was compacted before goes on', async () => {
  const bench = new Bench({ topic: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'segment.bytes': '400' } })
  let life = await bench.open()
  for (let key = 0; key < 30; key++) await bench.append(life, values(1), `k${key}`)
  await bench.clock.run(compactDue(life.directories.directoryOf(PLACE)!, 1 << 20, () => false))
  const to = await bench.beginMove(life)
  await bench.copied(life, 10)
  await bench.close(life)
  life = await bench.open()
  const { goesOnAt } = await bench.resume(life, to)
  assert.ok(Number(goesOnAt) >= 10, String(goesOnAt))
  await bench.close(life)
})

test('a log of which there is a copy is not compacted before the move goes on', async () => {
  const bench = new Bench()
  let life = await bench.open()
  await bench.append(life, values(20))
  await bench.beginMove(life)
  await bench.copied(life, 5)
  await bench.close(life)
  life = await bench.open()
  life.cluster.topics.moves.hold()
  assert.equal(life.partition.log.isCompactionPaused, true)
  await bench.clock.run(life.cluster.topics.moves.resume())
  await bench.settled(life)
  assert.equal(life.partition.log.isCompactionPaused, false)
  await bench.close(life)
})

test('a copy of a former topic of the name begins anew', async () => {
  const bench = new Bench()
  let life = await bench.open()
  await bench.append(life, values(30, 'former-'))
  const to = await bench.beginMove(life)
  await bench.copied(life, 20)
  await bench.close(life)
  life = await bench.open([DIRS.find((dir) => dir !== to)!])
  await bench.clock.run(life.cluster.controller.delete(life.cluster.topics.named('t')!.idText))
  await bench.clock.run(bench.makeTopic(life.cluster))
  life = { ...life, partition: life.cluster.topics.named('t')!.partitions[0]! }
  await bench.append(life, values(30, 'new-'))
  await bench.close(life)
  life = await bench.open()
  const { goesOnAt } = await bench.resume(life, to)
  assert.equal(goesOnAt, undefined, 'nothing to go on from')
  await bench.close(life)
})

test('a move that was ended stays ended, whatever moment the machine dies at', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const bench = new Bench({ seed, latencyMs: [0, 1] })
    let life = await bench.open()
    const from = life.directories.directoryOf(PLACE)!.path
    await bench.append(life, values(30))
    const to = await bench.beginMove(life)
    await bench.copied(life, 20)
    let isEnded = false
    void life.cluster.topics.moves.begin(PLACE, resolve(from)).then(() => (isEnded = true))
    // Also in the middle of the removal of the files.
    for (let step = 0; step < seed * 9; step++) if (!(await bench.clock.step())) break
    bench.disk.crash()
    life = await bench.open()
    await bench.clock.run(life.cluster.topics.moves.resume())
    if (isEnded) assert.deepEqual([...life.cluster.topics.moves.all()], [])
    await bench.settled(life)
    assert.deepEqual(
      await bench.contents(life),
      values(30).map((value, offset) => `${offset}:${value}`),
      `seed ${seed}, to ${to}`,
    )
    await bench.close(life)
  }
})
